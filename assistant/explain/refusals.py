"""
Diagnoses of a key whose requests are refused: deleted key, replaced secret, another agent, rate limit, quota.

Each function takes the facts and a key that the person may see. The steps are ones that this person can take.
"""

from datetime import UTC, datetime

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import ask_an_admin, can_create_like, contact, create, may_create_some, rotate, usage
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.suggestions import WHO_CREATED, WHO_ROTATED, WHO_USES, suggest, suggest_of
from assistant.facts.facts import Facts, KeyFacts, RefusalFacts
from assistant.intents.topics import Topic
from keys.limits.sliding_window import WINDOW_SECONDS
from keys.token import hint_of
from models.usage.refused_request import RefusedReason

CALLERS_TOLD = 3


def deleted(facts: Facts, key: KeyFacts, _refusal: RefusalFacts | None = None) -> Diagnosis:
    """The key was deleted: by whom, when, whether together with its agent, and who still calls with it."""
    record = key.record
    if record.deleted_at is None:
        raise ValueError("this key was not deleted")
    if not key.is_detailed:
        raise ValueError("the details of this key were not read")
    agent = record.agent
    with_agent = agent is not None and agent.deleted_at == record.deleted_at
    last = key.last_refused(RefusedReason.DELETED_KEY)
    evidence = [
        Fact("Deleted by", words.deleter(record), record.deleted_at),
        Fact("Key", words.describe_key(record)),
    ]
    if agent is not None and agent.deleted_at is not None:
        label = "With its agent" if with_agent else "Its agent"
        evidence.append(Fact(label, f"“{words.sanitize(agent.name)}” was deleted", agent.deleted_at))
    evidence.append(Fact("Calls since it was deleted", words.count(key.calls_since_deletion, "request")))
    evidence += _last(last)
    evidence.append(Fact("Last that passed", words.last_use(key), record.last_used_at))
    steps, offers = can_create_like(facts, record)
    if last is not None and (last.ip_address or last.user_agent):
        where = words.caller(last.ip_address, last.user_agent)
        steps = (*steps, f"Put the new key where the calls with the deleted key came from: {where}.")
    still = words.count(key.calls_since_deletion, "call")
    return Diagnosis(
        Case.KEY_DELETED,
        f"The key {words.named(record)} was deleted by {words.deleter(record)} on "
        f"{words.moment(record.deleted_at)}{' together with its agent' if with_agent else ''}, and a deleted key never "
        f"works again.{f' There were {still} with it since.' if key.calls_since_deletion > 1 else ''}",
        tuple(evidence),
        steps,
        record,
        (*offers, usage(record)),
        (suggest_of(facts, key, WHO_CREATED, "Who created it?"),),
        (sources.of_refusal(RefusedReason.DELETED_KEY), sources.DELETE),
    )


