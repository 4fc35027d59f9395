"""Answers from the records: the history of keys, their usage, and the list of keys."""

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import create, may_create_some, usage, whom
from assistant.explain.diagnosis import Case, Diagnosis, Fact, SuggestedAction
from assistant.explain.failing_calls import only_one, which_key
from assistant.explain.managing_keys import role_not_allowed
from assistant.explain.refusals import deleted
from assistant.explain.suggestions import WHO_CREATED, WHO_DELETED, WHO_USES, suggest_of
from assistant.facts.facts import Facts, KeyFacts
from assistant.intents.topics import Topic
from assistant.language.recorded import event_summary
from assistant.language.text import Day, Moment, counted, say, sentences
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
        return role_not_allowed(facts, say("Ask an organization admin who did it: {admins}.", admins=whom(facts)))
    tombstones = facts.deleted
    if asks_of_deletion and len(tombstones) == 1:
        return deleted(facts, tombstones[0])
    if asks_of_deletion and tombstones:
        return Diagnosis(
            Case.NEEDS_DETAILS,
            say("Which deleted key is it?"),
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
            say("No key that you are allowed to see was deleted."),
            (Fact(say("Looked at"), say("the deleted keys that you may see"), facts.now),),
            sources=(sources.DELETE,),
        )
    return Diagnosis(
        Case.HOW_TO,
        say("These are the last events of the keys that you are allowed to see.")
        if facts.events
        else say("Nothing has happened yet."),
        tuple(
            Fact(event_summary(each.summary), say("by {who}", who=words.who(each.actor)), each.at)
            for each in facts.events[:EVENTS_TOLD]
        ),
        (say("The audit log has all events."),),
        sources=(sources.AUDIT_LOG,),
    )


def _of_key(facts: Facts, key: KeyFacts) -> Diagnosis:
    record = key.record
    evidence = [Fact(say("Created by"), words.creator(record), record.created_at)]
    evidence += [
        Fact(event_summary(each.summary), say("by {who}", who=words.who(each.actor)), each.at)
        for each in facts.events[:EVENTS_TOLD]
        if each.action not in _IN_KEY_ROW
    ]
    if record.deleted_at is not None:
        evidence.append(Fact(say("Deleted by"), words.deleter(record), record.deleted_at))
    last = say("Its secret was last replaced on {when}.", when=Moment(record.rotated_at)) if record.rotated_at else None
    gone = None
    if record.deleted_at is not None:
        gone = say("It was deleted by {who} on {when}.", who=words.deleter(record), when=Moment(record.deleted_at))
    return Diagnosis(
        Case.HOW_TO,
        sentences(
            say(
                "The key {key} was created by {who} on {when}.",
                key=words.named(record),
                who=words.creator(record),
                when=Moment(record.created_at),
            ),
            last,
            gone,
        ),
        tuple(evidence),
        key=record,
        offers=(usage(record),),
        replies=(suggest_of(facts, key, WHO_USES, say("Who uses the key?")),),
        sources=(sources.AUDIT_LOG,),
    )


def use(facts: Facts) -> Diagnosis:
    """How much and by whom the key in question is used, or otherwise all keys that the person may see."""
    if facts.meant:
        key = only_one(facts.meant, ())
        return _use_of(facts, key) if key is not None else which_key(facts, facts.meant, Topic.USE)
    if not facts.manages:
        return role_not_allowed(
            facts, say("Ask an organization admin how much a key is used: {admins}.", admins=whom(facts))
        )
    shown = sorted(facts.living, key=lambda each: -each.passed)
    if len(shown) == 1:
        return _use_of(facts, shown[0])
    return Diagnosis(
        Case.HOW_TO,
        say("This is the use of the keys that you are allowed to see, in the last day."),
        tuple(
            Fact(
                words.describe_key(each.record),
                counted(
                    "{count} request passed, {refused_in_all} refused; last used: {when}",
                    "{count} requests passed, {refused_in_all} refused; last used: {when}",
                    each.passed,
                    refused_in_all=each.refused_in_all,
                    when=words.last_use(each),
                ),
                each.record.last_used_at,
            )
            for each in shown[:KEYS_TOLD]
        ),
        (say("The Usage page of a key, behind its ⋮ menu, shows its limits, its use over time, and who uses it."),),
        offers=tuple(usage(each.record) for each in shown[:2]),
        replies=tuple(suggest_of(facts, each, WHO_USES, words.quoted_name(facts, each)) for each in shown[:3]),
        sources=(sources.USAGE,),
        keys=tuple(each.record.id for each in shown[:KEYS_TOLD]),
    )


