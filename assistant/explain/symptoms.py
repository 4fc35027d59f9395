"""
Explains problems that have a cause outside of keys, such as CORS or a gateway's timeout.

The evidence has the numbers of requests that passed and were refused in the last day.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import ask_an_admin, contact, may_create_some
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.failing_calls import OF_TOPIC
from assistant.explain.suggestions import Suggestion, suggest_of
from assistant.facts.facts import Facts, KeyFacts
from assistant.intents.symptoms import Symptom
from assistant.intents.topics import Topic
from models.usage.refused_request import RefusedReason

KEYS_TOLD = 2
CURL = 'Make the same call with curl -i -H "Authorization: Bearer $KEY": it shows the status, the headers and the body.'
HEADER = (
    "Look for X-Request-Id in the answer's headers. With an id that begins with req_, I can tell you what happened; "
    "without one, the answer is not from Keydesk."
)


def symptom(facts: Facts, seen: Symptom) -> Diagnosis:
    """The most likely cause of the symptom, and how to check it."""
    diagnosis = _EXPLAINED[seen](facts)
    asked_about = _asked_about(facts)
    named = [each.record.id for each in asked_about] if len(asked_about) == 1 else []
    return replace(diagnosis, keys=(*named, *diagnosis.keys))


def _cors(facts: Facts) -> Diagnosis:
    refused, replies = _refused(facts, OF_TOPIC[Topic.CALL_FAILS])
    return Diagnosis(
        Case.HOW_TO,
        "The browser blocked the call, not the key: a preflight (OPTIONS) never carries a key, so the gateway must "
        "answer it before it asks Keydesk.",
        (*_passed(facts), *refused),
        (
            "In the gateway, answer OPTIONS requests that carry Access-Control-Request-Method, without asking "
            "Keydesk, which would refuse them with 401 missing_key.",
            "Add Access-Control-Allow-Origin to every answer, refusals included: otherwise the browser shows a 401 or "
            "a 429 as a CORS error, too.",
            f"{CURL} If that works, only CORS is the problem.",
            "Everybody who opens a web page can read a key in it: call from your own server, if you can.",
        ),
        replies=replies,
        sources=(sources.CORS, sources.CORS_AT_GATEWAYS),
    )


def _websocket(facts: Facts) -> Diagnosis:
    refused, replies = _refused(facts, OF_TOPIC[Topic.CALL_FAILS])
    return Diagnosis(
        Case.HOW_TO,
        "A websocket is verified once, by the request that opens it, and the gateway must be set to pass upgrades on: "
        "Envoy answers 403 without a body until it is.",
        (*_passed(facts), *refused),
        (
            "Envoy: add upgrade_configs with upgrade_type: websocket. nginx: pass on Upgrade and Connection. Caddy "
            "and Traefik pass websockets on without a setting.",
            "Send the key in a header of the request that opens the websocket. Scripts in a browser can't set one: "
            "use your own server instead.",
            HEADER,
        ),
        replies=replies,
        sources=(sources.WEBSOCKETS, sources.WEBSOCKETS_AT_GATEWAYS),
    )


def _without_body(facts: Facts) -> Diagnosis:
    refused, replies = _refused(facts, OF_TOPIC[Topic.CALL_FAILS])
    return Diagnosis(
        Case.HOW_TO,
        "A refusal without a body is most likely not from Keydesk: each of ours has a body with code and requestId, "
        "except in the answer to a HEAD request.",
        (*_passed(facts), *refused),
        (
            HEADER,
            "Check the host that the program calls, and the log of the gateway: did the gateway refuse the call by "
            "its own rule?",
            "Is it a websocket through Envoy? Envoy answers 403 without a body until the route allows upgrades.",
            CURL,
        ),
        offers=(contact(),),
        replies=replies,
        sources=(sources.WITHOUT_BODY, sources.WEBSOCKETS),
    )


def _gateway_error(facts: Facts) -> Diagnosis:
    refused, replies = _refused(facts, OF_TOPIC[Topic.CALL_FAILS])
    return Diagnosis(
        Case.HOW_TO,
        "502 and 504 are the gateway's own answers: it did not reach a server behind it in time. Usually that is the "
        "agent's server. The key was not refused.",
        (_verification(facts), *_passed(facts), *refused),
        (
            "Look at the gateway's error log: it names the server that did not answer.",
            "If it is the agent's server, ask the people who run the agent. If it is Keydesk, tell the operator of "
            "this installation to look at /readyz.",
            "Keydesk never answers 502 or 504. When it can't check a key, it answers 503 with the code unavailable and "
            "a requestId.",
        ),
        offers=(contact(),),
        replies=replies,
        sources=(sources.GATEWAY_ERRORS, sources.of_refusal(RefusedReason.UNAVAILABLE)),
    )


def _restored(facts: Facts) -> Diagnosis:
    evidence = [*_passed(facts)]
    newest = max(facts.keys, key=lambda each: each.record.created_at, default=None)
    if newest is not None:
        created = newest.record.created_at
        told = f"{words.describe_key(newest.record)}, created on {words.moment(created)}"
        evidence.append(Fact("Newest key in the database", told, created))
    if facts.allowance.remaining and may_create_some(facts):
        compare = (
            "Compare the hint of a key that fails with the list of keys. If it is not there, it was created after the "
            "backup: create a new one. If it is there with another hint, it was rotated since: rotate it again."
        )
    else:
        compare = ask_an_admin(facts, "to compare the hint of the key that fails with the list of keys")
    refused, replies = _refused(facts, OF_TOPIC[Topic.CALL_FAILS])
    return Diagnosis(
        Case.HOW_TO,
        "A restored database is as old as its backup: keys created or rotated since are refused with invalid_key, and "
        "keys deleted since work again.",
        (*evidence, *refused),
        (
            compare,
            "Delete every key again that was deleted after the backup.",
            "If every key is refused, the server runs on another database or with another server key, which a backup "
            "of the database does not contain: the operator runs keydesk doctor, which says what is missing.",
        ),
        offers=(contact(),),
        replies=replies,
        sources=(sources.AFTER_A_RESTORE, sources.BACKUP, sources.SERVER_KEYS),
        keys=() if newest is None else (newest.record.id,),
    )


_EXPLAINED: Mapping[Symptom, Callable[[Facts], Diagnosis]] = {
    Symptom.CORS: _cors,
    Symptom.WEBSOCKET: _websocket,
    Symptom.WITHOUT_BODY: _without_body,
    Symptom.GATEWAY_ERROR: _gateway_error,
    Symptom.RESTORED: _restored,
}


def _verification(facts: Facts) -> Fact:
    now = "available" if facts.verification_is_available else "not available: the limiter can't be reached"
    return Fact("Verification at this moment", now, facts.now)


def _passed(facts: Facts) -> list[Fact]:
    """How many requests passed, with the keys in question or otherwise with all keys that the person may see."""
    keys = _asked_about(facts)
    if not keys:
        return []
    of = (
        words.describe_key(keys[0].record)
        if len(keys) == 1
        else f"the {words.count(len(keys), 'key')} that you may see"
    )
    return [Fact("Passed in the last day", f"{words.count(sum(each.passed for each in keys), 'request')} of {of}")]


def _refused(facts: Facts, reasons: Sequence[RefusedReason]) -> tuple[list[Fact], tuple[Suggestion, ...]]:
    """The keys with refused requests, and suggestions to ask about them: they may be the real problem."""
    keys = _asked_about(facts)
    troubled = sorted((each for each in keys if each.refused_for(reasons)), key=lambda each: -each.refused_for(reasons))
    if not troubled:
        none = "none of the keys that you may see" if keys else None
        return [] if none is None else [Fact("Refused by Keydesk in the last day", none, facts.now)], ()
    found = [
        Fact(
            "Refused by Keydesk in the last day",
            f"{words.count(each.refused_for(reasons), 'request')} of {words.describe_key(each.record)}",
        )
        for each in troubled[:KEYS_TOLD]
    ]
    replies = [
        suggest_of(facts, each, Topic.CALL_FAILS, f"Why is {words.quoted_name(facts, each)} refused?")
        for each in troubled[:KEYS_TOLD]
    ]
    return found, tuple(replies)


def _asked_about(facts: Facts) -> Sequence[KeyFacts]:
    return facts.meant or facts.keys
