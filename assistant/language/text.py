"""Sentences with named slots, which are rendered later, in the language of the answer."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal, Union

SLOT = re.compile(r"\{(\w+)\}")
"""A slot of a sentence. There is no way to write a brace that is none."""
COUNT = "count"
"""The slot for the number in a `counted` sentence."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day, such as 24 November 2026."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Moment:
    """A time in UTC, to the minute, such as 24 November 2026 at 14:03 UTC."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Listed:
    """A list, such as *a, b and c*, or *a, b or c*."""

    parts: tuple["Words", ...]
    last: Literal["and", "or"] = "and"

    def __bool__(self) -> bool:
        return bool(self.parts)


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence and what is in its slots. `plural` is set if it depends on the number in `number`."""

    message: str
    plural: str | None = None
    number: int = 0
    context: str | None = None
    slots: tuple[tuple[str, "Slot"], ...] = ()


Words = Union[Text, Listed, Day, Moment, str]  # noqa: UP007 - the names are defined above as strings
"""What can be shown: a sentence to render, or a string that is the same in every language."""
Slot = Union[Words, int]  # noqa: UP007


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence whose slots are filled later, possibly more than once."""

    message: str

    def fill(self, **slots: Slot) -> Text:
        """The sentence with these slots."""
        return say(self.message, **slots)


def say(message: str, /, **slots: Slot) -> Text:
    """A sentence. `message` is a literal in English, with a slot in braces for each keyword argument."""
    _check((message,), slots)
    return Text(message, slots=tuple(slots.items()))


def say_in(context: str, message: str, /, **slots: Slot) -> Text:
    """A sentence whose English words are translated differently elsewhere. `context` tells the two apart."""
    _check((message,), slots)
    return Text(message, context=context, slots=tuple(slots.items()))


def counted(one: str, many: str, number: int, /, **slots: Slot) -> Text:
    """A sentence for a number of things: `one` for 1, `many` for others. The number's own slot is `{count}`."""
    _check((one, many), {COUNT: number, **slots})
    return Text(one, many, number, slots=((COUNT, number), *slots.items()))


def template(message: str, /) -> Template:
    """A sentence whose slots are filled later."""
    return Template(message)


def listed(parts: Sequence[Words], last: Literal["and", "or"] = "and") -> Listed:
    """A list of names."""
    return Listed(tuple(parts), last)


def sentences(*said: "Words | None") -> "Words":
    """Whole sentences, one after the other. None is left out."""
    first, *others = [each for each in said if each is not None]
    for each in others:
        first = say("{first} {second}", first=first, second=each)
    return first


@lru_cache(maxsize=4096)
def slots_of(message: str) -> frozenset[str]:
    """The names of the slots in a sentence."""
    return frozenset(SLOT.findall(message))


def _check(messages: Sequence[str], slots: dict[str, Slot]) -> None:
    """Raises ValueError if a slot is missing, or is not in the sentence. The word *one* may stand for the number 1."""
    wanted = frozenset().union(*map(slots_of, messages))
    if wanted | {COUNT} != slots.keys() | {COUNT} or (COUNT in wanted) > (COUNT in slots):
        raise ValueError(f"the sentence has the slots {sorted(wanted)}, but was given {sorted(slots)}: {messages[0]}")
