"""
The major versions of the schema.

Within a major version, revisions only add: programs that are older than the schema go on working, so that a migration
needs no gap in service. docs/reliability.md has the rules, and tests/models/migrations checks them.
"""

from collections.abc import Sequence
from typing import NamedTuple

from models.schema_compatibility import Compatibility


class Major(NamedTuple):
    """
    A major version: its number, its first revision, and the oldest program that can serve it.

    A program is named by the newest revision that it has. `serves_from` is older than `begins` if programs of the major
    version before have already stopped using what `begins` removes.
    """

    number: int
    begins: str
    serves_from: str


MAJORS = (Major(1, begins="0001", serves_from="0001"),)


def compatibility(revision: str, order: Sequence[str], majors: Sequence[Major] = MAJORS) -> Compatibility:
    """Which programs work with the schema at this revision. `order` has all revisions, oldest first."""
    place = order.index(revision)
    major = [each for each in majors if order.index(each.begins) <= place][-1]
    return Compatibility(major.number, major.serves_from)
