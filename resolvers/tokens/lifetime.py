"""How long a token of a program works."""

from keys.refusals import InvalidInput

DAYS_AT_MOST = 366


def checked_days(days: int, field: str) -> int:
    """Returns the number if it is a lifetime that a token may have. Raises InvalidInput for the field."""
    if not 1 <= days <= DAYS_AT_MOST:
        raise InvalidInput(field, f"Choose 1 to {DAYS_AT_MOST} days.")
    return days
