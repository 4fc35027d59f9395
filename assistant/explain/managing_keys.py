"""Answers to people who want to manage keys: create one, find a lost secret, change a scope, handle a leak."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import (
    Advice,
    contact,
    create,
    delete,
    free_a_slot,
    may_create,
    may_create_some,
    request_key,
    rotate,
    usage,
    whom,
)
from assistant.explain.diagnosis import Case, Diagnosis, Fact, SuggestedAction
from assistant.explain.suggestions import WHO_USES, Suggestion, suggest, suggest_of
from assistant.facts.facts import Facts, KeyFacts
from assistant.intents.topics import Topic
from assistant.language.text import Day, Moment, Text, Words, counted, listed, say, sentences
from keys.key_limit import NAME_LENGTH_AT_MOST
from keys.policy import Scope
from models.key_request import KeyRequestRecord
from models.person import Role

RECENT_CALLERS = 5
REQUESTS_SHOWN = 5
SHOWN_ONCE = say(
    "A secret is shown once, when the key is created or rotated, and is not stored: it can't be shown again."
)
GOT_OUT = say(
    "Everybody who has the secret can use the key. Replace the secret first, then look at who has used the key."
)


DENIALS: Mapping[Role, Text] = {
    Role.ORGANIZATION_ADMIN: say("Organization admins can do everything with API keys."),
    Role.AGENT_ADMIN: say(
        "Agent admins can manage only agent-level keys of the agents they administer. Ask an organization admin for an "
        "organization-level key."
    ),
    Role.MEMBER: say("Members can't manage API keys. Ask an organization admin for a key, or for another role."),
}
"""What a role does not allow. The words are those of `keys.policy.DENIALS`."""


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
    evidence = [
        Fact(
            say("Slots"),
            say("{used} of {limit} taken, by keys of both scopes together", used=allowance.used, limit=allowance.limit),
        )
    ]
    own = len(facts.living)
    if own < allowance.used:
        evidence.append(Fact(say("Of these you may see"), counted("{count} key", "{count} keys", own)))
    evidence += [
        Fact(words.describe_key(each.record), words.why_free(each), each.record.last_used_at)
        for each in facts.candidates[:3]
    ]
    offers: tuple[SuggestedAction, ...] = ()
    if facts.manages:
        steps, offers = free_a_slot(facts)
        if any(each.may_manage for each in facts.living):
            steps = (*steps, say("Or rotate a key instead: it gets a new secret and keeps its slot."))
    else:
        steps = (
            say("Ask an organization admin to delete a key that is no longer used: {admins}.", admins=whom(facts)),
        )
    return Diagnosis(
        Case.KEY_LIMIT_REACHED,
        say(
            "No key can be created: all {limit} slots of {organization} are taken.",
            limit=allowance.limit,
            organization=words.sanitize(facts.organization.name),
        ),
        tuple(evidence),
        (
            *steps,
            say("If the organization needs more keys: only the operator of this installation can raise its limit."),
        ),
        offers=offers,
        replies=(suggest(Topic.LOST_SECRET, say("I lost a secret")),),
        sources=(sources.SLOTS,),
        keys=tuple(each.record.id for each in facts.candidates[:3]),
    )


def role_not_allowed(facts: Facts, whom_to_ask: Text) -> Diagnosis:
    """The person's role does not allow what they want. `whom_to_ask` is a step that ends in `whom`."""
    evidence = [Fact(say("Your role"), words.role_in(facts.role, facts.organization))]
    steps: tuple[Words, ...] = (whom_to_ask,)
    offers: tuple[SuggestedAction, ...] = ()
    if facts.manages_agents_only:
        agents = words.agents(facts.agents)
        evidence.append(Fact(say("Agents that you administer"), agents or say("none")))
        if agents and facts.allowance.remaining:
            steps = (say("You can create a key for an agent that you administer: choose it as the scope."), *steps)
            offers = (create(),)
        elif not agents:
            steps = (
                say(
                    "Ask an organization admin to choose the agents that you should administer: {admins}.",
                    admins=whom(facts),
                ),
            )
    return Diagnosis(
        Case.ROLE_NOT_ALLOWED,
        sentences(say("Your role does not allow that."), DENIALS[facts.role]),
        tuple(evidence),
        steps,
        offers=(*offers, contact()),
        replies=(suggest(Topic.HOW_ROLES, say("Which role may do what?")),),
        sources=(sources.ROLES,),
    )


