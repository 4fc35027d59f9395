"""Answers from the documentation: how something works, or how to do it."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import create, delete, may_create_some, rename, rotate
from assistant.explain.diagnosis import Case, Diagnosis, Fact, SuggestedAction
from assistant.explain.managing_keys import limit_reached, role_not_allowed
from assistant.explain.people.agents import how_agents
from assistant.explain.people.inviting import how_to_invite
from assistant.explain.people.leaving import person_leaves
from assistant.explain.people.roles import change_role, roles
from assistant.explain.people.signing_in import sign_in
from assistant.explain.suggestions import Suggestion, suggest
from assistant.facts.facts import Facts
from assistant.intents.topics import Topic
from keys.limits.sliding_window import WINDOW_SECONDS
from models.key_queries import ApiKeyRecord

MENU = "Open API Keys from the user icon at the top right, and choose the ⋮ menu of the key."


class HowTo(NamedTuple):
    """
    The answer to a topic: a sentence, the steps, and the section of the documentation.

    `wish` is set if only people who manage keys can do it: what others ask an admin for. `offer` makes the button for
    the key in question.
    """

    summary: str
    steps: tuple[str, ...]
    source: str
    wish: str | None = None
    offer: Callable[[ApiKeyRecord], SuggestedAction] | None = None


ENTRIES: Mapping[Topic, HowTo] = {
    Topic.HOW_CALL: HowTo(
        "A key is sent with every request, in a header.",
        (
            "Send it as: Authorization: Bearer KEY, or as: X-API-Key: KEY. Never in the URL.",
            'To try it: curl -i -H "Authorization: Bearer $KEY" and the agent\'s address, with the key in the variable '
            "KEY.",
            "If a key is refused, the answer's body says why in code and detail, and has a requestId.",
        ),
        sources.SENDING,
    ),
    Topic.HOW_RENAME: HowTo(
        "A key's name can change at any time; nothing else about it changes.",
        (MENU, "Choose Edit, type the name, and save it."),
        sources.RENAME,
        "to rename the key",
        rename,
    ),
    Topic.HOW_ROTATE: HowTo(
        "Rotating gives a key a new secret; its name, scope and slot stay.",
        (
            MENU,
            "Choose Rotate. With an overlap of up to a day, the old secret works for that time.",
            "Copy the new secret, which is shown once, and give it to the callers.",
        ),
        sources.ROTATE,
        "to rotate the key",
        rotate,
    ),
    Topic.HOW_DELETE: HowTo(
        "Deleting revokes a key at once and frees its slot. A deletion can't be undone.",
        (
            "Look at its Usage first: does anybody still call with it?",
            MENU,
            "Choose Delete, and confirm it. Its callers get 401 from that moment.",
        ),
        sources.DELETE,
        "to delete the key",
        delete,
    ),
    Topic.HOW_LIMITS: HowTo(
        f"Every key has a rate limit, counted over the last {WINDOW_SECONDS} seconds, and a quota for each calendar "
        "month in UTC.",
        (
            "The Usage page of a key shows both, and what is left. So do the RateLimit fields of every answer.",
            "Over a limit, a call gets 429 with Retry-After: wait that long, then continue.",
            "Only the operator of this installation can raise the limits, for the organization or for one key.",
        ),
        sources.LIMITS,
    ),
    Topic.HOW_SCOPES: HowTo(
        "An organization-level key is valid for every agent of the organization, an agent-level key for one agent.",
        (
            "Choose the agent-level scope if one agent is enough: if the secret leaks, less is exposed.",
            "The scope is set when the key is created. For another scope, create a new key and delete the old one.",
            "Organization admins can create keys of both scopes, agent admins agent-level keys for their agents.",
        ),
        sources.SCOPES,
    ),
    Topic.EXPIRY: HowTo(
        "Keys don't expire. A key works until it is deleted, and a secret until a rotation replaces it.",
        ("If a key stopped working, the cause is something else: tell me which key it is, or paste the answer.",),
        sources.EXPIRY,
    ),
}


def how_to(topic: Topic, facts: Facts) -> Diagnosis:
    """The documentation's answer to this topic, with the facts that belong to it."""
    special = _WITH_FACTS.get(topic)
    if special is not None:
        return special(facts)
    entry = ENTRIES[topic]
    if entry.wish is not None and not facts.manages:
        return role_not_allowed(facts, entry.wish)
    key = facts.meant[0] if len(facts.meant) == 1 else None
    evidence: tuple[Fact, ...] = ()
    offers: tuple[SuggestedAction, ...] = ()
    if key is not None and not key.is_deleted and entry.offer is not None and key.may_manage:
        evidence, offers = (Fact("Key", words.describe_key(key.record)),), (entry.offer(key.record),)
    return Diagnosis(
        Case.HOW_TO,
        entry.summary,
        evidence,
        entry.steps,
        None if key is None else key.record,
        offers,
        _NEXT.get(topic, ()),
        (entry.source,),
    )


