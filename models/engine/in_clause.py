"""
Owns how a statement that a module makes once asks for several ids: with room for a power of two of them, so that few
statements serve any number.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import BindParameter, Uuid, bindparam


def padded_size(ids: Collection[UUID]) -> int:
    """How many places the statement for these ids has. There is at least one id."""
    return 1 << (len(ids) - 1).bit_length()


def placeholders(room: int, name: str = "id") -> list[BindParameter[UUID]]:
    """The statement's parameters, for its IN."""
    return [bindparam(f"{name}_{number}", type_=Uuid()) for number in range(room)]


def padded_values(ids: Collection[UUID], name: str = "id") -> dict[str, UUID]:
    """The parameters' values: the ids, and in the places that are left one that is there already."""
    known = sorted(ids)
    known += known[-1:] * (padded_size(known) - len(known))
    return {f"{name}_{number}": each for number, each in enumerate(known)}
