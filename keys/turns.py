"""A queue in which organizations take turns, and people take turns within their organization."""

from collections import OrderedDict, deque
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

Item = TypeVar("Item")


class Party(NamedTuple):
    """The organization and person that an item in a queue is for. The person is None for the operator."""

    organization_id: UUID | str
    """The id or its hexadecimal digits; use one of the two forms throughout a queue."""
    person_id: UUID | None


NOBODY = Party(UUID(int=0), None)
"""The party of items that belong to no organization."""

_People = OrderedDict[UUID | None, deque[Item]]


class Turns(Generic[Item]):
    """
    A queue that serves the organizations in turn, within each its people in turn, and for each the oldest item.

    So before an organization's next item, at most one item of each other organization is served, and within an
    organization at most one of each other person, however many they have added.
    """

    def __init__(self) -> None:
        self._organizations: OrderedDict[UUID | str, _People[Item]] = OrderedDict()

    def add(self, item: Item, party: Party) -> None:
        """Adds an item after the party's other items."""
        people = self._organizations.setdefault(party.organization_id, OrderedDict())
        people.setdefault(party.person_id, deque()).append(item)

    def take(self) -> Item | None:
        """Removes and returns the next item; None if the queue is empty."""
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
        """Removes this item of the party; False if it is not in the queue. Takes time linear in the party's items."""
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
        """The number of items that the person has waiting in the organization."""
        people = self._organizations.get(party.organization_id)
        return 0 if people is None else len(people.get(party.person_id, ()))

    def of_organization(self, party: Party) -> int:
        """The number of items that the organization has waiting."""
        people = self._organizations.get(party.organization_id)
        return 0 if people is None else sum(map(len, people.values()))
