"""Formats facts as text: dates, numbers, people, callers. Names from outside are shortened."""

from collections.abc import Sequence
from datetime import datetime

from assistant.facts.facts import Facts, KeyFacts
from keys.text import printable
from keys.token import hint_of
from models.agent import NamedAgent
from models.key_queries import ApiKeyRecord
from models.person import NamedPerson
from models.tokens.program_token import NamedToken

CHOSEN_BY_STRANGERS_AT_MOST = 80


def day(at: datetime) -> str:
    """A day, such as 24 November 2026."""
    return f"{at.day} {at:%B %Y}"


def moment(at: datetime) -> str:
    """A time, such as 24 November 2026 at 14:03 UTC."""
    return f"{day(at)} at {at:%H:%M} UTC"


def count(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun, such as 1 request or 2 requests."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def join(parts: Sequence[str], last: str = "and") -> str:
    """A list, such as a, b and c."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def sanitize(text: str, at_most: int = CHOSEN_BY_STRANGERS_AT_MOST) -> str:
    """A text from outside in one line, without invisible characters, of at most `at_most` characters."""
    line = " ".join(printable(text[: 4 * at_most], " ").split())
    return line if len(line) <= at_most else f"{line[: at_most - 1]}…"


def named(key: ApiKeyRecord) -> str:
    """A key's name in quotation marks."""
    return f"“{sanitize(key.name)}”"


def quoted_name(facts: Facts, key: KeyFacts) -> str:
    """A key's name in quotation marks, with its hint if another key has the same name."""
    name = key.record.name.casefold()
    same = sum(each.record.name.casefold() == name for each in facts.keys)
    return f"{named(key.record)} ({hint_of(key.record)})" if same > 1 else named(key.record)


def scope_of(key: ApiKeyRecord) -> str:
    """The scope of a key."""
    return "every agent of the organization" if key.agent is None else f"the agent “{sanitize(key.agent.name)}”"


def describe_key(key: ApiKeyRecord) -> str:
    """A key in a line of evidence."""
    return f"{sanitize(key.name)}, {hint_of(key)}, for {scope_of(key)}"


def who(did: NamedPerson | NamedToken | None) -> str:
    """A person with their e-mail address, a program's token by its name, or *the operator* for None."""
    match did:
        case None:
            return "the operator"
        case NamedToken():
            return f"the token “{sanitize(did.name)}”"
        case NamedPerson():
            return f"{sanitize(did.name)} ({did.email})"


def creator(key: ApiKeyRecord) -> str:
    """Who created the key."""
    return who(key.created_by or key.created_by_token)


def deleter(key: ApiKeyRecord) -> str:
    """Who deleted the key."""
    return who(key.deleted_by or key.deleted_by_token)


def people(persons: Sequence[NamedPerson], at_most: int = 3) -> str:
    """People to ask, such as Ada (ada@acme.example) or Bo (bo@acme.example)."""
    return join([who(person) for person in persons[:at_most]], "or")


def agents(named_agents: Sequence[NamedAgent]) -> str:
    """Agents by name, such as “Crawler” and “Biller”; empty if there is none."""
    return join([f"“{sanitize(each.name)}”" for each in named_agents])


def caller(ip_address: str | None, user_agent: str | None) -> str:
    """The IP address and user agent that a request came from, as far as they are known."""
    agent = sanitize(user_agent or "")
    return f"{ip_address or 'an unknown address'}{f' with {agent}' if agent else ''}"


def last_use(key: KeyFacts) -> str:
    """When the key was last used."""
    at = key.record.last_used_at
    return "never" if at is None else moment(at)


def why_free(key: KeyFacts) -> str:
    """Why a key might be deleted to free a slot, with a note if requests with it are refused."""
    last = key.record.last_used_at
    since = f"never used since it was created on {day(key.record.created_at)}"
    used = since if last is None else f"last used on {moment(last)}"
    tried = key.refused_in_all
    return used if not tried else f"{used}, but refused {count(tried, 'time')} in the last day"


def wait(milliseconds: int) -> str:
    """A waiting time, rounded up, in the largest unit that fits."""
    seconds = max(1, -(-milliseconds // 1000))
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            return count(-(-seconds // size), unit)
    return count(seconds, "second")
