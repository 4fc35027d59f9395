"""
IN (…) lists that are padded to the next power of two, so that few distinct statements exist and compiled ones are
reused.
"""

from collections.abc import Collection, Iterator
from uuid import UUID

from sqlalchemy import BindParameter, Uuid, bindparam

AT_ONCE = 1_024
"""How many ids `in_parts` puts into one statement. Databases accept some ten thousand parameters."""


def in_parts(ids: Collection[UUID]) -> Iterator[list[UUID]]:
    """The ids in parts that fit into one statement each; nothing if there are none."""
    known = sorted(ids)
    for start in range(0, len(known), AT_ONCE):
        yield known[start : start + AT_ONCE]


def padded_size(ids: Collection[UUID]) -> int:
    """The number of placeholders in the statement for these ids. At least one id must be given."""
    return 1 << (len(ids) - 1).bit_length()


def placeholders(room: int, name: str = "id") -> list[BindParameter[UUID]]:
    """The parameters for the IN list of a statement."""
    return [bindparam(f"{name}_{number}", type_=Uuid()) for number in range(room)]


def padded_values(ids: Collection[UUID], name: str = "id") -> dict[str, UUID]:
    """The values of the parameters: the ids, then one of them again in the remaining places."""
    known = sorted(ids)
    known += known[-1:] * (padded_size(known) - len(known))
    return {f"{name}_{number}": each for number, each in enumerate(known)}