def role_allows(facts: Facts) -> Diagnosis:
    """The person asks why they may not do something that their role allows: that is not the reason."""
    allowance = facts.allowance
    taken = say("{used} of {limit} taken", used=allowance.used, limit=allowance.limit)
    return Diagnosis(
        Case.HOW_TO,
        say(
            "Your role allows it: organization admins can create, rename, rotate and delete every key of "
            "{organization}. So the role is not the reason.",
            organization=words.sanitize(facts.organization.name),
        ),
        (Fact(say("Your role"), words.role_in(facts.role, facts.organization)), Fact(say("Slots"), taken)),
        (
            say("Is it the right organization? A role in one organization counts for nothing in another."),
            say("If a call was refused with 403, that is about the key's scope, and not about your role."),
            say("A program has the permissions of its own token, and not yours."),
            say("If it still fails, reload the page, and send me the exact words of the message."),
        ),
        offers=(create(), contact()),
        replies=(
            suggest(Topic.HOW_ROLES, say("Which role may do what?")),
            suggest(Topic.FORBIDDEN, say("A call gets 403")),
        ),
        sources=(sources.ROLES,),
    )


def ask_for_key(facts: Facts) -> Diagnosis:
    """The person may not create the key that they want, and can ask for it."""
    refused = role_not_allowed(facts, say("Ask an organization admin for a key: {admins}.", admins=whom(facts)))
    step = say("Or choose Ask for a key, and say what it is for: the organization admins see your request.")
    if facts.people.mails_people:
        step = say(
            "Or choose Ask for a key, and say what it is for: the organization admins see your request, and get a mail."
        )
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
        found.append(Fact(say("Open request for a key"), _request(each, is_admin=is_admin), each.created_at))
    if len(asked) > REQUESTS_SHOWN:
        found.append(Fact(say("More open requests"), str(len(asked) - REQUESTS_SHOWN)))
    return found


def _request(asked: KeyRequestRecord, *, is_admin: bool) -> Text:
    key = f"“{words.sanitize(asked.name)}”"
    if is_admin:
        person = words.person(asked.person)
        if asked.agent is None:
            return say("{person} asks for {key} for the organization", person=person, key=key)
        agent = words.named(asked.agent)
        return say("{person} asks for {key} for the agent {agent}", person=person, key=key, agent=agent)
    if asked.agent is None:
        return say("{key} for the organization", key=key)
    return say("{key} for the agent {agent}", key=key, agent=words.named(asked.agent))


def how_to_create(facts: Facts) -> Diagnosis:
    """Nothing prevents the person from creating a key: how to do it."""
    allowance = facts.allowance
    if may_create(facts, Scope.ORGANIZATION):
        scopes: Words = say("the organization, or one agent")
        if not facts.agents:
            scopes = say(
                "the organization; there is no agent yet: organization admins create agents on the page Agents"
            )
    else:
        scopes = listed([words.named(each) for each in facts.agents], "or")
    return Diagnosis(
        Case.HOW_TO,
        say("You can create a key."),
        (
            Fact(say("Slots"), say("{used} of {limit} taken", used=allowance.used, limit=allowance.limit)),
            Fact(say("Scopes that you may choose"), scopes),
            *_requests(facts),
        ),
        (
            say("Open API Keys from the user icon at the top right, and choose New API Key."),
            say(
                "Enter a Name, of 1 to {name_length_at_most} characters, and a Scope: the scope can't be "
                "changed later.",
                name_length_at_most=NAME_LENGTH_AT_MOST,
            ),
            say("Choose Create, copy the secret, which is shown only once, and choose Done."),
        ),
        offers=(create(),),
        replies=(suggest(Topic.HOW_CALL, say("How do I send it?")),),
        sources=(sources.CREATE, sources.SCOPES),
    )


def secret_lost(facts: Facts, key: KeyFacts | None) -> Diagnosis:
    """A secret can't be shown again. Rotating the key gives a new one, even if all slots are taken."""
    cited = (sources.SECRET, sources.ROTATE)
    allowance = facts.allowance
    full = (
        None
        if allowance.remaining
        else say("That works even if every slot is taken, because a rotation needs no slot.")
    )
    slots = (
        ()
        if allowance.remaining
        else (Fact(say("Slots"), say("{used} of {limit} taken", used=allowance.used, limit=allowance.limit)),)
    )
    if key is None:
        steps: tuple[Words, ...]
        if facts.manages and facts.living:
            step = say("Rotate the key: it gets a new secret, and keeps its name, scope and slot.")
            steps = (sentences(step, full),)
        elif may_create_some(facts) and allowance.remaining:
            steps = (say("Create a new key, and copy its secret."),)
        else:
            steps = (
                say(
                    "Ask an organization admin to rotate the key, and give you the new secret: {admins}.",
                    admins=whom(facts),
                ),
            )
        replies = _which(facts, Topic.LOST_SECRET) if facts.manages else ()
        return Diagnosis(Case.SECRET_LOST, SHOWN_ONCE, slots, steps, replies=replies, sources=cited)
    record = key.record
    used = Fact(say("Last used"), words.last_use(key), record.last_used_at)
    evidence = (Fact(say("Key"), words.describe_key(record)), used, *slots)
    if not key.may_manage:
        steps = (
            say(
                "Ask an organization admin to rotate the key, and give you the new secret: {admins}.",
                admins=whom(facts),
            ),
        )
        return Diagnosis(Case.SECRET_LOST, SHOWN_ONCE, evidence, steps, record, sources=cited)
    return Diagnosis(
        Case.SECRET_LOST,
        SHOWN_ONCE,
        evidence,
        (
            sentences(
                say("Rotate {key}: it gets a new secret, and keeps its name, scope and slot.", key=words.named(record)),
                full,
            ),
            say(
                "If something still uses the old secret, choose an overlap of up to a day, and replace the "
                "old secret in that time."
            ),
            say("Copy the new secret at once, and store it where the caller reads it."),
        ),
        record,
        (rotate(record), usage(record)),
        (suggest_of(facts, key, WHO_USES, say("Who uses the key?")),),
        cited,
    )


