"""
Finds the diagnosis of a question: a pure function of the question and of the facts that were gathered for it.

`RULES` is the order of precedence. Literal details in the message (a request id, a pasted key, a header, a code) come
before its topic, and asking the person what they mean comes last.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from assistant.explain import formatting as words
from assistant.explain import small_talk as talk
from assistant.explain.by_topic import CALLS, explained
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.failing_calls import OF_TOPIC, only_one, unseen, why_calls_fail
from assistant.explain.pasted_keys import beside, of_pasted, pasted_in_question
from assistant.explain.refusals import deleted
from assistant.explain.requests import called, found, header_mistakes, not_found
from assistant.explain.requests import explained as explained_refusal
from assistant.explain.symptoms import symptom
from assistant.explain.told.causes import may_answer_cause, of_cause, offer_causes
from assistant.facts.conversation_state import ConversationState
from assistant.facts.facts import Facts, KeyFacts, PastedKey, Possession
from assistant.facts.question import Question
from assistant.intents.causes import BY_RULE, Cause, Sign, ToldCause, main_cause
from assistant.intents.symptoms import Symptom, symptom_of
from assistant.intents.topics import Topic, TopicScore
from assistant.language.text import say
from assistant.rank_topics import TOPIC_OF_STATUS, may_answer, may_answer_tentatively, rank
from keys.outcomes import OF_CODE, Outcome
from models.usage.refused_request import RefusedReason


class Answered(NamedTuple):
    """The diagnosis, and the topic that it answers."""

    diagnosis: Diagnosis
    topic: Topic
    is_tentative: bool = False
    """Whether other readings of the question are offered beside the answer."""
    is_unclear: bool = False
    """Whether the person was asked what they mean, because no reading is likely."""

    @property
    def is_direct(self) -> bool:
        """Whether the question was answered. Otherwise the person was asked for details."""
        return self.diagnosis.case is not Case.NEEDS_DETAILS


_NOT_ABOUT_A_SYMPTOM = frozenset({Topic.HUMAN, Topic.HISTORY, Topic.USE, Topic.EXPOSED_KEY, Topic.LOST_SECRET})
"""Topics that are answered even if the message also describes a symptom."""
_MAY_HAVE_A_CAUSE = CALLS - {Topic.KEY_STATE}
"""Topics of failing calls for which the message may tell the cause. A question about a key's state tells none."""
_REFUSED = frozenset({401, 403, 429})
_SAID_OF_REFUSALS = re.compile(r"\baccess not permitted\b", re.IGNORECASE)
"""The message of every 401 and 403."""


