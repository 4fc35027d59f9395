"""
Diagnoses of a key whose requests are refused: deleted key, replaced secret, another agent, rate limit, quota.

Each function takes the facts and a key that the person may see. The steps are ones that this person can take.
"""

from datetime import UTC, datetime

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import can_create_like, contact, create, may_create_some, rotate, usage, whom
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.suggestions import WHO_CREATED, WHO_ROTATED, WHO_USES, suggest, suggest_of
from assistant.facts.facts import Facts, KeyFacts, RefusalFacts
from assistant.intents.topics import Topic
from assistant.language.text import Moment, Text, Words, counted, say, sentences
from keys.limits.sliding_window import WINDOW_SECONDS
from keys.token import hint_of
from models.usage.refused_request import RefusedReason

CALLERS_TOLD = 3
_USED_BY = say("Used by")


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
        Fact(say("Deleted by"), words.deleter(record), record.deleted_at),
        Fact(say("Key"), words.describe_key(record)),
    ]
    if agent is not None and agent.deleted_at is not None:
        label = say("With its agent") if with_agent else say("Its agent")
        evidence.append(Fact(label, say("{agent} was deleted", agent=words.named(agent)), agent.deleted_at))
    evidence.append(Fact(say("Calls since it was deleted"), words.requests(key.calls_since_deletion)))
    evidence += _last(last)
    evidence.append(Fact(say("Last that passed"), words.last_use(key), record.last_used_at))
    steps, offers = can_create_like(facts, record)
    if last is not None and (last.ip_address or last.user_agent):
        where = words.caller(last.ip_address, last.user_agent)
        steps = (*steps, say("Put the new key where the calls with the deleted key came from: {where}.", where=where))
    slots = {"key": words.named(record), "who": words.deleter(record), "when": Moment(record.deleted_at)}
    if with_agent:
        summary = say(
            "The key {key} was deleted by {who} on {when} together with its agent, and a deleted key never works "
            "again.",
            **slots,
        )
    else:
        summary = say("The key {key} was deleted by {who} on {when}, and a deleted key never works again.", **slots)
    calls = key.calls_since_deletion
    since = counted("There was {count} call with it since.", "There were {count} calls with it since.", calls)
    return Diagnosis(
        Case.KEY_DELETED,
        sentences(summary, since if calls > 1 else None),
        tuple(evidence),
        steps,
        record,
        (*offers, usage(record)),
        (suggest_of(facts, key, WHO_CREATED, say("Who created it?")),),
        (sources.of_refusal(RefusedReason.DELETED_KEY), sources.DELETE),
    )


def replaced(facts: Facts, key: KeyFacts, _refusal: RefusalFacts | None = None) -> Diagnosis:
    """The secret was replaced by a rotation, its overlap is over, and a caller still sends it."""
    record = key.record
    last = key.last_refused(RefusedReason.REPLACED_SECRET)
    number = key.refused.get(RefusedReason.REPLACED_SECRET, 0)
    evidence: list[Fact] = []
    if record.rotated_at is not None:
        evidence.append(Fact(say("Given a new secret"), Moment(record.rotated_at), record.rotated_at))
    if record.previous_works_until is not None:
        is_over = record.previous_works_until <= facts.now
        label = say("The overlap ended") if is_over else say("The secret before works until")
        evidence.append(Fact(label, Moment(record.previous_works_until), record.previous_works_until))
    evidence.append(
        Fact(
            say("Key"),
            say("{name}, whose secret is now {hint}", name=words.sanitize(record.name), hint=hint_of(record)),
        )
    )
    if number:
        evidence.append(Fact(say("Refused with a replaced secret in the last day"), words.requests(number)))
    evidence += _last(last)
    evidence += _callers(key, say("Passes with the current secret"))
    is_known = last is not None and bool(last.ip_address or last.user_agent)
    find = say("Find the caller that still has the old secret.")
    if last is not None and is_known:
        caller = words.caller(last.ip_address, last.user_agent)
        find = say("Find the caller that still has the old secret: it calls from {caller}.", caller=caller)
    steps = [
        find,
        say(
            "Give it the current secret, whose hint is {hint}. An environment variable takes "
            "precedence over a file, and a running program keeps the value that it read when it "
            "started.",
            hint=hint_of(record),
        ),
    ]
    offers = [usage(record)]
    if key.may_manage:
        steps.append(say("If nobody has the current secret any more, rotate the key again: it keeps its slot."))
        offers.append(rotate(record))
    else:
        steps.append(
            say("Ask an organization admin for the current secret, or to rotate the key: {admins}.", admins=whom(facts))
        )
    summary = say(
        "The key {key} was given a new secret, and the refused requests still use an older secret.",
        key=words.named(record),
    )
    if record.rotated_at is not None:
        summary = say(
            "The key {key} was given a new secret on {when}, and the refused requests still use an older secret.",
            key=words.named(record),
            when=Moment(record.rotated_at),
        )
    return Diagnosis(
        Case.SECRET_REPLACED,
        summary,
        tuple(evidence),
        tuple(steps),
        record,
        tuple(offers),
        (suggest_of(facts, key, WHO_ROTATED, say("Who rotated it?")),),
        (sources.of_refusal(RefusedReason.REPLACED_SECRET), sources.ROTATE),
    )


