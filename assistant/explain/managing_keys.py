"""Answers to people who want to manage keys: create one, find a lost secret, change a scope, handle a leak."""

from collections.abc import Sequence
from dataclasses import replace

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import (
    Advice,
    ask_an_admin,
    contact,
    create,
    delete,
    free_a_slot,
    may_create,
    may_create_some,
    request_key,
    rotate,
    usage,
)
from assistant.explain.diagnosis import Case, Diagnosis, Fact, SuggestedAction
from assistant.explain.suggestions import WHO_USES, Suggestion, suggest, suggest_of
from assistant.facts.facts import Facts, KeyFacts
from assistant.intents.topics import Topic
from keys.key_limit import NAME_LENGTH_AT_MOST
from keys.policy import ROLE_WORDS, Scope, denial_message

RECENT_CALLERS = 5
REQUESTS_SHOWN = 5
SHOWN_ONCE = "A secret is shown once, when the key is created or rotated, and is not stored: it can't be shown again."
GOT_OUT = "Everybody who has the secret can use the key. Replace the secret first, then look at who has used the key."


def cannot_create(facts: Facts, *, organization_level: bool = False) -> Diagnosis:
    """Why this person can't create a key, or how to. `organization_level` is set if they ask for that scope."""
    if not may_create_some(facts) or (organization_level and not may_create(facts, Scope.ORGANIZATION)):
        return ask_for_key(facts)
    if not facts.allowance.remaining:
        return limit_reached(facts)
    return how_to_create(facts)


def limit_reached(facts: Facts) -> Diagnosis:
    """All slots are taken."""
    allowance = facts.allowance
    evidence = [Fact("Slots", f"{allowance.used} of {allowance.limit} taken, by keys of both scopes together")]
    own = len(facts.living)
    if own < allowance.used:
        evidence.append(Fact("Of these you may see", words.count(own, "key")))
    evidence += [
        Fact(words.describe_key(each.record), words.why_free(each), each.record.last_used_at)
        for each in facts.candidates[:3]
    ]
    offers: tuple[SuggestedAction, ...] = ()
    if facts.manages:
        steps, offers = free_a_slot(facts)
        if any(each.may_manage for each in facts.living):
            steps = (*steps, "Or rotate a key instead: it gets a new secret and keeps its slot.")
    else:
        steps = (ask_an_admin(facts, "to delete a key that is no longer used"),)
    return Diagnosis(
        Case.KEY_LIMIT_REACHED,
        f"No key can be created: all {allowance.limit} slots of {words.sanitize(facts.organization.name)} are taken.",
        tuple(evidence),
        (*steps, "If the organization needs more keys: only the operator of this installation can raise its limit."),
        offers=offers,
        replies=(suggest(Topic.LOST_SECRET, "I lost a secret"),),
        sources=(sources.SLOTS,),
        keys=tuple(each.record.id for each in facts.candidates[:3]),
    )


def role_not_allowed(facts: Facts, wish: str) -> Diagnosis:
    """The person's role does not allow what they want. `wish` completes *Ask an admin …*."""
    evidence = [Fact("Your role", f"{ROLE_WORDS[facts.role]} of {words.sanitize(facts.organization.name)}")]
    steps: tuple[str, ...] = (ask_an_admin(facts, wish),)
    offers: tuple[SuggestedAction, ...] = ()
    if facts.manages_agents_only:
        agents = words.join([f"“{words.sanitize(each.name)}”" for each in facts.agents])
        evidence.append(Fact("Agents that you administer", agents or "none"))
        if agents and facts.allowance.remaining:
            steps = ("You can create a key for an agent that you administer: choose it as the scope.", *steps)
            offers = (create(),)
        elif not agents:
            steps = (ask_an_admin(facts, "to choose the agents that you should administer"),)
    return Diagnosis(
        Case.ROLE_NOT_ALLOWED,
        f"Your role does not allow that. {denial_message(facts.actor, facts.organization.id)}",
        tuple(evidence),
        steps,
        offers=(*offers, contact()),
        replies=(suggest(Topic.HOW_ROLES, "Which role may do what?"),),
        sources=(sources.ROLES,),
    )


