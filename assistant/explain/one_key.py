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
from keys.outcomes import OF_REASON
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
    passed = Fact("Last request that passed", words.last_use(key), record.last_used_at)
    evidence = [
        Fact("Key", words.describe_key(record)),
        passed,
        Fact("Passed in the last day", words.count(key.passed, "request")),
        Fact("Refused in the last day", words.count(key.refused_in_all, "request")),
    ]
    if topic is Topic.TOO_MANY_REQUESTS and key.balance is not None:
        left, used = key.balance.rate_remaining, key.balance.quota_used
        evidence.append(Fact("Rate limit", f"{left:,} of {record.rate_limit:,} left in this minute", facts.now))
        evidence.append(Fact("Quota", f"{used:,} of {record.monthly_quota:,} used this month", facts.now))
    last = key.last_refused()
    if last is not None:
        where = words.caller(last.ip_address, last.user_agent)
        evidence.append(Fact("Last refused", f"{last.id}, {OF_REASON[last.reason].phrase}, from {where}", last.at))
    if not passes:
        at = record.last_used_at
        before = "none ever has" if at is None else f"the last that passed was on {words.moment(at)}"
        return Diagnosis(
            Case.NO_REQUESTS_SEEN,
            f"The key {words.named(record)} is valid, but no request with it has arrived in the last day, and "
            f"{before}: the failing requests go to another host, or are stopped before Keydesk.",
            tuple(evidence),
            (
                "Does the failing answer have an X-Request-Id that begins with req_? If not, it is not from Keydesk.",
                "Check the host that the program calls, and the proxies on the way.",
                f"Is it really this key? Its hint is {hint_of(record)}. An environment variable takes precedence over "
                "a file.",
            ),
            record,
            (usage(record), contact()),
            (suggest(Topic.HOW_CALL, "How do I send a key?"),),
            (sources.SENDING, sources.ERRORS),
        )
    return Diagnosis(
        Case.KEY_WORKS,
        f"The key {words.named(record)} is valid, and requests with it pass: the cause is elsewhere.",
        tuple(evidence),
        (
            "Look at the failing answer: an answer from Keydesk has code and requestId in its body. With its "
            "requestId I can tell you more.",
            f"Compare the key that the failing program has with this one's hint, {hint_of(record)}.",
            "If the answer comes from the agent itself, ask the people who run it.",
        ),
        record,
        (usage(record), contact()),
        (suggest_of(facts, key, WHO_USES, "Who uses the key?"),),
        (sources.REFUSED, sources.ERRORS),
    )


def forbidden(facts: Facts, key: KeyFacts) -> Diagnosis:
    """A 403 without a record: the request was for another agent, or did not come through the gateway."""
    record = key.record
    return Diagnosis(
        Case.AGENT_NOT_IN_SCOPE,
        f"The key {words.named(record)} is valid, and no 403 with it is on record. There are two likely causes: the "
        f"request was for another agent than {words.scope_of(record)}, the only one that the key is for, or it did "
        "not come through the gateway.",
        (
            Fact("The key is for", words.scope_of(record)),
            Fact("Last request that passed", words.last_use(key), record.last_used_at),
        ),
        (
            "Look at the code in the answer's body: agent_not_in_scope or gateway_not_allowed. With its requestId I "
            "can tell you more.",
            f"If it is agent_not_in_scope: use this key for {words.scope_of(record)} only, and look at how the "
            "gateway sets X-Agent-Id from its route. A key's scope is set when the key is created.",
            "If it is gateway_not_allowed: call the address of the agent, behind the gateway, and not /v1/verify.",
        ),
        record,
        (usage(record), contact()),
        (suggest(Topic.CHANGE_SCOPE, "Can I change the scope?"),),
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
