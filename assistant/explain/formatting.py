"""Facts as words: people, keys, callers, numbers, reasons. Names from outside are shortened."""

from collections.abc import Mapping, Sequence

from assistant.facts.facts import Facts, KeyFacts
from assistant.language.text import Day, Listed, Moment, Text, Words, counted, listed, say, say_in
from keys.text import printable
from keys.token import hint_of
from models.agent import NamedAgent
from models.key_queries import ApiKeyRecord
from models.person import NamedPerson, OrganizationRecord, Role
from models.tokens.program_token import NamedToken
from models.usage.refused_request import RefusedReason

CHOSEN_BY_STRANGERS_AT_MOST = 80
ROLES: Mapping[Role, Text] = {
    Role.ORGANIZATION_ADMIN: say_in("role", "organization admin"),
    Role.AGENT_ADMIN: say_in("role", "agent admin"),
    Role.MEMBER: say_in("role", "member"),
}
"""The names of the roles. They are those of `keys.policy.ROLE_WORDS`."""
REASONS: Mapping[RefusedReason, Text] = {
    RefusedReason.MISSING_KEY: say("it contained no key"),
    RefusedReason.MALFORMED_KEY: say("its key does not have the form of a key"),
    RefusedReason.UNKNOWN_KEY: say("the key was not issued here in this form"),
    RefusedReason.DELETED_KEY: say("the key was deleted"),
    RefusedReason.REPLACED_SECRET: say("the secret was replaced"),
    RefusedReason.AGENT_NOT_IN_SCOPE: say("it was for another agent"),
    RefusedReason.RATE_LIMITED: say("over the rate limit"),
    RefusedReason.QUOTA_EXCEEDED: say("over the quota"),
    RefusedReason.GATEWAY_NOT_ALLOWED: say("it did not come through the gateway"),
    RefusedReason.UNAVAILABLE: say("verification was not available"),
}
"""Why a request was refused, in the words of `keys.outcomes`, which complete *refused:*."""


def requests(number: int) -> Text:
    """A number of requests."""
    return counted("{count} request", "{count} requests", number)


def keys(number: int) -> Text:
    """A number of keys."""
    return counted("{count} key", "{count} keys", number)


def sanitize(text: str, at_most: int = CHOSEN_BY_STRANGERS_AT_MOST) -> str:
    """A text from outside in one line, without invisible characters, of at most `at_most` characters."""
    line = " ".join(printable(text[: 4 * at_most], " ").split())
    return line if len(line) <= at_most else f"{line[: at_most - 1]}…"


def named(named_record: ApiKeyRecord | NamedAgent) -> str:
    """The name of a key or an agent, in quotation marks."""
    return f"“{sanitize(named_record.name)}”"


def quoted_name(facts: Facts, key: KeyFacts) -> str:
    """A key's name in quotation marks, with its hint if another key has the same name."""
    name = key.record.name.casefold()
    same = sum(each.record.name.casefold() == name for each in facts.keys)
    return f"{named(key.record)} ({hint_of(key.record)})" if same > 1 else named(key.record)


def scope_of(key: ApiKeyRecord) -> Text:
    """The scope of a key, as a value on its own."""
    if key.agent is None:
        return say("every agent of the organization")
    return say("the agent {agent}", agent=named(key.agent))


def describe_key(key: ApiKeyRecord) -> Text:
    """A key in a line of evidence."""
    name, hint = sanitize(key.name), hint_of(key)
    if key.agent is None:
        return say("{name}, {hint}, for every agent of the organization", name=name, hint=hint)
    return say("{name}, {hint}, for the agent {agent}", name=name, hint=hint, agent=named(key.agent))


def who(did: NamedPerson | NamedToken | None) -> Words:
    """A person with their e-mail address, a program's token by its name, or *the operator* for None."""
    match did:
        case None:
            return say_in("by whom", "the operator")
        case NamedToken():
            name = f"“{sanitize(did.name)}”"
            return say_in("by whom", "the token {token}", token=name)
        case NamedPerson():
            return person(did)


def person(known: NamedPerson) -> str:
    """A person with their e-mail address."""
    return f"{sanitize(known.name)} ({known.email})"


def role_in(role: Role, organization: OrganizationRecord) -> Text:
    """A role in an organization, such as *member of ACME*."""
    return say("{role} of {organization}", role=ROLES[role], organization=sanitize(organization.name))


def people_with(role: Role, number: int) -> Text:
    """A number of people with this role."""
    match role:
        case Role.ORGANIZATION_ADMIN:
            return counted("{count} organization admin", "{count} organization admins", number)
        case Role.AGENT_ADMIN:
            return counted("{count} agent admin", "{count} agent admins", number)
        case Role.MEMBER:
            return counted("{count} member", "{count} members", number)


def creator(key: ApiKeyRecord) -> Words:
    """Who created the key."""
    return who(key.created_by or key.created_by_token)


def deleter(key: ApiKeyRecord) -> Words:
    """Who deleted the key."""
    return who(key.deleted_by or key.deleted_by_token)


def people(persons: Sequence[NamedPerson], at_most: int = 3) -> Listed:
    """People to ask, such as Ada (ada@acme.example) or Bo (bo@acme.example)."""
    return listed([person(each) for each in persons[:at_most]], "or")


def agents(named_agents: Sequence[NamedAgent]) -> Listed:
    """Agents by name, such as “Crawler” and “Biller”; empty if there is none."""
    return listed([named(each) for each in named_agents])


def caller(ip_address: str | None, user_agent: str | None) -> Words:
    """The IP address and user agent that a request came from, as far as they are known."""
    program = sanitize(user_agent or "")
    if not program:
        return ip_address or say("an unknown address")
    if ip_address is None:
        return say("an unknown address with {program}", program=program)
    return say("{address} with {program}", address=ip_address, program=program)


def last_use(key: KeyFacts) -> Words:
    """When the key was last used."""
    at = key.record.last_used_at
    return say_in("last used", "never") if at is None else Moment(at)


def why_free(key: KeyFacts) -> Text:
    """Why a key might be deleted to free a slot, with a note if requests with it are refused."""
    last, tried = key.record.last_used_at, key.refused_in_all
    if last is None and not tried:
        return say("never used since it was created on {day}", day=Day(key.record.created_at))
    if last is None:
        return counted(
            "never used since it was created on {day}, but refused {count} time in the last day",
            "never used since it was created on {day}, but refused {count} times in the last day",
            tried,
            day=Day(key.record.created_at),
        )
    if not tried:
        return say("last used on {when}", when=Moment(last))
    return counted(
        "last used on {when}, but refused {count} time in the last day",
        "last used on {when}, but refused {count} times in the last day",
        tried,
        when=Moment(last),
    )


def passes_again_in(milliseconds: int) -> Text:
    """When requests pass again, rounded up, in the largest unit that fits."""
    seconds = max(1, -(-milliseconds // 1000))
    if seconds < 60:
        return counted("Requests pass again in {count} second.", "Requests pass again in {count} seconds.", seconds)
    if seconds < 3600:
        minutes = -(-seconds // 60)
        return counted("Requests pass again in {count} minute.", "Requests pass again in {count} minutes.", minutes)
    if seconds < 86_400:
        hours = -(-seconds // 3600)
        return counted("Requests pass again in {count} hour.", "Requests pass again in {count} hours.", hours)
    days = -(-seconds // 86_400)
    return counted("Requests pass again in {count} day.", "Requests pass again in {count} days.", days)
