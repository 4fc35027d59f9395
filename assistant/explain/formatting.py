"""Owns how facts are put into words: instants, numbers, people, callers. What strangers chose is shortened."""

from collections.abc import Sequence
from datetime import datetime

from assistant.facts.facts import Facts, KeyFacts
from keys.text import printable
from keys.token import hint_of
from models.key_queries import ApiKeyRecord
from models.person import NamedPerson

CHOSEN_BY_STRANGERS_AT_MOST = 80


def day(at: datetime) -> str:
    """Such as 24 November 2026."""
    return f"{at.day} {at:%B %Y}"


def moment(at: datetime) -> str:
    """Such as 24 November 2026 at 14:03 UTC."""
    return f"{day(at)} at {at:%H:%M} UTC"


def count(number: int, one: str, many: str | None = None) -> str:
    """Such as 1 request, 2 requests."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def join(parts: Sequence[str], last: str = "and") -> str:
    """Such as a, b and c."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def sanitize(text: str, at_most: int = CHOSEN_BY_STRANGERS_AT_MOST) -> str:
    """What a stranger chose: in one line, without what can't be seen, and no longer than so many characters."""
    line = " ".join(printable(text[: 4 * at_most], " ").split())
    return line if len(line) <= at_most else f"{line[: at_most - 1]}…"


def named(key: ApiKeyRecord) -> str:
    """A key's name in quotation marks."""
    return f"“{sanitize(key.name)}”"


def quoted_name(facts: Facts, key: KeyFacts) -> str:
    """A key's name, with its hint where another has the same name: so a message says which of them is meant."""
    name = key.record.name.casefold()
    same = sum(each.record.name.casefold() == name for each in facts.keys)
    return f"{named(key.record)} ({hint_of(key.record)})" if same > 1 else named(key.record)


def scope_of(key: ApiKeyRecord) -> str:
    """What it is good for."""
    return "every agent of the organization" if key.agent is None else f"the agent “{sanitize(key.agent.name)}”"


def describe_key(key: ApiKeyRecord) -> str:
    """A key in a line of evidence."""
    return f"{sanitize(key.name)}, {hint_of(key)}, for {scope_of(key)}"


def who(person: NamedPerson | None) -> str:
    """A person, or the operator where there is none."""
    return "the operator" if person is None else f"{sanitize(person.name)} ({person.email})"


def people(persons: Sequence[NamedPerson], at_most: int = 3) -> str:
    """Some people to ask, such as Ada (ada@acme.example) or Bo (bo@acme.example)."""
    return join([who(person) for person in persons[:at_most]], "or")


def caller(ip_address: str | None, user_agent: str | None) -> str:
    """Where a request came from, as far as it is known."""
    agent = sanitize(user_agent or "")
    return f"{ip_address or 'an unknown address'}{f' with {agent}' if agent else ''}"


def last_use(key: KeyFacts) -> str:
    """When it was used last."""
    at = key.record.last_used_at
    return "never" if at is None else moment(at)


def why_free(key: KeyFacts) -> str:
    """Why a key comes to mind where one has to go; also that somebody tries to use it."""
    last = key.record.last_used_at
    since = f"never used since it was created on {day(key.record.created_at)}"
    used = since if last is None else f"last used on {moment(last)}"
    tried = key.refused_in_all
    return used if not tried else f"{used}, but refused {count(tried, 'time')} in the last day"


def wait(milliseconds: int) -> str:
    """How long, rounded up, in the largest unit that fits."""
    seconds = max(1, -(-milliseconds // 1000))
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            return count(-(-seconds // size), unit)
    return count(seconds, "second")
