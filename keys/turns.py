"""A queue in which organizations take turns, and in each organization its people."""

from collections import OrderedDict, deque
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

Item = TypeVar("Item")


class Party(NamedTuple):
    """For whom something waits; the person is null for the operator."""

    organization_id: UUID | str
    """The id, or its hexadecimal digits; the same in one queue."""
    person_id: UUID | None


NOBODY = Party(UUID(int=0), None)
"""Stands for all that is done for nobody in particular."""

_People = OrderedDict[UUID | None, deque[Item]]


class Turns(Generic[Item]):
    """
    What is taken out is, of the organization whose turn it is, the oldest item of the person whose turn it is there.

    So nobody waits for more than one item of each other organization, and of each other person of their own, however
    many these have added before.
    """

    def __init__(self) -> None:
        self._organizations: OrderedDict[UUID | str, _People[Item]] = OrderedDict()

    def add(self, item: Item, party: Party) -> None:
        """Adds it behind what the party has waiting."""
        people = self._organizations.setdefault(party.organization_id, OrderedDict())
        people.setdefault(party.person_id, deque()).append(item)

    def take(self) -> Item | None:
        """Takes the next one out, or returns None where nothing waits."""
        if not self._organizations:
            return None
        organization_id, people = self._organizations.popitem(last=False)
        person_id, items = people.popitem(last=False)
        item = items.popleft()
        if items:
            people[person_id] = items
        if people:
            self._organizations[organization_id] = people
        return item

    def remove(self, item: Item, party: Party) -> bool:
        """Takes this item of the party's out, whoever's turn it is; False where it does not wait."""
        people = self._organizations.get(party.organization_id)
        items = None if people is None else people.get(party.person_id)
        if people is None or items is None or item not in items:
            return False
        items.remove(item)
        if not items:
            del people[party.person_id]
        if not people:
            del self._organizations[party.organization_id]
        return True

    def of_person(self, party: Party) -> int:
        """How many the person has waiting in the organization."""
        people = self._organizations.get(party.organization_id)
        return 0 if people is None else len(people.get(party.person_id, ()))

    def of_organization(self, party: Party) -> int:
        """How many the organization has waiting."""
        people = self._organizations.get(party.organization_id)
        return 0 if people is None else sum(map(len, people.values()))
