"""Answers without a diagnosis: to greetings, requests for a person, off-topic and unclear messages."""

from collections.abc import Sequence

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import ask_an_admin, contact
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.starters import starters
from assistant.explain.suggestions import Suggestion, asks_of_a_key, suggest, suggest_of
from assistant.facts.facts import Facts
from assistant.intents.topics import Topic, TopicScore, served_together

REPLIES_AT_MOST = 3
NEVER_OFFERED = (Topic.OFF_TOPIC, Topic.GREETING)


def unsure(facts: Facts, readings: Sequence[TopicScore]) -> Diagnosis:
    """Asks which topic is meant. The likeliest come first."""
    key = facts.meant[0] if len(facts.meant) == 1 else None
    replies: list[Suggestion] = []
    looked_into: set[Topic] = set()
    for reading in readings:
        if reading.topic in looked_into or reading.topic in NEVER_OFFERED:
            continue
        looked_into |= served_together(reading.topic)
        if key is not None and asks_of_a_key(reading.topic):
            replies.append(suggest_of(facts, key, reading.topic))
        else:
            replies.append(suggest(reading.topic))
        if len(replies) == REPLIES_AT_MOST:
            break
    return Diagnosis(
        Case.NEEDS_DETAILS,
        "I am not sure that I understand. Do you mean one of these?",
        steps=("Choose one, or ask in other words. With a requestId, or the key's name, I can tell more.",),
        key=None if key is None else key.record,
        replies=tuple(replies),
        sources=(sources.DOCUMENTATION,),
    )


def greeting(facts: Facts) -> Diagnosis:
    """Answers a greeting, thanks, or a farewell."""
    return Diagnosis(
        Case.NEEDS_DETAILS,
        "Hello. I can explain the API keys that you are allowed to see, and why requests with them are refused. What "
        "is your question?",
        steps=("Ask, or paste the answer that you get: I remove keys from it before anything else.",),
        replies=starters(facts)[:REPLIES_AT_MOST],
        sources=(sources.ASSISTANT,),
    )


def human(facts: Facts) -> Diagnosis:
    """Says how to reach a person."""
    if facts.has_ticket:
        return has_it(facts)
    if facts.support_email is None:
        steps = (
            "Choose Contact support: this conversation is kept for the operator of this installation, without "
            "secrets. No address for mail is set, so it may take a while.",
            ask_an_admin(facts, "in the meantime"),
        )
        where = "nobody set an address"
    elif not facts.sends_mail:
        steps = (
            "Choose Contact support: this conversation is kept, without secrets, and sent as soon as a mail server is "
            "set up here.",
            f"If it is urgent, write to {facts.support_email} yourself. Never send a secret.",
        )
        where = facts.support_email
    else:
        steps = (
            f"Choose Contact support: this conversation goes to {facts.support_email}, without secrets, and the "
            "answer comes to you by e-mail.",
            f"Or write to {facts.support_email} yourself. Never send a secret.",
        )
        where = facts.support_email
    return Diagnosis(
        Case.HUMAN_REQUESTED,
        "A person can take over.",
        (Fact("Support by e-mail", where), Fact("Organization admins", words.people(facts.admins, 10) or "none")),
        steps,
        offers=(contact(),),
        sources=(sources.ASSISTANT,),
    )


def has_it(facts: Facts) -> Diagnosis:
    """The conversation was handed over, and the person asks nothing new."""
    if facts.support_email is None or not facts.sends_mail:
        told = "This conversation is kept for the people who run this server."
    else:
        told = "A person has this conversation now. The answer comes to you by e-mail."
    return Diagnosis(
        Case.HUMAN_REQUESTED,
        f"{told} If you have another question in the meantime, ask me.",
        sources=(sources.ASSISTANT,),
    )


def off_topic(facts: Facts) -> Diagnosis:
    """Refuses other subjects, other tenants, secrets, commands, and prompt injection."""
    return Diagnosis(
        Case.OFF_TOPIC,
        "I can't help with that: I explain the API keys, people and agents of your organization, and I can't change "
        "anything or see a secret.",
        steps=("Ask me why a key fails, or how to do something. For everything else, contact support.",),
        offers=(contact(),),
        replies=starters(facts)[:REPLIES_AT_MOST],
        sources=(sources.ASSISTANT,),
    )
