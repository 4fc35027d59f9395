"""Answers without a diagnosis: to greetings, requests for a person, off-topic and unclear messages."""

from collections.abc import Sequence

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import contact, whom
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.starters import starters
from assistant.explain.suggestions import Suggestion, asks_of_a_key, suggest, suggest_of
from assistant.facts.facts import Facts
from assistant.intents.topics import Topic, TopicScore, served_together
from assistant.language.text import Words, say, sentences

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
        say("I am not sure that I understand. Do you mean one of these?"),
        steps=(say("Choose one, or ask in other words. With a requestId, or the key's name, I can tell more."),),
        key=None if key is None else key.record,
        replies=tuple(replies),
        sources=(sources.DOCUMENTATION,),
    )


def greeting(facts: Facts) -> Diagnosis:
    """Answers a greeting, thanks, or a farewell."""
    return Diagnosis(
        Case.NEEDS_DETAILS,
        say(
            "Hello. I can explain the API keys that you are allowed to see, and why requests with them "
            "are refused. What is your question?"
        ),
        steps=(say("Ask, or paste the answer that you get: I remove keys from it before anything else."),),
        replies=starters(facts)[:REPLIES_AT_MOST],
        sources=(sources.ASSISTANT,),
    )


def human(facts: Facts) -> Diagnosis:
    """Says how to reach a person."""
    if facts.has_ticket:
        return has_it(facts)
    where: Words
    if facts.support_email is None:
        steps: tuple[Words, ...] = (
            say(
                "Choose Contact support: this conversation is kept for the operator of this installation, "
                "without secrets. No address for mail is set, so it may take a while."
            ),
            say("Ask an organization admin in the meantime: {admins}.", admins=whom(facts)),
        )
        where = say("nobody set an address")
    elif not facts.sends_mail:
        steps = (
            say(
                "Choose Contact support: this conversation is kept, without secrets, and sent as soon as a "
                "mail server is set up here."
            ),
            say("If it is urgent, write to {address} yourself. Never send a secret.", address=facts.support_email),
        )
        where = facts.support_email
    else:
        steps = (
            say(
                "Choose Contact support: this conversation goes to {address}, without secrets, and the "
                "answer comes to you by e-mail.",
                address=facts.support_email,
            ),
            say("Or write to {address} yourself. Never send a secret.", address=facts.support_email),
        )
        where = facts.support_email
    return Diagnosis(
        Case.HUMAN_REQUESTED,
        say("A person can take over."),
        (
            Fact(say("Support by e-mail"), where),
            Fact(say("Organization admins"), words.people(facts.admins, 10) or say("none")),
        ),
        steps,
        offers=(contact(),),
        sources=(sources.ASSISTANT,),
    )


def has_it(facts: Facts) -> Diagnosis:
    """The conversation was handed over, and the person asks nothing new."""
    if facts.support_email is None or not facts.sends_mail:
        told = say("This conversation is kept for the people who run this server.")
    else:
        told = say("A person has this conversation now. The answer comes to you by e-mail.")
    return Diagnosis(
        Case.HUMAN_REQUESTED,
        sentences(told, say("If you have another question in the meantime, ask me.")),
        sources=(sources.ASSISTANT,),
    )


def off_topic(facts: Facts) -> Diagnosis:
    """Refuses other subjects, other tenants, secrets, commands, and prompt injection."""
    return Diagnosis(
        Case.OFF_TOPIC,
        say(
            "I can't help with that: I explain the API keys, people and agents of your organization, "
            "and I can't change anything or see a secret."
        ),
        steps=(say("Ask me why a key fails, or how to do something. For everything else, contact support."),),
        offers=(contact(),),
        replies=starters(facts)[:REPLIES_AT_MOST],
        sources=(sources.ASSISTANT,),
    )