def agent_not_in_scope(facts: Facts, key: KeyFacts, refusal: RefusalFacts | None = None) -> Diagnosis:
    """An agent-level key was used for another agent, or any key for an agent that does not exist."""
    record = key.record
    refusal = refusal or key.last_refused(RefusedReason.AGENT_NOT_IN_SCOPE)
    number = key.refused.get(RefusedReason.AGENT_NOT_IN_SCOPE, 0)
    evidence = [Fact(say("The key is for"), words.scope_of(record))]
    if refusal is not None:
        asked = say("none that you may know of") if refusal.agent is None else words.named(refusal.agent)
        evidence.append(Fact(say("The request was for the agent"), asked, refusal.at))
        evidence += _last(refusal)
    evidence.append(Fact(say("Refused for this reason in the last day"), words.requests(number)))
    if record.agent is None:
        summary = say(
            "The key {key} is valid for every agent of the organization, but the request was for an "
            "agent that is not in it, was deleted, or is not an agent's id.",
            key=words.named(record),
        )
        steps = [say("Look at which agent's id the gateway sends as X-Agent-Id: it must be one of this organization.")]
        offers = [usage(record)]
    else:
        agent = words.named(record.agent)
        if refusal is not None:
            summary = say(
                "The key {key} is valid, but only for the agent {agent}, and the request was for another agent, or for "
                "none.",
                key=words.named(record),
                agent=agent,
            )
        else:
            summary = say(
                "The key {key} is valid, but only for the agent {agent}, and the request was most likely for another "
                "agent, or for none.",
                key=words.named(record),
                agent=agent,
            )
        steps = [
            say(
                "Use this key for the agent {agent} only: a key's scope is set when the key is created.",
                agent=agent,
            ),
            say("For the other agent, use another key for that agent, or an organization-level key."),
            say("If it was the right agent, look at how the gateway sets X-Agent-Id from its route."),
        ]
        offers = [usage(record)]
        if not facts.agents:
            steps.append(say("Ask an organization admin for a key for that agent: {admins}.", admins=whom(facts)))
        elif facts.allowance.remaining:
            offers.append(create())
    return Diagnosis(
        Case.AGENT_NOT_IN_SCOPE,
        summary,
        tuple(evidence),
        tuple(steps),
        record,
        tuple(offers),
        (suggest(Topic.CHANGE_SCOPE, say("Can I change the scope?")),),
        (sources.of_refusal(RefusedReason.AGENT_NOT_IN_SCOPE), sources.AGENTS),
    )