def scope_immutable(facts: Facts, key: KeyFacts | None, *, organization_level: bool = False) -> Diagnosis:
    """A scope can't be changed. `organization_level` is set if the person wants that scope."""
    record = None if key is None else key.record
    evidence = () if record is None else (Fact(say("The key is for"), words.scope_of(record)),)
    steps, offers = _another_key(facts, organization_level=organization_level)
    return Diagnosis(
        Case.SCOPE_IMMUTABLE,
        say("A key's scope is set when the key is created, and can't be changed. Its name can be changed at any time."),
        evidence,
        steps,
        record,
        offers,
        (suggest(Topic.HOW_SCOPES, say("What is the difference?")),),
        (sources.SCOPES,),
    )


def exposed(facts: Facts, key: KeyFacts | None) -> Diagnosis:
    """The secret was exposed."""
    summary = GOT_OUT
    if key is not None and key.is_deleted:
        record = key.record
        return Diagnosis(
            Case.KEY_EXPOSED,
            say(
                "The key {key} was deleted on {when}: its secret no longer works.",
                key=words.named(record),
                when=Moment(record.deleted_at or facts.now),
            ),
            (Fact(say("Key"), words.describe_key(record)), *_used_by(key)),
            (say("Look at who used it before it was deleted."),),
            record,
            (usage(record),),
            sources=(sources.EXPOSED,),
        )
    if key is None:
        if facts.manages and facts.living:
            first = say("Rotate the key without an overlap, or delete it: both take effect at once. Which key is it?")
        else:
            first = say(
                "Ask an organization admin to rotate the key without an overlap, at once: {admins}.", admins=whom(facts)
            )
        replies = _which(facts, Topic.EXPOSED_KEY)
        return Diagnosis(Case.KEY_EXPOSED, summary, steps=(first,), replies=replies, sources=(sources.EXPOSED,))
    record = key.record
    evidence = (
        Fact(say("Key"), words.describe_key(record)),
        Fact(say("Last used"), words.last_use(key), record.last_used_at),
        Fact(say("Passed in the last day"), words.requests(key.passed)),
        *_used_by(key),
    )
    if not key.may_manage:
        first = say(
            "Ask an organization admin to rotate the key without an overlap, at once: {admins}.", admins=whom(facts)
        )
        return Diagnosis(
            Case.KEY_EXPOSED, summary, evidence, (first,), record, (usage(record),), sources=(sources.EXPOSED,)
        )
    return Diagnosis(
        Case.KEY_EXPOSED,
        summary,
        evidence,
        (
            say("Rotate {key} without an overlap: the old secret ends at once. Or delete it.", key=words.named(record)),
            say("Give the new secret to its callers."),
            say(
                "Look through who has used it: a caller first seen after the leak, whom you don't know, "
                "may have the leaked secret."
            ),
            say("Remove the secret from where it was exposed, including the history. By then, it no longer works."),
        ),
        record,
        (rotate(record), delete(record), usage(record)),
        sources=(sources.EXPOSED, sources.ROTATE),
    )


def _used_by(key: KeyFacts) -> Sequence[Fact]:
    return [
        Fact(
            say("Used by"),
            counted(
                "{caller}: {count} request, first seen on {day}",
                "{caller}: {count} requests, first seen on {day}",
                each.requests,
                caller=words.caller(each.ip_address, each.user_agent),
                day=Day(each.first_seen_at),
            ),
            each.last_seen_at,
        )
        for each in key.callers[:RECENT_CALLERS]
    ]


def _another_key(facts: Facts, *, organization_level: bool) -> Advice:
    if not may_create_some(facts) or (organization_level and not may_create(facts, Scope.ORGANIZATION)):
        return (say("Ask an organization admin for a key with that scope: {admins}.", admins=whom(facts)),), ()
    if facts.allowance.remaining:
        step = say("Create a new key with the scope that you want, switch the callers to it, and delete the old key.")
        return (step,), (create(),)
    steps, offers = free_a_slot(facts)
    return (*steps, say("Then create a new key with the scope that you want.")), offers


def _which(facts: Facts, topic: Topic) -> tuple[Suggestion, ...]:
    """Suggestions to choose the key from."""
    return tuple(
        suggest_of(facts, each, topic, say("It is {key}", key=words.quoted_name(facts, each)))
        for each in facts.living[:3]
    )
