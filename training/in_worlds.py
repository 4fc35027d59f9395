"""Measures how well messages outside the training data are answered, given the facts of an organization (a world)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import NamedTuple

from assistant.diagnose import Answered, diagnose, state_after
from assistant.explain import small_talk as talk_explained
from assistant.explain.diagnosis import Case, Diagnosis
from assistant.facts.conversation_state import ConversationState
from assistant.facts.documents import Documents
from assistant.facts.facts import Facts
from assistant.facts.gather import passages
from assistant.facts.question import Inquiry, Question
from assistant.intents.topics import Topic, TopicScore
from assistant.intents.understand import Understood, understand
from assistant.language.render import render
from assistant.pipeline import interpret
from training.corpus import ROOT, Said
from training.held_out import HeldOut
from training.worlds import ANYWHERE, WORLDS, World

Understanding = Callable[[str], Understood]
understood_once: Understanding = lru_cache(maxsize=None)(understand)
"""Understands each message once, as it is asked in several worlds."""


class Conversed(NamedTuple):
    """The result for one message in one world."""

    said: Said
    world: World
    is_of_the_matter: bool
    """Whether the message is about the problem of this world."""
    found: Case
    topic: Topic
    is_sure: bool
    """Whether the assistant answered without a word of doubt."""
    is_asked_back: bool
    """Whether the assistant asked what the person means, instead of answering."""
    is_right: bool
    """Whether the answer is the one that fits what the person means."""
    is_offered: bool
    """Whether the assistant was not sure, and one of its suggested replies leads to the right answer."""

    @property
    def is_within_a_click(self) -> bool:
        """Whether the right answer is given at once, or after a click on a suggested reply."""
        return self.is_right or self.is_offered


@cache
def _documents() -> Documents:
    return Documents(ROOT / "docs")


def asked(
    text: str, facts: Facts, state: ConversationState | None, understanding: Understanding
) -> tuple[Question, Facts]:
    """The question that a message is in this world, and what is known for it."""
    question = interpret(Inquiry(text, state=state), [each.record for each in facts.keys], understanding)
    return question, replace(
        facts,
        meant=[each for each in facts.keys if each.record.id in question.meant.key_ids],
        meant_unseen=question.meant.unseen,
        passages=passages(_documents(), question.text),
    )


def answered_if_known(question: Question, facts: Facts, topic: Topic) -> Answered:
    """What is answered where there is no doubt that the message is about this."""
    certain = (TopicScore(topic, 1.0), *(TopicScore(other, 0.0) for other in Topic if other is not topic))
    return diagnose(replace(question, understood=question.understood._replace(readings=certain)), facts)


def is_asked_back(answered: Answered, facts: Facts) -> bool:
    """Whether the assistant asked what the person means. Other questions, such as for the key, count as answers."""
    return not answered.is_direct and answered.diagnosis.summary == talk_explained.unsure(facts, ()).summary


def _alike(one: Diagnosis, other: Diagnosis) -> bool:
    """Whether both diagnoses tell the person the same."""
    return (one.case, one.key, one.sources) == (other.case, other.key, other.sources)


def converse(said: Said, world: World, understanding: Understanding = understood_once) -> Conversed:
    """Asks a message in this world, and then each reply that is suggested. Returns the result."""
    question, facts = asked(said.text, world.facts, None, understanding)
    answered = diagnose(question, facts)
    wanted = [answered_if_known(question, facts, topic).diagnosis for topic in said.topics]

    def is_right(one: Answered) -> bool:
        return one.topic in said.topics or any(_alike(one.diagnosis, diagnosis) for diagnosis in wanted)

    asked_back = is_asked_back(answered, facts)
    is_offered, is_sure = False, not asked_back and not answered.is_tentative
    if not is_sure:
        state = state_after(answered, facts)
        for reply in answered.diagnosis.replies:
            clicked, then = asked(render(reply.sentence), world.facts, state, understood_once)
            answer = diagnose(clicked, then)
            is_offered |= not is_asked_back(answer, then) and is_right(answer)
    return Conversed(
        said,
        world,
        not world.expected.keys().isdisjoint(said.topics),
        answered.diagnosis.case,
        answered.topic,
        is_sure,
        asked_back,
        not asked_back and is_right(answered),
        is_offered,
    )


def in_worlds(messages: Sequence[HeldOut], understanding: Understanding = understood_once) -> Iterator[Conversed]:
    """
    Asks each message in the world of its writer.

    If that may be any world, in every one in which people ask it: about its problem, or about anything else.
    """
    for world in WORLDS:
        for said, writers in messages:
            is_asked_here = said.topics[0] in world.expected or said.topics[0] in ANYWHERE
            if writers == world.id or (not writers and is_asked_here):
                yield converse(said, world, understanding)
