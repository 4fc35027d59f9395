"""Answers without a diagnosis: to greetings, requests for a person, off-topic and unclear messages."""

from collections.abc import Sequence
from dataclasses import replace

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import contact, whom
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.starters import starters
from assistant.explain.suggestions import Suggestion, asks_of_a_key, suggest, suggest_of
from assistant.facts.facts import Facts
from assistant.intents.topics import Topic, TopicScore, served_together
from assistant.intents.understand import Understood
from assistant.language.text import Words, listed, say, sentences

REPLIES_AT_MOST = 3
_OWN_REPLIES_AT_MOST = 2
"""How many of the replies of a question for details are kept beside other readings of the message."""
NEVER_OFFERED = (Topic.OFF_TOPIC, Topic.GREETING)


def unsure(facts: Facts, readings: Sequence[TopicScore], understood: Understood | None = None) -> Diagnosis:
    """Says what was understood, and asks which topic is meant. The likeliest come first."""
    key = facts.meant[0] if len(facts.meant) == 1 else None
    return Diagnosis(
        Case.NEEDS_DETAILS,
        say("I am not sure that I understand. Do you mean one of these?"),
        evidence=_noticed(facts, understood),
        steps=(say("Choose one, or ask in other words. With a requestId, or the key's name, I can tell more."),),
        key=None if key is None else key.record,
        replies=_offered(facts, readings),
        sources=(sources.DOCUMENTATION,),
    )


def tentative(facts: Facts, readings: Sequence[TopicScore], diagnosis: Diagnosis) -> Diagnosis:
    """This answer to the likeliest topic, with the sentence that says how the question was read, and other readings."""
    read_as, *others = _offered(facts, readings, REPLIES_AT_MOST + 1)
    if diagnosis.case is Case.NEEDS_DETAILS:
        # It is a question itself.
        return replace(diagnosis, replies=_unlike((*diagnosis.replies[:_OWN_REPLIES_AT_MOST], *others)))
    return replace(
        diagnosis,
        reading=say(
            "I read your question as: “{question}” If you mean something else, choose it below.",
            question=read_as.sentence,
        ),
        replies=_unlike((*others, *diagnosis.replies)),
    )


def _offered(facts: Facts, readings: Sequence[TopicScore], at_most: int = REPLIES_AT_MOST) -> tuple[Suggestion, ...]:
    """The questions for the likeliest topics. Topics with the same answer share one."""
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
        if len(replies) == at_most:
            break
    return tuple(replies)


def _unlike(replies: Sequence[Suggestion]) -> tuple[Suggestion, ...]:
    return tuple({each.id: each for each in replies}.values())[:REPLIES_AT_MOST]


def _noticed(facts: Facts, understood: Understood | None) -> tuple[Fact, ...]:
    """What the message names, though not what is asked about it."""
    noticed = [
        Fact(say("The key that you mean"), words.quoted_name(facts, each)) for each in facts.meant[:REPLIES_AT_MOST]
    ]
    if understood is None:
        return tuple(noticed)
    if understood.status_codes:
        noticed.append(Fact(say("The status in your message"), listed([str(each) for each in understood.status_codes])))
    if understood.codes:
        noticed.append(Fact(say("The code in your message"), listed(understood.codes)))
    return tuple(noticed)


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
