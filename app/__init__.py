"""The program: the server, its command line, and what both are wired with. Importing this module loads nothing else."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The current time of the system's clock, in UTC."""
    return datetime.now(UTC)