def ask_for_key(facts: Facts) -> Diagnosis:
    """The person may not create the key that they want, and can ask for it."""
    refused = role_not_allowed(facts, "for a key")
    mailed = ", and get a mail" if facts.people.mails_people else ""
    step = f"Or choose Ask for a key, and say what it is for: the organization admins see your request{mailed}."
    return replace(
        refused,
        evidence=(*refused.evidence, *_requests(facts)),
        steps=(*refused.steps, step),
        offers=(*refused.offers[:-1], request_key(), refused.offers[-1]),
        sources=(*refused.sources, sources.ASKING_FOR_KEYS),
    )


def _requests(facts: Facts) -> list[Fact]:
    """The open requests for keys: all for organization admins, their own for others."""
    is_admin = may_create(facts, Scope.ORGANIZATION)
    asked = facts.people.key_requests
    found = []
    for each in asked[:REQUESTS_SHOWN]:
        scope = "the organization" if each.agent is None else f"the agent “{words.sanitize(each.agent.name)}”"
        by = f"{words.who(each.person)} asks for " if is_admin else ""
        found.append(Fact("Open request for a key", f"{by}“{words.sanitize(each.name)}” for {scope}", each.created_at))
    if len(asked) > REQUESTS_SHOWN:
        found.append(Fact("More open requests", str(len(asked) - REQUESTS_SHOWN)))
    return found


def how_to_create(facts: Facts) -> Diagnosis:
    """Nothing prevents the person from creating a key: how to do it."""
    allowance = facts.allowance
    if may_create(facts, Scope.ORGANIZATION):
        scopes = "the organization, or one agent"
        if not facts.agents:
            scopes = "the organization; there is no agent yet: organization admins create agents on the page Agents"
    else:
        scopes = words.join([f"“{words.sanitize(each.name)}”" for each in facts.agents], "or")
    return Diagnosis(
        Case.HOW_TO,
        "You can create a key.",
        (
            Fact("Slots", f"{allowance.used} of {allowance.limit} taken"),
            Fact("Scopes that you may choose", scopes),
            *_requests(facts),
        ),
        (
            "Open API Keys from the user icon at the top right, and choose New API Key.",
            f"Enter a Name, of 1 to {NAME_LENGTH_AT_MOST} characters, and a Scope: the scope can't be changed later.",
            "Choose Create, copy the secret, which is shown only once, and choose Done.",
        ),
        offers=(create(),),
        replies=(suggest(Topic.HOW_CALL, "How do I send it?"),),
        sources=(sources.CREATE, sources.SCOPES),
    )


def secret_lost(facts: Facts, key: KeyFacts | None) -> Diagnosis:
    """A secret can't be shown again. Rotating the key gives a new one, even if all slots are taken."""
    cited = (sources.SECRET, sources.ROTATE)
    allowance = facts.allowance
    full = "" if allowance.remaining else " That works even if every slot is taken, because a rotation needs no slot."
    slots = () if allowance.remaining else (Fact("Slots", f"{allowance.used} of {allowance.limit} taken"),)
    if key is None:
        steps: tuple[str, ...]
        if facts.manages and facts.living:
            steps = (f"Rotate the key: it gets a new secret, and keeps its name, scope and slot.{full}",)
        elif may_create_some(facts) and allowance.remaining:
            steps = ("Create a new key, and copy its secret.",)
        else:
            steps = (ask_an_admin(facts, "to rotate the key, and give you the new secret"),)
        replies = _which(facts, Topic.LOST_SECRET) if facts.manages else ()
        return Diagnosis(Case.SECRET_LOST, SHOWN_ONCE, slots, steps, replies=replies, sources=cited)
    record = key.record
    used = Fact("Last used", words.last_use(key), record.last_used_at)
    evidence = (Fact("Key", words.describe_key(record)), used, *slots)
    if not key.may_manage:
        steps = (ask_an_admin(facts, "to rotate the key, and give you the new secret"),)
        return Diagnosis(Case.SECRET_LOST, SHOWN_ONCE, evidence, steps, record, sources=cited)
    return Diagnosis(
        Case.SECRET_LOST,
        SHOWN_ONCE,
        evidence,
        (
            f"Rotate {words.named(record)}: it gets a new secret, and keeps its name, scope and slot.{full}",
            "If something still uses the old secret, choose an overlap of up to a day, and replace the old secret in "
            "that time.",
            "Copy the new secret at once, and store it where the caller reads it.",
        ),
        record,
        (rotate(record), usage(record)),
        (suggest_of(facts, key, WHO_USES, "Who uses the key?"),),
        cited,
    )


