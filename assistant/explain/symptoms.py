"""
Explains problems that have a cause outside of keys, such as CORS or a gateway's timeout.

The evidence has the numbers of requests that passed and were refused in the last day.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import contact, may_create_some, whom
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.failing_calls import OF_TOPIC
from assistant.explain.suggestions import Suggestion, suggest_of
from assistant.facts.facts import Facts, KeyFacts
from assistant.intents.symptoms import Symptom
from assistant.intents.topics import Topic
from assistant.language.text import Moment, Text, counted, say, sentences
from models.usage.refused_request import RefusedReason

KEYS_TOLD = 2
CURL = say(
    'Make the same call with curl -i -H "Authorization: Bearer $KEY": it shows the status, the headers and the body.'
)
HEADER = say(
    "Look for X-Request-Id in the answer's headers. With an id that begins with req_, I can "
    "tell you what happened; without one, the answer is not from Keydesk."
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
        say(
            "The browser blocked the call, not the key: a preflight (OPTIONS) never carries a key, so "
            "the gateway must answer it before it asks Keydesk."
        ),
        (*_passed(facts), *refused),
        (
            say(
                "In the gateway, answer OPTIONS requests that carry Access-Control-Request-Method, without "
                "asking Keydesk, which would refuse them with 401 missing_key."
            ),
            say(
                "Add Access-Control-Allow-Origin to every answer, refusals included: otherwise the browser "
                "shows a 401 or a 429 as a CORS error, too."
            ),
            sentences(CURL, say("If that works, only CORS is the problem.")),
            say("Everybody who opens a web page can read a key in it: call from your own server, if you can."),
        ),
        replies=replies,
        sources=(sources.CORS, sources.CORS_AT_GATEWAYS),
    )


def _websocket(facts: Facts) -> Diagnosis:
    refused, replies = _refused(facts, OF_TOPIC[Topic.CALL_FAILS])
    return Diagnosis(
        Case.HOW_TO,
        say(
            "A websocket is verified once, by the request that opens it, and the gateway must be set "
            "to pass upgrades on: Envoy answers 403 without a body until it is."
        ),
        (*_passed(facts), *refused),
        (
            say(
                "Envoy: add upgrade_configs with upgrade_type: websocket. nginx: pass on Upgrade and "
                "Connection. Caddy and Traefik pass websockets on without a setting."
            ),
            say(
                "Send the key in a header of the request that opens the websocket. Scripts in a browser "
                "can't set one: use your own server instead."
            ),
            HEADER,
        ),
        replies=replies,
        sources=(sources.WEBSOCKETS, sources.WEBSOCKETS_AT_GATEWAYS),
    )


def _without_body(facts: Facts) -> Diagnosis:
    refused, replies = _refused(facts, OF_TOPIC[Topic.CALL_FAILS])
    return Diagnosis(
        Case.HOW_TO,
        say(
            "A refusal without a body is most likely not from Keydesk: each of ours has a body with "
            "code and requestId, except in the answer to a HEAD request."
        ),
        (*_passed(facts), *refused),
        (
            HEADER,
            say(
                "Check the host that the program calls, and the log of the gateway: did the gateway refuse "
                "the call by its own rule?"
            ),
            say("Is it a websocket through Envoy? Envoy answers 403 without a body until the route allows upgrades."),
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
        say(
            "502 and 504 are the gateway's own answers: it did not reach a server behind it in time. "
            "Usually that is the agent's server. The key was not refused."
        ),
        (_verification(facts), *_passed(facts), *refused),
        (
            say("Look at the gateway's error log: it names the server that did not answer."),
            say(
                "If it is the agent's server, ask the people who run the agent. If it is Keydesk, tell the "
                "operator of this installation to look at /readyz."
            ),
            say(
                "Keydesk never answers 502 or 504. When it can't check a key, it answers 503 with the code "
                "unavailable and a requestId."
            ),
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
        told = say("{key}, created on {when}", key=words.describe_key(newest.record), when=Moment(created))
        evidence.append(Fact(say("Newest key in the database"), told, created))
    if facts.allowance.remaining and may_create_some(facts):
        compare = say(
            "Compare the hint of a key that fails with the list of keys. If it is not there, it was "
            "created after the backup: create a new one. If it is there with another hint, it was "
            "rotated since: rotate it again."
        )
    else:
        compare = say(
            "Ask an organization admin to compare the hint of the key that fails with the list of keys: {admins}.",
            admins=whom(facts),
        )
    refused, replies = _refused(facts, OF_TOPIC[Topic.CALL_FAILS])
    return Diagnosis(
        Case.HOW_TO,
        say(
            "A restored database is as old as its backup: keys created or rotated since are refused "
            "with invalid_key, and keys deleted since work again."
        ),
        (*evidence, *refused),
        (
            compare,
            say("Delete every key again that was deleted after the backup."),
            say(
                "If every key is refused, the server runs on another database or with another server key, "
                "which a backup of the database does not contain: the operator runs keydesk doctor, which "
                "says what is missing."
            ),
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
    now = say("available") if facts.verification_is_available else say("not available: the limiter can't be reached")
    return Fact(say("Verification at this moment"), now, facts.now)


def _passed(facts: Facts) -> list[Fact]:
    """How many requests passed, with the keys in question or otherwise with all keys that the person may see."""
    keys = _asked_about(facts)
    if not keys:
        return []
    passed = sum(each.passed for each in keys)
    if len(keys) == 1:
        told = _of_a_key(passed, keys[0])
    else:
        told = counted(
            "{count} request of the {keys} keys that you may see",
            "{count} requests of the {keys} keys that you may see",
            passed,
            keys=len(keys),
        )
    return [Fact(say("Passed in the last day"), told)]


def _of_a_key(requests: int, key: KeyFacts) -> Text:
    of = words.describe_key(key.record)
    return counted("{count} request of {key}", "{count} requests of {key}", requests, key=of)


def _refused(facts: Facts, reasons: Sequence[RefusedReason]) -> tuple[list[Fact], tuple[Suggestion, ...]]:
    """The keys with refused requests, and suggestions to ask about them: they may be the real problem."""
    keys = _asked_about(facts)
    troubled = sorted((each for each in keys if each.refused_for(reasons)), key=lambda each: -each.refused_for(reasons))
    if not troubled:
        none = say("none of the keys that you may see") if keys else None
        return [] if none is None else [Fact(say("Refused by Keydesk in the last day"), none, facts.now)], ()
    found = [
        Fact(
            say("Refused by Keydesk in the last day"),
            counted(
                "{count} request of {key}",
                "{count} requests of {key}",
                each.refused_for(reasons),
                key=words.describe_key(each.record),
            ),
        )
        for each in troubled[:KEYS_TOLD]
    ]
    replies = [
        suggest_of(facts, each, Topic.CALL_FAILS, say("Why is {key} refused?", key=words.quoted_name(facts, each)))
        for each in troubled[:KEYS_TOLD]
    ]
    return found, tuple(replies)


def _asked_about(facts: Facts) -> Sequence[KeyFacts]:
    return facts.meant or facts.keys
