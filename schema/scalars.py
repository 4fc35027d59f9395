"""Defines the scalar DateTime."""

from datetime import UTC, datetime

import strawberry
from strawberry.types.scalar import ScalarDefinition


def _serialize(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _parse(text: object) -> datetime:
    if not isinstance(text, str):
        raise TypeError("Use a time as text, such as 2026-11-24T12:00:00Z.")
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("Use a time in ISO 8601, such as 2026-11-24T12:00:00Z.") from None
    if instant.tzinfo is None:
        raise ValueError("Add the time zone, such as the Z in 2026-11-24T12:00:00Z.")
    return instant.astimezone(UTC)


INSTANT: ScalarDefinition = strawberry.scalar(
    name="DateTime",
    description="A point in time, ISO 8601 in UTC with a trailing Z.",
    serialize=_serialize,
    parse_value=_parse,
)
