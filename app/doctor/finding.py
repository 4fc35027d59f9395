"""The result of a check of `keydesk doctor`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check. `detail` contains no secret. A warning has `is_ok` set, because it is not a failure."""

    check: str
    is_ok: bool
    detail: str
