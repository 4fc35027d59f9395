"""
What anybody who pastes a complete key may learn about it: its state, and the day on which the state changed.

A person who may not see the key learns only this. It is also the line of evidence for every pasted key.
"""

from assistant.explain import doc_links as sources
from assistant.explain.actions import whom
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.suggestions import suggest
from assistant.facts.facts import Facts, PastedKey, Possession
from assistant.intents.topics import Topic
from assistant.language.recorded import malformed_detail
from assistant.language.text import Day, Template, Text, Words, say, say_in, sentences, template
from keys.verification.malformed_rules import FormatError
from models.usage.refused_request import RefusedReason

_ANOTHERS = frozenset({FormatError.VENDOR, FormatError.BASIC_CREDENTIALS})
_CHANGED = frozenset({Possession.DELETED, Possession.REPLACED})
_EXPLAINS = frozenset({Possession.DELETED, Possession.REPLACED, Possession.UNKNOWN})


def is_anothers(key: PastedKey) -> bool:
    """Whether the text is another vendor's secret or a password. These are mentioned only if sent in place of a key."""
    return key.malformed is not None and key.malformed.error in _ANOTHERS


def explains_a_failure(key: PastedKey) -> int:
    """A sort key for pasted keys: those that are certainly refused, then valid ones, then unknown ones."""
    if key.possession in _EXPLAINS or (key.possession is None and key.malformed is not None and not is_anothers(key)):
        return 0
    return 2 if key.possession is Possession.UNCLEAR or (key.possession is None and key.malformed is None) else 1


def is_dangerous(key: PastedKey) -> int:
    """A sort key for exposed keys: valid ones, then unknown ones, then those that no longer work."""
    if key.possession is Possession.WORKS:
        return 0
    return 2 if key.possession in _CHANGED else 1


def dated(key: PastedKey, without: Text, with_day: Template) -> Text:
    """The sentence with the slot `day`, for the day on which the state changed, or the one without if it is unknown."""
    return without if key.changed_on is None else with_day.fill(day=Day(key.changed_on))


def state_of(key: PastedKey) -> Words:
    """The state in a few words."""
    match key.possession:
        case Possession.WORKS:
            return say("it works")
        case Possession.UNKNOWN:
            return say("it was not issued here in this form")
        case Possession.UNCLEAR:
            return say("it can't be checked at the moment")
        case None:
            return say("it was not looked up") if key.malformed is None else malformed_detail(key.malformed.detail)
        case Possession.DELETED:
            return dated(key, say_in("state of a key", "deleted"), template("deleted on {day}"))
        case Possession.REPLACED:
            return dated(key, say_in("state of a key", "replaced"), template("replaced on {day}"))


def told_by_possession(facts: Facts, key: PastedKey, topic: Topic) -> Diagnosis:
    """The answer about a key of this organization to a person who may not see it."""
    if key.possession is Possession.DELETED:
        return Diagnosis(
            Case.KEY_DELETED,
            dated(
                key,
                say("This key was deleted, and a deleted key never works again."),
                template("This key was deleted on {day}, and a deleted key never works again."),
            ),
            (Fact(say("State"), state_of(key)),),
            (say("Ask an organization admin for a new key: {admins}.", admins=whom(facts)),),
            sources=(sources.of_refusal(RefusedReason.DELETED_KEY),),
        )
    if key.possession is Possession.REPLACED:
        return Diagnosis(
            Case.SECRET_REPLACED,
            dated(
                key,
                say("This secret was replaced by a newer one, and no longer works."),
                template("This secret was replaced by a newer one on {day}, and no longer works."),
            ),
            (Fact(say("State"), state_of(key)),),
            (say("Ask an organization admin for the current secret: {admins}.", admins=whom(facts)),),
            sources=(sources.of_refusal(RefusedReason.REPLACED_SECRET),),
        )
    if topic is Topic.TOO_MANY_REQUESTS:
        return Diagnosis(
            Case.KEY_WORKS,
            say("This key is valid, but it may be over a limit at this moment: you are not allowed to see its limits."),
            (
                Fact(say("State"), say("it works, apart from its limits"), facts.now),
                Fact(say("Its limits"), say("not checked")),
            ),
            (
                say(
                    "The caller must wait as long as the answer's Retry-After says. The answer's code says "
                    "which limit it is: rate_limited or quota_exceeded."
                ),
                say("Ask an organization admin to look at the key's usage: {admins}.", admins=whom(facts)),
            ),
            sources=(sources.LIMITS, sources.ERRORS),
        )
    with_id = say("With its requestId I may be able to tell.") if facts.request_sought is None else None
    return Diagnosis(
        Case.KEY_WORKS,
        say(
            "This key is valid at this moment: the cause is elsewhere, or the key is not for this "
            "agent, or it is over a limit."
        ),
        (Fact(say("State"), state_of(key), facts.now),),
        (
            sentences(say("Look at the failing answer: its code and detail say more."), with_id),
            say("You are not allowed to see more of this key."),
        ),
        sources=(sources.ERRORS,),
    )


def unclear(key: PastedKey) -> Diagnosis:
    """The key is one of this organization, but the database or the hasher is busy."""
    return Diagnosis(
        Case.NEEDS_DETAILS,
        say("The key can't be checked at the moment. Ask again in a few seconds."),
        (Fact(say("What was pasted"), key.hint or ""),),
        replies=(suggest(Topic.CALL_FAILS, say("Ask again")),),
        sources=(sources.ERRORS,),
    )


def not_looked_up(facts: Facts, key: PastedKey) -> Diagnosis:
    """The person pasted too many different keys within an hour, which could be guessing."""
    return Diagnosis(
        Case.NEEDS_DETAILS,
        say("You have pasted too many different keys within the last hour, so I can't look this one up."),
        (
            Fact(
                say("What was pasted"),
                say("{hint}: it has the form of a key, and was not looked up", hint=key.hint or ""),
                facts.now,
            ),
        ),
        (
            say("Tell me the key's name, or the requestId of an answer that fails."),
            say("Or ask again in an hour."),
        ),
        replies=(suggest(Topic.KEY_LIST, say("Which keys are there?")),),
        sources=(sources.ERRORS,),
    )