_NEXT: Mapping[Topic, tuple[Suggestion, ...]] = {
    Topic.EXPIRY: (suggest(Topic.CALL_FAILS, "A key stopped working"),),
    Topic.HOW_CALL: (suggest(Topic.UNAUTHORIZED, "I get 401"),),
    Topic.HOW_DELETE: (suggest(Topic.USE, "Who uses my keys?"),),
    Topic.HOW_LIMITS: (suggest(Topic.TOO_MANY_REQUESTS, "I get 429"),),
    Topic.HOW_SCOPES: (suggest(Topic.CHANGE_SCOPE, "Can I change it?"),),
}
"""The questions that people usually ask next."""


def _slots(facts: Facts) -> Diagnosis:
    allowance = facts.allowance
    if not allowance.remaining:
        return limit_reached(facts)
    return Diagnosis(
        Case.HOW_TO,
        f"An organization can have {words.count(allowance.limit, 'key')} at once, of both scopes together; "
        f"{words.sanitize(facts.organization.name)} has {allowance.used}.",
        (Fact("Slots", f"{allowance.used} of {allowance.limit} taken, {allowance.remaining} free", facts.now),),
        (
            "Deleting a key frees its slot at once. Rotating a key needs no slot.",
            "Only the operator of this installation can raise the number.",
        ),
        offers=(create(),) if may_create_some(facts) else (),
        sources=(sources.SLOTS,),
    )


def _documentation(facts: Facts) -> Diagnosis:
    if not facts.passages:
        return Diagnosis(
            Case.NEEDS_DETAILS,
            "I found nothing about this in the documentation. Can you ask in other words?",
            steps=("Or search the documentation yourself: it has a search box.",),
            replies=(
                suggest(Topic.HOW_CALL, "How do I send a key?"),
                suggest(Topic.HOW_ROLES, "Which role may do what?"),
                suggest(Topic.HUMAN, "A person, please"),
            ),
            sources=(sources.DOCUMENTATION,),
        )
    best = facts.passages[0]
    return Diagnosis(
        Case.HOW_TO,
        f"The documentation says, under {best.title}: {best.excerpt}",
        steps=("Read the sections below. If they don't answer it, ask in other words, or ask for a person.",),
        sources=tuple(each.url for each in facts.passages),
    )


_WITH_FACTS: Mapping[Topic, Callable[[Facts], Diagnosis]] = {
    Topic.HOW_SLOTS: _slots,
    Topic.HOW_ROLES: roles,
    Topic.HOW_INVITE: how_to_invite,
    Topic.CHANGE_ROLE: change_role,
    Topic.PERSON_LEAVES: person_leaves,
    Topic.SIGN_IN: sign_in,
    Topic.HOW_AGENTS: how_agents,
    Topic.DOCUMENTATION: _documentation,
}