def replaced(facts: Facts, key: KeyFacts, _refusal: RefusalFacts | None = None) -> Diagnosis:
    """The secret was replaced by a rotation, its overlap is over, and a caller still sends it."""
    record = key.record
    last = key.last_refused(RefusedReason.REPLACED_SECRET)
    number = key.refused.get(RefusedReason.REPLACED_SECRET, 0)
    evidence: list[Fact] = []
    if record.rotated_at is not None:
        evidence.append(Fact("Given a new secret", words.moment(record.rotated_at), record.rotated_at))
    if record.previous_works_until is not None:
        is_over = record.previous_works_until <= facts.now
        label = "The overlap ended" if is_over else "The secret before works until"
        evidence.append(Fact(label, words.moment(record.previous_works_until), record.previous_works_until))
    evidence.append(Fact("Key", f"{words.sanitize(record.name)}, whose secret is now {hint_of(record)}"))
    if number:
        evidence.append(Fact("Refused with a replaced secret in the last day", words.count(number, "request")))
    evidence += _last(last)
    evidence += _callers(key, "Passes with the current secret")
    is_known = last is not None and bool(last.ip_address or last.user_agent)
    where = f": it calls from {words.caller(last.ip_address, last.user_agent)}" if last is not None and is_known else ""
    steps = [
        f"Find the caller that still has the old secret{where}.",
        f"Give it the current secret, whose hint is {hint_of(record)}. An environment variable takes precedence over "
        "a file, and a running program keeps the value that it read when it started.",
    ]
    offers = [usage(record)]
    if key.may_manage:
        steps.append("If nobody has the current secret any more, rotate the key again: it keeps its slot.")
        offers.append(rotate(record))
    else:
        steps.append(ask_an_admin(facts, "for the current secret, or to rotate the key"))
    when = "" if record.rotated_at is None else f" on {words.moment(record.rotated_at)}"
    return Diagnosis(
        Case.SECRET_REPLACED,
        f"The key {words.named(record)} was given a new secret{when}, and the refused requests still use an older "
        "secret.",
        tuple(evidence),
        tuple(steps),
        record,
        tuple(offers),
        (suggest_of(facts, key, WHO_ROTATED, "Who rotated it?"),),
        (sources.of_refusal(RefusedReason.REPLACED_SECRET), sources.ROTATE),
    )


def agent_not_in_scope(facts: Facts, key: KeyFacts, refusal: RefusalFacts | None = None) -> Diagnosis:
    """An agent-level key was used for another agent, or any key for an agent that does not exist."""
    record = key.record
    refusal = refusal or key.last_refused(RefusedReason.AGENT_NOT_IN_SCOPE)
    number = key.refused.get(RefusedReason.AGENT_NOT_IN_SCOPE, 0)
    evidence = [Fact("The key is for", words.scope_of(record))]
    if refusal is not None:
        asked = "none that you may know of" if refusal.agent is None else f"“{words.sanitize(refusal.agent.name)}”"
        evidence.append(Fact("The request was for the agent", asked, refusal.at))
        evidence += _last(refusal)
    evidence.append(Fact("Refused for this reason in the last day", words.count(number, "request")))
    if record.agent is None:
        summary = (
            f"The key {words.named(record)} is valid for every agent of the organization, but the request was for an "
            "agent that is not in it, was deleted, or is not an agent's id."
        )
        steps = ["Look at which agent's id the gateway sends as X-Agent-Id: it must be one of this organization."]
        offers = [usage(record)]
    else:
        certain = "was for" if refusal is not None else "was most likely for"
        summary = (
            f"The key {words.named(record)} is valid, but only for {words.scope_of(record)}, and the request "
            f"{certain} another agent, or for none."
        )
        steps = [
            f"Use this key for {words.scope_of(record)} only: a key's scope is set when the key is created.",
            "For the other agent, use another key for that agent, or an organization-level key.",
            "If it was the right agent, look at how the gateway sets X-Agent-Id from its route.",
        ]
        offers = [usage(record)]
        if not facts.agents:
            steps.append(ask_an_admin(facts, "for a key for that agent"))
        elif facts.allowance.remaining:
            offers.append(create())
    return Diagnosis(
        Case.AGENT_NOT_IN_SCOPE,
        summary,
        tuple(evidence),
        tuple(steps),
        record,
        tuple(offers),
        (suggest(Topic.CHANGE_SCOPE, "Can I change the scope?"),),
        (sources.of_refusal(RefusedReason.AGENT_NOT_IN_SCOPE), sources.AGENTS),
    )


