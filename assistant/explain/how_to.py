"""Answers from the documentation: how something works, or how to do it."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import create, delete, may_create_some, rename, rotate, whom
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
from assistant.language.text import Template, Text, counted, say, template
from keys.limits.sliding_window import WINDOW_SECONDS
from models.key_queries import ApiKeyRecord

MENU = say("Open API Keys from the user icon at the top right, and choose the ⋮ menu of the key.")


class HowTo(NamedTuple):
    """
    The answer to a topic: a sentence, the steps, and the section of the documentation.

    `wish` is set if only people who manage keys can do it: the step for others, with the slot `admins`. `offer` makes
    the button for the key in question.
    """

    summary: Text
    steps: tuple[Text, ...]
    source: str
    wish: Template | None = None
    offer: Callable[[ApiKeyRecord], SuggestedAction] | None = None


ENTRIES: Mapping[Topic, HowTo] = {
    Topic.HOW_CALL: HowTo(
        say("A key is sent with every request, in a header."),
        (
            say("Send it as: Authorization: Bearer KEY, or as: X-API-Key: KEY. Never in the URL."),
            say(
                'To try it: curl -i -H "Authorization: Bearer $KEY" and the agent\'s address, with the key '
                "in the variable KEY."
            ),
            say("If a key is refused, the answer's body says why in code and detail, and has a requestId."),
        ),
        sources.SENDING,
    ),
    Topic.HOW_RENAME: HowTo(
        say("A key's name can change at any time; nothing else about it changes."),
        (MENU, say("Choose Edit, type the name, and save it.")),
        sources.RENAME,
        template("Ask an organization admin to rename the key: {admins}."),
        rename,
    ),
    Topic.HOW_ROTATE: HowTo(
        say("Rotating gives a key a new secret; its name, scope and slot stay."),
        (
            MENU,
            say("Choose Rotate. With an overlap of up to a day, the old secret works for that time."),
            say("Copy the new secret, which is shown once, and give it to the callers."),
        ),
        sources.ROTATE,
        template("Ask an organization admin to rotate the key: {admins}."),
        rotate,
    ),
    Topic.HOW_DELETE: HowTo(
        say("Deleting revokes a key at once and frees its slot. A deletion can't be undone."),
        (
            say("Look at its Usage first: does anybody still call with it?"),
            MENU,
            say("Choose Delete, and confirm it. Its callers get 401 from that moment."),
        ),
        sources.DELETE,
        template("Ask an organization admin to delete the key: {admins}."),
        delete,
    ),
    Topic.HOW_LIMITS: HowTo(
        say(
            "Every key has a rate limit, counted over the last {window_seconds} seconds, and a quota "
            "for each calendar month in UTC.",
            window_seconds=WINDOW_SECONDS,
        ),
        (
            say("The Usage page of a key shows both, and what is left. So do the RateLimit fields of every answer."),
            say("Over a limit, a call gets 429 with Retry-After: wait that long, then continue."),
            say("Only the operator of this installation can raise the limits, for the organization or for one key."),
        ),
        sources.LIMITS,
    ),
    Topic.HOW_SCOPES: HowTo(
        say(
            "An organization-level key is valid for every agent of the organization, an agent-level key for one agent."
        ),
        (
            say("Choose the agent-level scope if one agent is enough: if the secret leaks, less is exposed."),
            say(
                "The scope is set when the key is created. For another scope, create a new key and delete the old one."
            ),
            say("Organization admins can create keys of both scopes, agent admins agent-level keys for their agents."),
        ),
        sources.SCOPES,
    ),
    Topic.EXPIRY: HowTo(
        say("Keys don't expire. A key works until it is deleted, and a secret until a rotation replaces it."),
        (say("If a key stopped working, the cause is something else: tell me which key it is, or paste the answer."),),
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
        return role_not_allowed(facts, entry.wish.fill(admins=whom(facts)))
    key = facts.meant[0] if len(facts.meant) == 1 else None
    evidence: tuple[Fact, ...] = ()
    offers: tuple[SuggestedAction, ...] = ()
    if key is not None and not key.is_deleted and entry.offer is not None and key.may_manage:
        evidence, offers = (Fact(say("Key"), words.describe_key(key.record)),), (entry.offer(key.record),)
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
    Topic.EXPIRY: (suggest(Topic.CALL_FAILS, say("A key stopped working")),),
    Topic.HOW_CALL: (suggest(Topic.UNAUTHORIZED, say("I get 401")),),
    Topic.HOW_DELETE: (suggest(Topic.USE, say("Who uses my keys?")),),
    Topic.HOW_LIMITS: (suggest(Topic.TOO_MANY_REQUESTS, say("I get 429")),),
    Topic.HOW_SCOPES: (suggest(Topic.CHANGE_SCOPE, say("Can I change it?")),),
}
"""The questions that people usually ask next."""


def _slots(facts: Facts) -> Diagnosis:
    allowance = facts.allowance
    if not allowance.remaining:
        return limit_reached(facts)
    return Diagnosis(
        Case.HOW_TO,
        counted(
            "An organization can have {count} key at once, of both scopes together; {organization} has {used}.",
            "An organization can have {count} keys at once, of both scopes together; {organization} has {used}.",
            allowance.limit,
            organization=words.sanitize(facts.organization.name),
            used=allowance.used,
        ),
        (
            Fact(
                say("Slots"),
                say(
                    "{used} of {limit} taken, {remaining} free",
                    used=allowance.used,
                    limit=allowance.limit,
                    remaining=allowance.remaining,
                ),
                facts.now,
            ),
        ),
        (
            say("Deleting a key frees its slot at once. Rotating a key needs no slot."),
            say("Only the operator of this installation can raise the number."),
        ),
        offers=(create(),) if may_create_some(facts) else (),
        sources=(sources.SLOTS,),
    )


def _documentation(facts: Facts) -> Diagnosis:
    if not facts.passages:
        return Diagnosis(
            Case.NEEDS_DETAILS,
            say("I found nothing about this in the documentation. Can you ask in other words?"),
            steps=(say("Or search the documentation yourself: it has a search box."),),
            replies=(
                suggest(Topic.HOW_CALL, say("How do I send a key?")),
                suggest(Topic.HOW_ROLES, say("Which role may do what?")),
                suggest(Topic.HUMAN, say("A person, please")),
            ),
            sources=(sources.DOCUMENTATION,),
        )
    best = facts.passages[0]
    return Diagnosis(
        Case.HOW_TO,
        say("The documentation says, under {title}: {excerpt}", title=best.title, excerpt=best.excerpt),
        steps=(say("Read the sections below. If they don't answer it, ask in other words, or ask for a person."),),
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