@dataclass(frozen=True, slots=True)
class Situation:
    """A question with its facts, and the conditions of the rules. A falsy result means that the rule does not apply."""

    question: Question
    facts: Facts
    scores: tuple[TopicScore, ...]
    """The topics with their probabilities, the likeliest first."""
    is_sure: bool
    """Whether the likeliest topic is likely enough to be answered without a word of doubt."""
    is_likely: bool
    """Whether it is likely enough to be answered at all, at least together with the other readings."""

    @property
    def topic(self) -> Topic:
        """The likeliest topic."""
        return self.scores[0].topic

    @property
    def words(self) -> str:
        """The text of the question, without the name of the key that is meant."""
        return self.question.bare or self.question.text

    def is_about(self, *topics: Topic) -> bool:
        """Whether the message is certainly about one of these topics."""
        return self.is_sure and self.topic in topics

    def asks_of_request(self) -> bool:
        """
        Whether the message is about a request.

        An attached one does not count if the message has another topic and names no status.
        """
        is_first_greeting = self.question.state is None and self.topic is Topic.GREETING
        is_of_calls = self.topic in CALLS or not self.is_sure or bool(self.question.understood.status_codes)
        is_asked = is_of_calls or is_first_greeting or not self.question.request_is_attached
        return self.facts.request_sought is not None and is_asked

    def may_be_of_calls(self) -> bool:
        """Whether the message may be about failing calls, so that codes and headers in it count."""
        return self.asks_of_request() or not self.is_sure or self.topic in {*CALLS, Topic.HOW_CALL}

    def symptom(self) -> Symptom | None:
        """The symptom that the message describes, unless a pasted key explains it."""
        if self.asks_of_request() or self.is_about(*_NOT_ABOUT_A_SYMPTOM):
            return None
        is_explained = any(
            each.malformed is not None or each.possession not in {None, Possession.WORKS} for each in self.facts.pasted
        )
        return None if is_explained else symptom_of(self.words, self.question.understood)

    def pasted_key(self) -> PastedKey | None:
        """The pasted key that the message is about."""
        return pasted_in_question(self.question, self.facts, self.topic if self.is_sure else None)

    def code_of_a_key(self) -> tuple[Topic, RefusedReason] | None:
        """A code in the message that is about a key. Together with an unknown request it needs a key that it fits."""
        facts = self.facts
        for outcome in self.refusals_by_code():
            if outcome.reason is None or outcome.column is None:
                continue
            is_of_a_key = facts.meant or facts.meant_unseen is not None or facts.in_trouble((outcome.reason,))
            if self.may_be_of_calls() and (is_of_a_key or not self.asks_of_request()):
                return TOPIC_OF_STATUS[outcome.status], outcome.reason
        return None

    def code_of_no_key(self) -> RefusedReason | None:
        """A code in the message that is not about a key."""
        reasons = [each.reason for each in self.refusals_by_code() if each.column is None]
        return reasons[0] if reasons and self.may_be_of_calls() else None

    def refusals_by_code(self) -> list[Outcome]:
        """The outcomes of verification whose codes are in the message."""
        return [OF_CODE[each] for each in self.question.understood.codes if each in OF_CODE]

    def names_a_key(self) -> bool:
        """Whether the message itself refers to a key. A key that was discussed before does not count."""
        is_first = self.question.state is None and bool(self.facts.meant or self.facts.meant_unseen)
        return self.question.meant.is_named or bool(self.facts.pasted) or is_first

    def deleted_key(self) -> KeyFacts | None:
        """The deleted key that an unclear message names, if it names no other key."""
        if self.is_likely or not self.facts.meant or not self.question.meant.is_named:
            return None
        key = only_one(self.facts.meant, ())
        return key if key is not None and key.is_deleted else None

    def told_cause(self) -> ToldCause | None:
        """The cause that the message tells, if it is about failing calls and leaves little doubt of the cause."""
        understood = self.question.understood
        told = main_cause(each for each in understood.causes if not self._is_contradicted(each))
        if told is None or self.asks_of_request() or not may_answer_cause(told):
            return None
        if self.is_about(Topic.HOW_ROTATE):
            # *How do I rotate* is about a manual page, unless the secret that was replaced is refused.
            return told if told.cause is Cause.REPLACED and 401 in understood.status_codes else None
        is_pasted = told.probability >= BY_RULE
        is_of_calls = self.topic in _MAY_HAVE_A_CAUSE or (is_pasted and self.topic is Topic.HOW_CALL)
        says_refused = bool(_REFUSED.intersection(understood.status_codes))
        return told if is_of_calls or (not self.is_sure and (is_pasted or says_refused)) else None

    def _is_contradicted(self, told: ToldCause) -> bool:
        """Whether something else in the message shows that the cause is another one."""
        if told.cause is not Cause.NETWORK:
            return False
        # A refusal reached somebody who refuses; and an answer that is late may be ours.
        is_refused = bool(_REFUSED.intersection(self.question.understood.status_codes))
        is_elsewhere = told.sign in {Sign.ANOTHER_ANSWERED, Sign.OTHER_HOST}
        return (is_refused and not is_elsewhere) or (told.sign is Sign.TIMED_OUT and self.topic is Topic.UNAVAILABLE)

    def answered(self, diagnosis: Diagnosis) -> Answered:
        """The diagnosis as an answer to the likeliest topic."""
        return Answered(diagnosis, self.topic)

    def answered_of_calls(self, diagnosis: Diagnosis, topic: Topic | None = None) -> Answered:
        """The diagnosis as an answer about failing calls. If the person asks about an unknown request, it says so."""
        if self.asks_of_request() and self.facts.request is None:
            # The same words for a request that never existed and for one that the person may not see.
            missing = Fact(
                say("The request"), say("{request}: not found", request=self.facts.request_sought or ""), self.facts.now
            )
            diagnosis = replace(diagnosis, evidence=(*diagnosis.evidence, missing))
        return Answered(diagnosis, topic or (self.topic if self.topic in CALLS else Topic.CALL_FAILS))


class Rule(NamedTuple):
    """One rule. `answer` is called with the result of `applies` if that is truthy."""

    name: str
    applies: Callable[[Situation], Any]
    answer: Callable[[Situation, Any], Answered]


def diagnose(question: Question, facts: Facts) -> Answered:
    """Applies the first rule that fits."""
    scores = rank(question, facts)
    is_sure = may_answer(question, scores)
    is_likely = is_sure or may_answer_tentatively(scores) or scores[0].topic is question.chosen
    situation = Situation(question, facts, scores, is_sure, is_likely)
    answered = next(rule.answer(situation, applied) for rule in RULES if (applied := rule.applies(situation)))
    if answered.topic not in CALLS:
        return answered
    if situation.is_sure and not situation.asks_of_request():
        # Otherwise the replies are the readings of the message, which come first.
        offered = offer_causes(answered.diagnosis, question.understood.causes, answered.topic)
        answered = answered._replace(diagnosis=offered)
    # The host of a refusal's `type`, which links to the error's documentation, was not called.
    hosts = [each for each in question.understood.hosts if f"//{each}/docs/errors" not in question.text.casefold()]
    return answered._replace(diagnosis=called(answered.diagnosis, hosts))


def _key_beside_request(situation: Situation, _applied: bool) -> Answered:
    """The answer about a key that is named together with the id of an unknown request."""
    topic = situation.topic
    if topic not in CALLS and not (situation.is_sure and topic is not Topic.GREETING):
        topic = Topic.CALL_FAILS
    diagnosis = explained(topic, situation.words, situation.facts)
    return situation.answered_of_calls(beside(situation.facts, diagnosis), topic)