def rate_limited(facts: Facts, key: KeyFacts, _refusal: RefusalFacts | None = None) -> Diagnosis:
    """The key has made more requests than its rate limit allows."""
    record, balance = key.record, key.balance
    number = key.refused.get(RefusedReason.RATE_LIMITED, 0)
    evidence = [
        Fact(
            say("Rate limit"),
            counted(
                "{count} request in {window_seconds} seconds",
                "{count} requests in {window_seconds} seconds",
                record.rate_limit,
                window_seconds=WINDOW_SECONDS,
            ),
        )
    ]
    now: Text | None = None
    if balance is not None:
        back = datetime.fromtimestamp((balance.at + balance.rate_resets_in) / 1000, UTC)
        evidence.append(Fact(say("Left at this moment"), words.requests(balance.rate_remaining)))
        if balance.rate_resets_in:
            evidence.append(Fact(say("Room comes back"), Moment(back), back))
        now = (
            words.passes_again_in(balance.rate_resets_in)
            if not balance.rate_remaining
            else say("Requests can pass again now.")
        )
    if number:
        evidence.append(Fact(say("Over it in the last day"), words.requests(number)))
    evidence += _last(key.last_refused(RefusedReason.RATE_LIMITED))
    evidence += _callers(key)
    own_keys: tuple[Words, ...] = ()
    if facts.allowance.remaining and may_create_some(facts):
        own_keys = (
            say("If several programs share the key, give each program its own key: every key has its own limit."),
        )
    return Diagnosis(
        Case.RATE_LIMITED,
        sentences(
            say(
                "The key {key} made more requests than its rate limit of {rate_limit} a minute allows.",
                key=words.named(record),
                rate_limit=record.rate_limit,
            ),
            now,
        ),
        tuple(evidence),
        (
            say(
                "Have the caller wait as long as the answer's Retry-After says, and spread its requests "
                "over the minute."
            ),
            *own_keys,
            say("If the limit is too low for this use, only the operator of this installation can raise it."),
        ),
        record,
        (usage(record), contact()),
        (suggest_of(facts, key, WHO_USES, say("Who uses the key?")),),
        (sources.of_refusal(RefusedReason.RATE_LIMITED), sources.LIMITS),
    )


def quota_exceeded(facts: Facts, key: KeyFacts, _refusal: RefusalFacts | None = None) -> Diagnosis:
    """The key's quota for the month is used up."""
    record, balance = key.record, key.balance
    number = key.refused.get(RefusedReason.QUOTA_EXCEEDED, 0)
    evidence = [
        Fact(
            say("Quota"),
            counted(
                "{count} request a calendar month, in UTC",
                "{count} requests a calendar month, in UTC",
                record.monthly_quota,
            ),
        )
    ]
    until: Text | None = None
    is_used_up = True
    if balance is not None:
        is_used_up = balance.quota_used >= record.monthly_quota
        ends = datetime.fromtimestamp(balance.month.end, UTC)
        evidence.append(Fact(say("Used this month"), words.requests(balance.quota_used)))
        evidence.append(Fact(say("Begins anew"), Moment(ends), ends))
        until = say("It resets on {when}.", when=Moment(ends)) if is_used_up else say("Requests can pass again now.")
    if number:
        evidence.append(Fact(say("Refused for this reason in the last day"), words.requests(number)))
    evidence += _last(key.last_refused(RefusedReason.QUOTA_EXCEEDED))
    evidence += _callers(key)
    if is_used_up:
        summary = counted(
            "The key {key} has used up its quota of {count} request a month.",
            "The key {key} has used up its quota of {count} requests a month.",
            record.monthly_quota,
            key=words.named(record),
        )
    else:
        summary = counted(
            "The key {key} had used up its quota of {count} request a month.",
            "The key {key} had used up its quota of {count} requests a month.",
            record.monthly_quota,
            key=words.named(record),
        )
    return Diagnosis(
        Case.QUOTA_EXCEEDED,
        sentences(summary, until),
        tuple(evidence),
        (
            say("Look at its usage to see which hours and which callers used it up."),
            say("If the key needs more, only the operator of this installation can raise the quota."),
        ),
        record,
        (usage(record), contact()),
        (suggest_of(facts, key, WHO_USES, say("Who uses the key?")),),
        (sources.of_refusal(RefusedReason.QUOTA_EXCEEDED), sources.LIMITS),
    )


def _last(refusal: RefusalFacts | None) -> list[Fact]:
    if refusal is None:
        return []
    where = words.caller(refusal.ip_address, refusal.user_agent)
    return [Fact(say("Last refused"), say("{request}, from {caller}", request=refusal.id, caller=where), refusal.at)]


def _callers(key: KeyFacts, label: Words = _USED_BY) -> list[Fact]:
    return [
        Fact(
            label,
            counted(
                "{caller}: {count} request",
                "{caller}: {count} requests",
                each.requests,
                caller=words.caller(each.ip_address, each.user_agent),
            ),
            each.last_seen_at,
        )
        for each in key.callers[:CALLERS_TOLD]
    ]
