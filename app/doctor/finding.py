"""What a check of `keydesk doctor` found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, in words that hold no secret. A warning is no failure."""

    check: str
    is_ok: bool
    detail: str