def rate_limited(facts: Facts, key: KeyFacts, _refusal: RefusalFacts | None = None) -> Diagnosis:
    """The key has made more requests than its rate limit allows."""
    record, balance = key.record, key.balance
    number = key.refused.get(RefusedReason.RATE_LIMITED, 0)
    evidence = [Fact("Rate limit", f"{words.count(record.rate_limit, 'request')} in {WINDOW_SECONDS} seconds")]
    now = ""
    if balance is not None:
        back = datetime.fromtimestamp((balance.at + balance.rate_resets_in) / 1000, UTC)
        evidence.append(Fact("Left at this moment", words.count(balance.rate_remaining, "request")))
        if balance.rate_resets_in:
            evidence.append(Fact("Room comes back", words.moment(back), back))
        now = (
            f" Requests pass again in {words.wait(balance.rate_resets_in)}."
            if not balance.rate_remaining
            else " Requests can pass again now."
        )
    if number:
        evidence.append(Fact("Over it in the last day", words.count(number, "request")))
    evidence += _last(key.last_refused(RefusedReason.RATE_LIMITED))
    evidence += _callers(key)
    own_keys: tuple[str, ...] = ()
    if facts.allowance.remaining and may_create_some(facts):
        own_keys = ("If several programs share the key, give each program its own key: every key has its own limit.",)
    return Diagnosis(
        Case.RATE_LIMITED,
        f"The key {words.named(record)} made more requests than its rate limit of {record.rate_limit:,} a minute "
        f"allows.{now}",
        tuple(evidence),
        (
            "Have the caller wait as long as the answer's Retry-After says, and spread its requests over the minute.",
            *own_keys,
            "If the limit is too low for this use, only the operator of this installation can raise it.",
        ),
        record,
        (usage(record), contact()),
        (suggest_of(facts, key, WHO_USES, "Who uses the key?"),),
        (sources.of_refusal(RefusedReason.RATE_LIMITED), sources.LIMITS),
    )


def quota_exceeded(facts: Facts, key: KeyFacts, _refusal: RefusalFacts | None = None) -> Diagnosis:
    """The key's quota for the month is used up."""
    record, balance = key.record, key.balance
    number = key.refused.get(RefusedReason.QUOTA_EXCEEDED, 0)
    evidence = [Fact("Quota", f"{words.count(record.monthly_quota, 'request')} a calendar month, in UTC")]
    until, is_used_up = "", True
    if balance is not None:
        is_used_up = balance.quota_used >= record.monthly_quota
        ends = datetime.fromtimestamp(balance.month.end, UTC)
        evidence.append(Fact("Used this month", words.count(balance.quota_used, "request")))
        evidence.append(Fact("Begins anew", words.moment(ends), ends))
        until = f" It resets on {words.moment(ends)}." if is_used_up else " Requests can pass again now."
    if number:
        evidence.append(Fact("Refused for this reason in the last day", words.count(number, "request")))
    evidence += _last(key.last_refused(RefusedReason.QUOTA_EXCEEDED))
    evidence += _callers(key)
    return Diagnosis(
        Case.QUOTA_EXCEEDED,
        f"The key {words.named(record)} {'has' if is_used_up else 'had'} used up its quota of "
        f"{words.count(record.monthly_quota, 'request')} a month.{until}",
        tuple(evidence),
        (
            "Look at its usage to see which hours and which callers used it up.",
            "If the key needs more, only the operator of this installation can raise the quota.",
        ),
        record,
        (usage(record), contact()),
        (suggest_of(facts, key, WHO_USES, "Who uses the key?"),),
        (sources.of_refusal(RefusedReason.QUOTA_EXCEEDED), sources.LIMITS),
    )


def _last(refusal: RefusalFacts | None) -> list[Fact]:
    if refusal is None:
        return []
    where = words.caller(refusal.ip_address, refusal.user_agent)
    return [Fact("Last refused", f"{refusal.id}, from {where}", refusal.at)]


def _callers(key: KeyFacts, label: str = "Used by") -> list[Fact]:
    return [
        Fact(
            label,
            f"{words.caller(each.ip_address, each.user_agent)}: {words.count(each.requests, 'request')}",
            each.last_seen_at,
        )
        for each in key.callers[:CALLERS_TOLD]
    ]
