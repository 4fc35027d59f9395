"""The people whom a message names."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from assistant.facts.gather_people import NAMED_AT_MOST, named_members
from models.members import MemberRecord
from models.person import NamedPerson, Role


def member(name: str, email: str) -> MemberRecord:
    """A member of an organization."""
    person = NamedPerson(uuid4(), email, name)
    return MemberRecord(uuid4(), person, Role.MEMBER, (), datetime(2026, 1, 1, tzinfo=UTC), None)


MEMBERS = [
    member("Grace Hopper", "grace@example.com"),
    member("Grace Kelly", "kelly@example.com"),
    member("Will Page", "will@example.com"),
    member("Jo", "jo@example.com"),
    member("山田 太郎", "yamada@example.jp"),
]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("what happens to grace hopper's keys?", ["Grace Hopper"]),
        ("what about kelly@example.com?", ["Grace Kelly"]),
        ("KELLY@EXAMPLE.COM left", ["Grace Kelly"]),
        ("remove Grace", ["Grace Hopper", "Grace Kelly"]),
        ("remove hopper", ["Grace Hopper"]),
        ("disgraceful, gracelands, kelly-green", []),
        ("will she leave? open the page", []),
        ("please remove Will", ["Will Page"]),
        ("Will this work?", []),
        ("make jo an admin", ["Jo"]),
        ("Graceは退職しました", ["Grace Hopper", "Grace Kelly"]),
        ("山田 太郎の鍵は？", ["山田 太郎"]),
        ("xkelly@example.com", []),
        ("", []),
    ],
)
def test_people_are_named_by_address_name_or_a_part_of_it(text: str, names: list[str]) -> None:
    """A whole name or address counts before a part; ordinary words are no names."""
    assert [each.person.name for each in named_members(text, MEMBERS)] == names


def test_a_name_that_many_have_does_not_list_them_all() -> None:
    """Only the first few, by name."""
    many = [member(f"Alex {number}", f"alex{number}@example.com") for number in range(9)]

    assert len(named_members("what does Alex know?", many)) == NAMED_AT_MOST