def scope_immutable(facts: Facts, key: KeyFacts | None, *, organization_level: bool = False) -> Diagnosis:
    """A scope can't be changed. `organization_level` is set if the person wants that scope."""
    record = None if key is None else key.record
    evidence = () if record is None else (Fact("The key is for", words.scope_of(record)),)
    steps, offers = _another_key(facts, organization_level=organization_level)
    return Diagnosis(
        Case.SCOPE_IMMUTABLE,
        "A key's scope is set when the key is created, and can't be changed. Its name can be changed at any time.",
        evidence,
        steps,
        record,
        offers,
        (suggest(Topic.HOW_SCOPES, "What is the difference?"),),
        (sources.SCOPES,),
    )


def exposed(facts: Facts, key: KeyFacts | None) -> Diagnosis:
    """The secret was exposed."""
    summary = GOT_OUT
    if key is not None and key.is_deleted:
        record = key.record
        return Diagnosis(
            Case.KEY_EXPOSED,
            f"The key {words.named(record)} was deleted on {words.moment(record.deleted_at or facts.now)}: its secret "
            "no longer works.",
            (Fact("Key", words.describe_key(record)), *_used_by(key)),
            ("Look at who used it before it was deleted.",),
            record,
            (usage(record),),
            sources=(sources.EXPOSED,),
        )
    if key is None:
        if facts.manages and facts.living:
            first = "Rotate the key without an overlap, or delete it: both take effect at once. Which key is it?"
        else:
            first = ask_an_admin(facts, "to rotate the key without an overlap, at once")
        replies = _which(facts, Topic.EXPOSED_KEY)
        return Diagnosis(Case.KEY_EXPOSED, summary, steps=(first,), replies=replies, sources=(sources.EXPOSED,))
    record = key.record
    evidence = (
        Fact("Key", words.describe_key(record)),
        Fact("Last used", words.last_use(key), record.last_used_at),
        Fact("Passed in the last day", words.count(key.passed, "request")),
        *_used_by(key),
    )
    if not key.may_manage:
        first = ask_an_admin(facts, "to rotate the key without an overlap, at once")
        return Diagnosis(
            Case.KEY_EXPOSED, summary, evidence, (first,), record, (usage(record),), sources=(sources.EXPOSED,)
        )
    return Diagnosis(
        Case.KEY_EXPOSED,
        summary,
        evidence,
        (
            f"Rotate {words.named(record)} without an overlap: the old secret ends at once. Or delete it.",
            "Give the new secret to its callers.",
            "Look through who has used it: a caller first seen after the leak, whom you don't know, may have the "
            "leaked secret.",
            "Remove the secret from where it was exposed, including the history. By then, it no longer works.",
        ),
        record,
        (rotate(record), delete(record), usage(record)),
        sources=(sources.EXPOSED, sources.ROTATE),
    )


def _used_by(key: KeyFacts) -> Sequence[Fact]:
    return [
        Fact(
            "Used by",
            f"{words.caller(each.ip_address, each.user_agent)}: {words.count(each.requests, 'request')}, first seen "
            f"on {words.day(each.first_seen_at)}",
            each.last_seen_at,
        )
        for each in key.callers[:RECENT_CALLERS]
    ]


def _another_key(facts: Facts, *, organization_level: bool) -> Advice:
    if not may_create_some(facts) or (organization_level and not may_create(facts, Scope.ORGANIZATION)):
        return (ask_an_admin(facts, "for a key with that scope"),), ()
    if facts.allowance.remaining:
        step = "Create a new key with the scope that you want, switch the callers to it, and delete the old key."
        return (step,), (create(),)
    steps, offers = free_a_slot(facts)
    return (*steps, "Then create a new key with the scope that you want."), offers


def _which(facts: Facts, topic: Topic) -> tuple[Suggestion, ...]:
    """Suggestions to choose the key from."""
    return tuple(suggest_of(facts, each, topic, f"It is {words.quoted_name(facts, each)}") for each in facts.living[:3])
