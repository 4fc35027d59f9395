"""Answers from the records: the history of keys, their usage, and the list of keys."""

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import ask_an_admin, create, may_create_some, usage
from assistant.explain.diagnosis import Case, Diagnosis, Fact, SuggestedAction
from assistant.explain.failing_calls import only_one, which_key
from assistant.explain.managing_keys import role_not_allowed
from assistant.explain.refusals import deleted
from assistant.explain.suggestions import WHO_CREATED, WHO_DELETED, WHO_USES, suggest_of
from assistant.facts.facts import Facts, KeyFacts
from assistant.intents.topics import Topic
from models.audit import AuditAction

EVENTS_TOLD = 8
_IN_KEY_ROW = frozenset({AuditAction.API_KEY_CREATED, AuditAction.API_KEY_DELETED})
"""Events that are left out: the key's own row has their time and person."""
KEYS_TOLD = 10
CALLERS_TOLD = 5


def history(facts: Facts, *, asks_of_deletion: bool) -> Diagnosis:
    """Who did what and when, to the key in question or otherwise to all keys that the person may see."""
    if facts.meant:
        key = only_one(facts.meant, ())
        if key is None:
            return which_key(facts, facts.meant, Topic.HISTORY)
        return deleted(facts, key) if key.is_deleted and asks_of_deletion else _of_key(facts, key)
    if not facts.manages:
        return role_not_allowed(facts, "who did it")
    tombstones = facts.deleted
    if asks_of_deletion and len(tombstones) == 1:
        return deleted(facts, tombstones[0])
    if asks_of_deletion and tombstones:
        return Diagnosis(
            Case.NEEDS_DETAILS,
            "Which deleted key is it?",
            tuple(_tombstone(each) for each in tombstones[:KEYS_TOLD]),
            replies=tuple(
                suggest_of(facts, each, WHO_DELETED, words.quoted_name(facts, each)) for each in tombstones[:3]
            ),
            sources=(sources.DELETE,),
            keys=tuple(each.record.id for each in tombstones[:KEYS_TOLD]),
        )
    if asks_of_deletion:
        return Diagnosis(
            Case.HOW_TO,
            "No key that you are allowed to see was deleted.",
            (Fact("Looked at", "the deleted keys that you may see", facts.now),),
            sources=(sources.DELETE,),
        )
    return Diagnosis(
        Case.HOW_TO,
        "These are the last events of the keys that you are allowed to see."
        if facts.events
        else "Nothing has happened yet.",
        tuple(
            Fact(each.summary.rstrip("."), f"by {words.who(each.actor)}", each.at)
            for each in facts.events[:EVENTS_TOLD]
        ),
        ("The audit log has all events.",),
        sources=(sources.AUDIT_LOG,),
    )


def _of_key(facts: Facts, key: KeyFacts) -> Diagnosis:
    record = key.record
    evidence = [Fact("Created by", words.creator(record), record.created_at)]
    evidence += [
        Fact(each.summary.rstrip("."), f"by {words.who(each.actor)}", each.at)
        for each in facts.events[:EVENTS_TOLD]
        if each.action not in _IN_KEY_ROW
    ]
    if record.deleted_at is not None:
        evidence.append(Fact("Deleted by", words.deleter(record), record.deleted_at))
    last = f" Its secret was last replaced on {words.moment(record.rotated_at)}." if record.rotated_at else ""
    gone = ""
    if record.deleted_at is not None:
        gone = f" It was deleted by {words.deleter(record)} on {words.moment(record.deleted_at)}."
    return Diagnosis(
        Case.HOW_TO,
        f"The key {words.named(record)} was created by {words.creator(record)} on "
        f"{words.moment(record.created_at)}.{last}{gone}",
        tuple(evidence),
        key=record,
        offers=(usage(record),),
        replies=(suggest_of(facts, key, WHO_USES, "Who uses the key?"),),
        sources=(sources.AUDIT_LOG,),
    )


