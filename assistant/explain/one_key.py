"""
Diagnoses one active key whose requests are said to fail: why they are refused, or that the key works.

A key is said to work only if requests with it pass.
"""

from datetime import datetime

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import contact, usage
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.requests import explained
from assistant.explain.suggestions import WHO_USES, suggest, suggest_of
from assistant.facts.facts import Facts, KeyFacts
from assistant.intents.topics import Topic
from assistant.language.text import Moment, say
from keys.token import hint_of
from models.usage.refused_request import RefusedReason


def works(facts: Facts, key: KeyFacts, topic: Topic = Topic.CALL_FAILS) -> Diagnosis:
    """Says that requests with the key pass, or otherwise why they are refused, or that none has arrived."""
    if not key.is_detailed:
        raise ValueError("the details of this key were not read")
    record = key.record
    passes = key.passed > 0 or _is_within(facts, record.last_used_at)
    if not passes and (refused := _refused_instead(facts, key)) is not None:
        return refused
    passed = Fact(say("Last request that passed"), words.last_use(key), record.last_used_at)
    evidence = [
        Fact(say("Key"), words.describe_key(record)),
        passed,
        Fact(say("Passed in the last day"), words.requests(key.passed)),
        Fact(say("Refused in the last day"), words.requests(key.refused_in_all)),
    ]
    if topic is Topic.TOO_MANY_REQUESTS and key.balance is not None:
        left, used = key.balance.rate_remaining, key.balance.quota_used
        evidence.append(
            Fact(
                say("Rate limit"),
                say("{left} of {rate_limit} left in this minute", left=left, rate_limit=record.rate_limit),
                facts.now,
            )
        )
        evidence.append(
            Fact(
                say("Quota"),
                say("{used} of {monthly_quota} used this month", used=used, monthly_quota=record.monthly_quota),
                facts.now,
            )
        )
    last = key.last_refused()
    if last is not None:
        where = words.caller(last.ip_address, last.user_agent)
        evidence.append(
            Fact(
                say("Last refused"),
                say(
                    "{request}, {reason}, from {caller}",
                    request=last.id,
                    reason=words.REASONS[last.reason],
                    caller=where,
                ),
                last.at,
            )
        )
    if not passes:
        at = record.last_used_at
        key_name = words.named(record)
        if at is None:
            summary = say(
                "The key {key} is valid, but no request with it has arrived in the last day, and none ever has: the "
                "failing requests go to another host, or are stopped before Keydesk.",
                key=key_name,
            )
        else:
            summary = say(
                "The key {key} is valid, but no request with it has arrived in the last day, and the last that passed "
                "was on {when}: the failing requests go to another host, or are stopped before Keydesk.",
                key=key_name,
                when=Moment(at),
            )
        return Diagnosis(
            Case.NO_REQUESTS_SEEN,
            summary,
            tuple(evidence),
            (
                say(
                    "Does the failing answer have an X-Request-Id that begins with req_? If not, it is not "
                    "from Keydesk."
                ),
                say("Check the host that the program calls, and the proxies on the way."),
                say(
                    "Is it really this key? Its hint is {hint}. An environment variable takes precedence over a file.",
                    hint=hint_of(record),
                ),
            ),
            record,
            (usage(record), contact()),
            (suggest(Topic.HOW_CALL, say("How do I send a key?")),),
            (sources.SENDING, sources.ERRORS),
        )
    return Diagnosis(
        Case.KEY_WORKS,
        say("The key {key} is valid, and requests with it pass: the cause is elsewhere.", key=words.named(record)),
        tuple(evidence),
        (
            say(
                "Look at the failing answer: an answer from Keydesk has code and requestId in its body. "
                "With its requestId I can tell you more."
            ),
            say("Compare the key that the failing program has with this one's hint, {hint}.", hint=hint_of(record)),
            say("If the answer comes from the agent itself, ask the people who run it."),
        ),
        record,
        (usage(record), contact()),
        (suggest_of(facts, key, WHO_USES, say("Who uses the key?")),),
        (sources.REFUSED, sources.ERRORS),
    )


def forbidden(facts: Facts, key: KeyFacts) -> Diagnosis:
    """A 403 without a record: the request was for another agent, or did not come through the gateway."""
    record = key.record
    if record.agent is None:
        raise ValueError("this key is for every agent")
    agent = words.named(record.agent)
    return Diagnosis(
        Case.AGENT_NOT_IN_SCOPE,
        say(
            "The key {key} is valid, and no 403 with it is on record. There are two likely causes: the "
            "request was for another agent than {agent}, the only one that the key is for, or it did "
            "not come through the gateway.",
            key=words.named(record),
            agent=agent,
        ),
        (
            Fact(say("The key is for"), words.scope_of(record)),
            Fact(say("Last request that passed"), words.last_use(key), record.last_used_at),
        ),
        (
            say(
                "Look at the code in the answer's body: agent_not_in_scope or gateway_not_allowed. With "
                "its requestId I can tell you more."
            ),
            say(
                "If it is agent_not_in_scope: use this key for the agent {agent} only, and look at how the gateway "
                "sets X-Agent-Id from its route. A key's scope is set when the key is created.",
                agent=agent,
            ),
            say("If it is gateway_not_allowed: call the address of the agent, behind the gateway, and not /v1/verify."),
        ),
        record,
        (usage(record), contact()),
        (suggest(Topic.CHANGE_SCOPE, say("Can I change the scope?")),),
        (sources.of_refusal(RefusedReason.AGENT_NOT_IN_SCOPE), sources.of_refusal(RefusedReason.GATEWAY_NOT_ALLOWED)),
    )


def _refused_instead(facts: Facts, key: KeyFacts) -> Diagnosis | None:
    """Explains the newest refused request of the last day, or, if it is not stored, the most frequent reason."""
    last = key.last_refused()
    if last is not None and _is_within(facts, last.at):
        return explained(facts, last.reason, key, last)
    most = max(key.refused, key=lambda reason: key.refused[reason], default=None)
    return None if most is None else explained(facts, most, key)


def _is_within(facts: Facts, at: datetime | None) -> bool:
    """Whether the time is in the last day, for which requests are counted."""
    return at is not None and at >= facts.since
