"""
The steps and buttons for a person. They never contain advice that the person can't follow.

For example, nobody is told to create a key if no slot is free, or to delete a key that they may not delete.
"""

from datetime import timedelta

from assistant.explain import formatting as words
from assistant.explain.diagnosis import ActionKind, SuggestedAction
from assistant.facts.facts import Facts, KeyFacts
from assistant.language.text import Words, listed, say
from keys.policy import Action, Scope
from models.key_queries import ApiKeyRecord

CANDIDATES_AT_MOST = 3
IDLE_AFTER = timedelta(days=7)
"""A key whose requests passed or were refused within this time is not called unused."""
Advice = tuple[tuple[Words, ...], tuple[SuggestedAction, ...]]
"""Steps, and buttons."""


def create() -> SuggestedAction:
    """Creates a key."""
    return SuggestedAction(ActionKind.CREATE_API_KEY, say("Create an API key"))


def rename(key: ApiKeyRecord) -> SuggestedAction:
    """Renames the key."""
    return SuggestedAction(ActionKind.RENAME_API_KEY, say("Rename {key}", key=words.named(key)), key)


def rotate(key: ApiKeyRecord) -> SuggestedAction:
    """Rotates the key."""
    return SuggestedAction(ActionKind.ROTATE_API_KEY, say("Rotate {key}", key=words.named(key)), key)


def delete(key: ApiKeyRecord) -> SuggestedAction:
    """Deletes the key."""
    return SuggestedAction(ActionKind.DELETE_API_KEY, say("Delete {key}", key=words.named(key)), key)


def usage(key: ApiKeyRecord) -> SuggestedAction:
    """Opens the usage of the key."""
    return SuggestedAction(ActionKind.OPEN_USAGE, say("Usage of {key}", key=words.named(key)), key)


def contact() -> SuggestedAction:
    """Contacts support."""
    return SuggestedAction(ActionKind.CONTACT_SUPPORT, say("Contact support"))


def request_key() -> SuggestedAction:
    """Asks the admins for a key."""
    return SuggestedAction(ActionKind.REQUEST_API_KEY, say("Ask for a key"))


def invite() -> SuggestedAction:
    """Invites somebody."""
    return SuggestedAction(ActionKind.INVITE_MEMBER, say("Invite somebody"))


def open_people() -> SuggestedAction:
    """Opens the people of the organization."""
    return SuggestedAction(ActionKind.OPEN_PEOPLE, say("Open People"))


def open_agents() -> SuggestedAction:
    """Opens the agents of the organization."""
    return SuggestedAction(ActionKind.OPEN_AGENTS, say("Open Agents"))


def whom(facts: Facts) -> Words:
    """
    The end of a step such as *Ask an organization admin to rotate the key: Ada (ada@acme.example).*

    It is for something that the person's role does not allow.
    """
    others = [each for each in facts.admins if each.id != facts.viewer.id]
    if not others:
        return say("the organization has no other admin, so ask the operator of this installation")
    return words.people(others)


def may_create(facts: Facts, scope: Scope) -> bool:
    """Whether the person may create keys of this scope, if a slot is free."""
    if scope is Scope.ORGANIZATION:
        return facts.may(Action.CREATE_KEY, scope)
    return bool(facts.agents)


def may_create_some(facts: Facts) -> bool:
    """Whether the person may create keys of any scope, if a slot is free."""
    return any(may_create(facts, scope) for scope in Scope)


def can_create_like(facts: Facts, key: ApiKeyRecord) -> Advice:
    """How this person gets a new key with the same scope."""
    if key.agent is not None and key.agent.deleted_at is not None:
        return (
            say(
                "Its agent was deleted, too: find out which agent the calls are for now, and use a key for that agent."
            ),
        ), ()
    if key.agent is None:
        is_theirs = may_create(facts, Scope.ORGANIZATION)
    else:
        is_theirs = any(each.id == key.agent.id for each in facts.agents)
    if not is_theirs:
        return (
            say("Ask an organization admin for a new key, and give it to the caller: {admins}.", admins=whom(facts)),
        ), ()
    if facts.allowance.remaining:
        if key.agent is None:
            step = say("Create a new key for the organization, and copy its secret: it is shown once.")
        else:
            agent = words.named(key.agent)
            step = say("Create a new key for the agent {agent}, and copy its secret: it is shown once.", agent=agent)
        return (step,), (create(),)
    steps, offers = free_a_slot(facts)
    if key.agent is None:
        step = say("Then create a new key for the organization, and copy its secret: it is shown once.")
    else:
        agent = words.named(key.agent)
        step = say("Then create a new key for the agent {agent}, and copy its secret: it is shown once.", agent=agent)
    return (*steps, step), offers


def free_a_slot(facts: Facts) -> Advice:
    """How this person can free a slot: the keys that might be deleted, each with a reason."""
    used, limit = facts.allowance.used, facts.allowance.limit
    if not facts.candidates:
        return (
            say(
                "Ask an organization admin to delete a key that is no longer used: you can't delete any of "
                "these: {admins}.",
                admins=whom(facts),
            ),
        ), (contact(),)
    idle = [each for each in facts.candidates if _is_idle(facts, each)][:CANDIDATES_AT_MOST]
    if idle:
        told = listed(
            [say("{key} ({why})", key=words.named(each.record), why=words.why_free(each)) for each in idle], "or"
        )
        step = say(
            "{used} of {limit} slots are taken. Delete a key that is no longer used, such as {keys}.",
            used=used,
            limit=limit,
            keys=told,
        )
        return (step,), tuple(delete(each.record) for each in idle)
    first = facts.candidates[0]
    step = say(
        "{used} of {limit} slots are taken, and every key that you can delete was in use within "
        "the last {days} days. The longest unused is {key} ({why}): delete it only if you know "
        "that nothing needs it any more.",
        used=used,
        limit=limit,
        days=IDLE_AFTER.days,
        key=words.named(first.record),
        why=words.why_free(first),
    )
    return (step,), (usage(first.record), delete(first.record))


def _is_idle(facts: Facts, key: KeyFacts) -> bool:
    last = key.record.last_used_at
    return not key.refused_in_all and (last is None or facts.now - last >= IDLE_AFTER)
