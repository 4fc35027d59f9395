"""Turns a redacted message into a diagnosis, in three steps: interpret, gather, diagnose."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from assistant.choice import Chooser, plain_words, topics_to_choose_from
from assistant.diagnose import Answered, diagnose
from assistant.explain.pasted_key_state import explains_a_failure
from assistant.explain.suggestions import (
    Suggestion,
    cause_of_sentence,
    find_suggestion,
    parse_suggestion_id,
    topic_of_sentence,
)
from assistant.facts.asker import Asker, Knowledge
from assistant.facts.conversation_state import chosen
from assistant.facts.facts import Facts
from assistant.facts.gather import add_referenced_keys, gather, gather_overview
from assistant.facts.key_reference import KeyReference, meant, without_names
from assistant.facts.pasted_keys import Possessions, look_up_pasted
from assistant.facts.question import Inquiry, Question
from assistant.intents.causes import BY_SENTENCE, ToldCause
from assistant.intents.language import language_seen
from assistant.intents.normalize import plain, sentences
from assistant.intents.understand import Understood, understand
from assistant.language.render import render
from models.key_queries import ApiKeyRecord
from models.members import member_records

_INTERPRETING = ThreadPoolExecutor(max_workers=1, thread_name_prefix="interpret")
"""Messages are interpreted outside the event loop, one at a time, so that verification waits for no question."""


@dataclass(frozen=True, slots=True)
class DiagnosedMessage:
    """The answer, the language to give it in, and the facts that it is based on."""

    answered: Answered
    language: str
    facts: Facts


def interpret(
    inquiry: Inquiry, keys: Sequence[ApiKeyRecord], understanding: Callable[[str], Understood] = understand
) -> Question:
    """Finds out what a message asks, and which of `keys`, those that the person may see, it refers to."""
    suggestion_id, text = inquiry.suggestion_id, inquiry.text
    if suggestion_id is None and (choice := chosen(text, inquiry.state)) is not None:
        # A message such as *the second one* is a click, too. An older version stored sentences instead of ids.
        suggestion_id, text = (choice, text) if parse_suggestion_id(choice) is not None else (None, choice)
    suggestion = None if suggestion_id is None else find_suggestion(suggestion_id, keys)
    text = text if suggestion is None else render(suggestion.sentence)
    understood = understanding(text)
    reference = _reference(suggestion_id, suggestion, text, understood, keys, inquiry)
    named = [each for each in keys if each.id in reference.key_ids]
    bare = without_names(text, named)
    if bare != text:
        # A key's name says nothing about what is asked, or in which language.
        understood = understanding(bare)._replace(hints=understood.hints, ids=understood.ids)
    if inquiry.suggestion_id is not None:
        understood = understood._replace(language=understanding(without_names(inquiry.text, named)).language)
    cause = cause_of_sentence(bare) if suggestion is None else suggestion.cause
    if cause is not None:
        understood = understood._replace(causes=(ToldCause(cause, BY_SENTENCE),))
    return Question(
        text,
        understood,
        bare,
        reference,
        inquiry.state,
        suggested=topic_of_sentence(bare) if suggestion is None else suggestion.topic,
        request_id=inquiry.request_id or next(iter(understood.request_ids), None),
        request_is_attached=inquiry.request_id is not None,
    )


def _reference(
    suggestion_id: str | None,
    suggestion: Suggestion | None,
    text: str,
    understood: Understood,
    keys: Sequence[ApiKeyRecord],
    inquiry: Inquiry,
) -> KeyReference:
    """The keys that the message refers to: that of the suggestion if one was clicked, otherwise those of the text."""
    if suggestion is not None and suggestion.key_id is not None:
        return KeyReference((suggestion.key_id,), is_named=True)
    if suggestion_id is not None and suggestion is None:
        # A suggestion about a key that the person may not see, or not any more.
        return KeyReference(unseen=suggestion_id.partition(".")[2], is_named=True)
    # A general suggestion names no key, even if a key is called *documentation*.
    words = text if suggestion is None else ""
    return meant(words, understood, keys, looking_at=inquiry.looking_at, state=inquiry.state)


async def diagnose_message(
    knowledge: Knowledge,
    possessions: Possessions,
    asker: Asker,
    inquiry: Inquiry,
    now: datetime,
    chooser: Chooser | None = None,
) -> DiagnosedMessage:
    """
    Diagnoses a message. This only reads and changes nothing.

    Where the message is not clear, `chooser` is asked which reading is meant, unless the organization does not allow
    that. No transaction is open meanwhile.
    """
    overview = await gather_overview(knowledge, asker, now)
    overview = await add_referenced_keys(knowledge, asker, overview, inquiry)
    overview = replace(overview, has_ticket=inquiry.has_ticket)
    records = [each.record for each in overview.keys]
    question = await asyncio.get_running_loop().run_in_executor(_INTERPRETING, interpret, inquiry, records)
    pasted = await look_up_pasted(possessions, knowledge.reader, asker.organization_id, inquiry, records)
    # The details of keys that explain a failure are read before those of keys that work.
    pasted.sort(key=lambda each: explains_a_failure(each.pasted))
    facts = await gather(knowledge, asker, overview, question, pasted)
    answered = diagnose(question, facts)
    if chooser is not None and asker.membership.organization.allows_assistant_model:
        answered = await _chosen(chooser, knowledge, question, facts, answered)
    return DiagnosedMessage(answered, language_to_answer_in(inquiry, question), facts)


async def _chosen(
    chooser: Chooser, knowledge: Knowledge, question: Question, facts: Facts, answered: Answered
) -> Answered:
    """The tentative answer to the reading that the model chooses of an unclear message; the same if it chooses none."""
    topics = topics_to_choose_from(answered)
    if not topics:
        return answered
    # Also of people whom the asker may not see: their names are only taken out.
    members = await member_records(knowledge.reader, facts.organization.id)
    topic = await chooser.choose(plain_words(question.bare, facts, [each.person for each in members]), topics)
    if topic is None:
        return answered
    chosen = diagnose(replace(question, chosen=topic), facts)
    return chosen if chosen.is_tentative else answered


def language_to_answer_in(inquiry: Inquiry, question: Question) -> str:
    """
    The language to answer in: the one that was chosen, or otherwise that of the message.

    A click, and a message of codes only, keep the language of the conversation.
    """
    if inquiry.language is not None:
        return inquiry.language
    before = None if inquiry.state is None else inquiry.state.language
    is_click = inquiry.suggestion_id is not None or chosen(inquiry.text, inquiry.state) is not None
    if before is not None and (is_click or language_seen(sentences(plain(question.bare))) is None):
        return before
    return question.understood.language
