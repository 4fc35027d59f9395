"""The queue in which organizations, and the people of each, take turns."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from keys.turns import Party, Turns

PARTIES = st.builds(Party, st.integers(0, 3).map(lambda number: UUID(int=number)), st.none() | st.uuids())


def party(organization: int, person: int) -> Party:
    return Party(UUID(int=organization), UUID(int=person))


def taken(turns: Turns[str]) -> list[str]:
    items = []
    while (item := turns.take()) is not None:
        items.append(item)
    return items


def test_organizations_take_turns_and_so_do_their_people() -> None:
    """A new item waits for at most one of each other organization, and one of each other person of its own."""
    turns = Turns[str]()
    for number in range(5):
        turns.add(f"many {number}", party(1, 1))
    turns.add("colleague", party(1, 2))
    turns.add("other organization", party(2, 3))

    assert taken(turns) == ["many 0", "other organization", "colleague", "many 1", "many 2", "many 3", "many 4"]


@given(st.lists(PARTIES, max_size=40))
def test_nothing_is_lost_and_each_keeps_their_own_order(parties: list[Party]) -> None:
    """Everything comes out once, and each person's items in the order in which they were added."""
    turns = Turns[tuple[int, Party]]()
    for number, each in enumerate(parties):
        assert turns.of_person(each) == parties[:number].count(each)
        turns.add((number, each), each)

    out = []
    while (item := turns.take()) is not None:
        out.append(item)

    assert sorted(number for number, _ in out) == list(range(len(parties)))
    for each in parties:
        own = [number for number, whose in out if whose == each]
        assert own == sorted(own)


@given(st.lists(st.tuples(PARTIES, st.booleans()), max_size=40))
def test_what_is_removed_never_comes_out_and_the_others_do(added: list[tuple[Party, bool]]) -> None:
    """An item is removed once; its party may have others, or none, that wait."""
    turns = Turns[int]()
    for number, (each, _) in enumerate(added):
        turns.add(number, each)

    for number, (each, is_removed) in enumerate(added):
        if is_removed:
            assert turns.remove(number, each)
            assert not turns.remove(number, each)

    out = []
    while (item := turns.take()) is not None:
        out.append(item)
    assert sorted(out) == [number for number, (_, is_removed) in enumerate(added) if not is_removed]