def _request_not_found(situation: Situation, _applied: bool) -> Answered:
    missing = not_found(situation.facts)
    said = [
        Fact(
            say("The code that you wrote"),
            say("{code}: {reason}", code=outcome.code, reason=words.REASONS[outcome.reason]),
        )
        for outcome in situation.refusals_by_code()
        if outcome.column is not None and outcome.reason is not None
    ]
    topic = situation.topic if situation.topic in CALLS else Topic.CALL_FAILS
    return Answered(replace(missing, evidence=(*missing.evidence, *said)), topic)


RULES: tuple[Rule, ...] = (
    Rule(
        "not about API keys",
        lambda it: it.is_about(Topic.OFF_TOPIC),
        lambda it, _: it.answered(talk.off_topic(it.facts)),
    ),
    Rule(
        "a refused request that the person may see",
        lambda it: it.asks_of_request() and it.facts.request,
        lambda it, request: it.answered_of_calls(beside(it.facts, found(it.facts, request))),
    ),
    Rule(
        "a symptom that no pasted key explains",
        Situation.symptom,
        lambda it, seen: Answered(beside(it.facts, symptom(it.facts, seen)), Topic.CALL_FAILS),
    ),
    Rule(
        "a pasted key",
        Situation.pasted_key,
        lambda it, key: it.answered_of_calls(
            of_pasted(it.question, it.facts, key, it.topic, is_leaked=it.is_about(Topic.EXPOSED_KEY))
        ),
    ),
    Rule(
        "a code that is about a key",
        Situation.code_of_a_key,
        lambda it, code: it.answered_of_calls(why_calls_fail(it.facts, code[0], code[1:])),
    ),
    Rule(
        "a mistake in a pasted header",
        lambda it: it.may_be_of_calls() and it.question.understood.header_mistakes,
        lambda it, mistakes: it.answered_of_calls(header_mistakes(mistakes)),
    ),
    Rule(
        "any other code",
        Situation.code_of_no_key,
        lambda it, reason: it.answered_of_calls(explained_refusal(it.facts, reason)),
    ),
    Rule(
        "a cause that the message tells",
        Situation.told_cause,
        lambda it, told: it.answered_of_calls(beside(it.facts, of_cause(it.facts, told))),
    ),
    Rule(
        "the message of every refusal",
        lambda it: not it.is_sure and not it.asks_of_request() and _SAID_OF_REFUSALS.search(it.question.text),
        lambda it, _: it.answered_of_calls(
            why_calls_fail(it.facts, Topic.CALL_FAILS, (*OF_TOPIC[Topic.UNAUTHORIZED], *OF_TOPIC[Topic.FORBIDDEN]))
        ),
    ),
    Rule(
        "a key with the id of an unknown request",
        lambda it: it.asks_of_request() and it.names_a_key(),
        _key_beside_request,
    ),
    Rule("an unknown request", Situation.asks_of_request, _request_not_found),
    Rule(
        "nothing new after a hand-over",
        lambda it: it.facts.has_ticket and not it.question.understood.asks_anew and it.question.suggested is None,
        lambda it, _: it.answered(talk.has_it(it.facts)),
    ),
    Rule(
        "unclear, and names a deleted key",
        Situation.deleted_key,
        lambda it, key: Answered(deleted(it.facts, key), Topic.KEY_STATE),
    ),
    Rule(
        "unclear, and names a key that the person may not see",
        lambda it: not it.is_sure and it.facts.meant_unseen is not None and it.question.meant.is_named,
        lambda it, _: it.answered(unseen(it.facts)),
    ),
    Rule(
        "unclear",
        lambda it: not it.is_likely,
        lambda it, _: it.answered(talk.unsure(it.facts, it.scores, it.question.understood))._replace(is_unclear=True),
    ),
    Rule(
        "likely",
        lambda it: not it.is_sure,
        lambda it, _: it.answered(
            talk.tentative(it.facts, it.scores, beside(it.facts, explained(it.topic, it.words, it.facts)))
        )._replace(is_tentative=True),
    ),
    Rule(
        "understood",
        lambda _: True,
        lambda it, _: it.answered(beside(it.facts, explained(it.topic, it.words, it.facts))),
    ),
)
"""The rules in order of precedence: the first that applies gives the answer."""


def state_after(answered: Answered, facts: Facts, language: str | None = None) -> ConversationState:
    """The state of the conversation after this answer, to which the next message may refer."""
    diagnosis = answered.diagnosis
    key_id = None if diagnosis.key is None else diagnosis.key.id
    in_trouble = (each.record.id for each in facts.in_trouble(OF_TOPIC[Topic.CALL_FAILS]))
    offered = (key_id, *diagnosis.keys, *(each.key_id for each in diagnosis.replies), *in_trouble)
    return ConversationState(
        topic=answered.topic,
        key_id=key_id,
        offered=tuple(dict.fromkeys(each for each in offered if each is not None))[:10],
        replies=tuple(each.id for each in diagnosis.replies),
        request_id=facts.request_sought,
        language=language,
    )