def _use_of(facts: Facts, key: KeyFacts) -> Diagnosis:
    record, balance = key.record, key.balance
    evidence = [
        Fact(say("Last used"), words.last_use(key), record.last_used_at),
        Fact(say("Passed in the last day"), words.requests(key.passed)),
        Fact(say("Refused in the last day"), words.requests(key.refused_in_all)),
    ]
    month = None
    if balance is not None:
        evidence.append(
            Fact(
                say("Rate limit"),
                say(
                    "{rate_remaining} of {rate_limit} left in this minute",
                    rate_remaining=balance.rate_remaining,
                    rate_limit=record.rate_limit,
                ),
                facts.now,
            )
        )
        evidence.append(
            Fact(
                say("Quota"),
                say(
                    "{quota_used} of {monthly_quota} used this month",
                    quota_used=balance.quota_used,
                    monthly_quota=record.monthly_quota,
                ),
                facts.now,
            )
        )
        month = counted("It is {count} request this month.", "It is {count} requests this month.", balance.quota_used)
    evidence += [
        Fact(
            say("Used by"),
            counted(
                "{caller}: {count} request since {day}",
                "{caller}: {count} requests since {day}",
                each.requests,
                caller=words.caller(each.ip_address, each.user_agent),
                day=Day(each.first_seen_at),
            ),
            each.last_seen_at,
        )
        for each in key.callers[:CALLERS_TOLD]
    ]
    return Diagnosis(
        Case.HOW_TO,
        sentences(
            counted(
                "With the key {key}, {count} request passed in the last day.",
                "With the key {key}, {count} requests passed in the last day.",
                key.passed,
                key=words.named(record),
            ),
            month,
        ),
        tuple(evidence),
        (say("The Usage page of the key, behind its ⋮ menu, shows its limits and its use over time."),),
        record,
        (usage(record),),
        (suggest_of(facts, key, WHO_CREATED, say("Who created it?")),),
        (sources.USAGE,),
    )


def key_list(facts: Facts) -> Diagnosis:
    """The active keys that the person may see."""
    living, allowance = facts.living, facts.allowance
    told = [
        Fact(
            words.describe_key(each.record),
            say("last used: {when}", when=words.last_use(each)),
            each.record.last_used_at,
        )
        for each in living[:KEYS_TOLD]
    ]
    if len(living) > KEYS_TOLD:
        told.append(Fact(say("Further keys"), say("and {number} more", number=len(living) - KEYS_TOLD)))
    offers: tuple[SuggestedAction, ...] = (create(),) if may_create_some(facts) and allowance.remaining else ()
    if facts.manages:
        step = say("They are listed under API Keys, behind the user icon at the top right.")
    else:
        step = say("Ask an organization admin about them: {admins}.", admins=whom(facts))
    return Diagnosis(
        Case.HOW_TO,
        counted(
            "{organization} has {count} key; you can see {number} of them.",
            "{organization} has {count} keys; you can see {number} of them.",
            allowance.used,
            organization=words.sanitize(facts.organization.name),
            number=len(living),
        ),
        tuple(told),
        (step,),
        offers=offers,
        sources=(sources.SLOTS, sources.ROLES),
        keys=tuple(each.record.id for each in living[:KEYS_TOLD]),
    )


def _tombstone(key: KeyFacts) -> Fact:
    record = key.record
    return Fact(words.describe_key(record), say("deleted by {who}", who=words.deleter(record)), record.deleted_at)