def use(facts: Facts) -> Diagnosis:
    """How much and by whom the key in question is used, or otherwise all keys that the person may see."""
    if facts.meant:
        key = only_one(facts.meant, ())
        return _use_of(facts, key) if key is not None else which_key(facts, facts.meant, Topic.USE)
    if not facts.manages:
        return role_not_allowed(facts, "how much a key is used")
    shown = sorted(facts.living, key=lambda each: -each.passed)
    if len(shown) == 1:
        return _use_of(facts, shown[0])
    return Diagnosis(
        Case.HOW_TO,
        "This is the use of the keys that you are allowed to see, in the last day.",
        tuple(
            Fact(
                words.describe_key(each.record),
                f"{words.count(each.passed, 'request')} passed, {each.refused_in_all:,} refused; last used: "
                f"{words.last_use(each)}",
                each.record.last_used_at,
            )
            for each in shown[:KEYS_TOLD]
        ),
        ("The Usage page of a key, behind its ⋮ menu, shows its limits, its use over time, and who uses it.",),
        offers=tuple(usage(each.record) for each in shown[:2]),
        replies=tuple(suggest_of(facts, each, WHO_USES, words.quoted_name(facts, each)) for each in shown[:3]),
        sources=(sources.USAGE,),
        keys=tuple(each.record.id for each in shown[:KEYS_TOLD]),
    )


def _use_of(facts: Facts, key: KeyFacts) -> Diagnosis:
    record, balance = key.record, key.balance
    evidence = [
        Fact("Last used", words.last_use(key), record.last_used_at),
        Fact("Passed in the last day", words.count(key.passed, "request")),
        Fact("Refused in the last day", words.count(key.refused_in_all, "request")),
    ]
    month = ""
    if balance is not None:
        evidence.append(
            Fact("Rate limit", f"{balance.rate_remaining:,} of {record.rate_limit:,} left in this minute", facts.now)
        )
        evidence.append(Fact("Quota", f"{balance.quota_used:,} of {record.monthly_quota:,} used this month", facts.now))
        month = f", and {words.count(balance.quota_used, 'request')} this month"
    evidence += [
        Fact(
            "Used by",
            f"{words.caller(each.ip_address, each.user_agent)}: {words.count(each.requests, 'request')} since "
            f"{words.day(each.first_seen_at)}",
            each.last_seen_at,
        )
        for each in key.callers[:CALLERS_TOLD]
    ]
    return Diagnosis(
        Case.HOW_TO,
        f"With the key {words.named(record)}, {words.count(key.passed, 'request')} passed in the last day{month}.",
        tuple(evidence),
        ("The Usage page of the key, behind its ⋮ menu, shows its limits and its use over time.",),
        record,
        (usage(record),),
        (suggest_of(facts, key, WHO_CREATED, "Who created it?"),),
        (sources.USAGE,),
    )


def key_list(facts: Facts) -> Diagnosis:
    """The active keys that the person may see."""
    living, allowance = facts.living, facts.allowance
    told = [
        Fact(words.describe_key(each.record), f"last used: {words.last_use(each)}", each.record.last_used_at)
        for each in living[:KEYS_TOLD]
    ]
    if len(living) > KEYS_TOLD:
        told.append(Fact("Further keys", f"and {len(living) - KEYS_TOLD:,} more"))
    offers: tuple[SuggestedAction, ...] = (create(),) if may_create_some(facts) and allowance.remaining else ()
    if facts.manages:
        step = "They are listed under API Keys, behind the user icon at the top right."
    else:
        step = ask_an_admin(facts, "about them")
    return Diagnosis(
        Case.HOW_TO,
        f"{words.sanitize(facts.organization.name)} has {words.count(allowance.used, 'key')}; you can see "
        f"{len(living)} of them.",
        tuple(told),
        (step,),
        offers=offers,
        sources=(sources.SLOTS, sources.ROLES),
        keys=tuple(each.record.id for each in living[:KEYS_TOLD]),
    )


def _tombstone(key: KeyFacts) -> Fact:
    record = key.record
    return Fact(words.describe_key(record), f"deleted by {words.deleter(record)}", record.deleted_at)
