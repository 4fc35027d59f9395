"""
Owns what is said of a key that was pasted: what is wrong with its form, and what possession entitles to know.

A key of another organization, one that never was and one with a letter changed get the same words.
"""

from dataclasses import replace

from assistant import sources, words
from assistant.calls_explained import OF_TOPIC, of_key
from assistant.diagnosis import Case, Diagnosis, Fact, Reply
from assistant.facts import Facts, KeyFacts, PastedKey, Possession
from assistant.offers import ask_an_admin, rotate
from assistant.refusals_explained import replaced
from assistant.requests_explained import malformed, unknown
from assistant.understand_topics import Topic
from models.refused_request import RefusedReason

ROTATE_IT = "The key was pasted somewhere: rotate it, so that nobody finds its secret there."


def pasted(facts: Facts, key: PastedKey, topic: Topic) -> Diagnosis:
    """What is told of the first key that was pasted."""
    if key.malformed is not None and key.possession is None:
        return malformed(key.malformed.detail, key.hint)
    match key.possession:
        case None:
            return _not_looked_up(facts, key)
        case Possession.UNKNOWN:
            return unknown(key.hint)
        case Possession.UNCLEAR:
            return _unclear(key)
        case _:
            return _possessed(facts, key, topic)


def _possessed(facts: Facts, pasted_key: PastedKey, topic: Topic) -> Diagnosis:
    """A key of this organization. Who may see it sees all; who may not, its state and the day on which it changed."""
    if pasted_key.key is None:
        diagnosis = _state(facts, pasted_key)
    else:
        diagnosis = _of_seen_key(facts, pasted_key, pasted_key.key, topic)
    wrong = () if pasted_key.malformed is None else (Fact("As it was pasted", pasted_key.malformed.detail),)
    return replace(diagnosis, evidence=(Fact("What was pasted", f"{pasted_key.hint}"), *wrong, *diagnosis.evidence))


def _of_seen_key(facts: Facts, pasted_key: PastedKey, key: KeyFacts, topic: Topic) -> Diagnosis:
    if pasted_key.possession is Possession.REPLACED:
        return replaced(facts, key)
    about = topic if topic in OF_TOPIC else Topic.CALL_FAILS
    # The very secret is here, and it is good: what is refused with an older one is somebody else's.
    reasons = tuple(each for each in OF_TOPIC[about] if each is not RefusedReason.REPLACED_SECRET)
    diagnosis = of_key(facts, key, about, reasons)
    if key.is_deleted or not key.may_manage:
        return diagnosis
    offers = diagnosis.offers if rotate(key.record) in diagnosis.offers else (*diagnosis.offers, rotate(key.record))
    return replace(diagnosis, steps=(*diagnosis.steps, ROTATE_IT), offers=offers)


def _state(facts: Facts, pasted_key: PastedKey) -> Diagnosis:
    day = "" if pasted_key.changed_on is None else f" on {words.day(pasted_key.changed_on)}"
    if pasted_key.possession is Possession.DELETED:
        return Diagnosis(
            Case.KEY_DELETED,
            f"This key was deleted{day}, and a deleted key never works again.",
            (Fact("State", f"deleted{day}"),),
            (ask_an_admin(facts, "for a new key"),),
            sources=(sources.of_refusal(RefusedReason.DELETED_KEY),),
        )
    if pasted_key.possession is Possession.REPLACED:
        return Diagnosis(
            Case.SECRET_REPLACED,
            f"This secret was replaced by a newer one{day}, and no longer works.",
            (Fact("State", f"replaced{day}"),),
            (ask_an_admin(facts, "for the current secret"),),
            sources=(sources.of_refusal(RefusedReason.REPLACED_SECRET),),
        )
    return Diagnosis(
        Case.KEY_WORKS,
        "This key is good at this moment: what fails is elsewhere, or the key is not for this agent, or over a limit.",
        (Fact("State", "it works", facts.now),),
        (
            "Look at the answer that fails: its code and detail say more. With its requestId I may be able to tell.",
            "You may not see more of this key.",
            ask_an_admin(facts, "about it, and to rotate it, since it was pasted somewhere"),
        ),
        sources=(sources.ERRORS,),
    )


def _unclear(key: PastedKey) -> Diagnosis:
    return Diagnosis(
        Case.NEEDS_DETAILS,
        "The key can't be looked at just now. Ask again in a few seconds.",
        (Fact("What was pasted", f"{key.hint}"),),
        replies=(Reply("Ask again", "Why does my call fail?"),),
        sources=(sources.ERRORS,),
    )


def _not_looked_up(facts: Facts, key: PastedKey) -> Diagnosis:
    """Ten different ones were looked up within the hour: more would be guessing."""
    return Diagnosis(
        Case.NEEDS_DETAILS,
        "You have pasted as many different keys within the last hour as I may look up.",
        (Fact("What was pasted", f"{key.hint}", facts.now),),
        (
            "Tell me the key's name, or its hint, or the requestId of an answer that fails.",
            "Or ask again in an hour.",
        ),
        replies=(Reply("Which keys are there?", "Which keys do we have?"),),
        sources=(sources.ERRORS,),
    )
