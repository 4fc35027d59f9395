"""Symptoms of browsers, gateways and restored databases: distinct from problems of keys, and never blamed on a key."""

from dataclasses import replace
from datetime import timedelta

import pytest

from assistant.diagnose import Answered, diagnose
from assistant.explain.diagnosis import Case
from assistant.explain.symptoms import symptom
from assistant.facts.facts import Facts, PastedKey, Possession
from assistant.facts.question import Inquiry
from assistant.intents.symptoms import Symptom, symptom_of
from assistant.intents.understand import understand
from assistant.pipeline import interpret
from models.person import Role
from models.usage.refused_request import RefusedReason
from tests.support.assistant.facts_fixtures import NOON, facts, key_facts, key_record, tombstone
from tests.support.assistant.shown import shown
from tests.support.parameters import in_turn

GOOD = key_facts(key_record("good", last_used_at=NOON, created_at=NOON - timedelta(days=9)), passed=5)
HASTY = key_facts(key_record("hasty"), RefusedReason.RATE_LIMITED)
DELETED = key_facts(tombstone("deploy"), RefusedReason.DELETED_KEY, calls_since_deletion=7)

SAID: dict[Symptom, list[str]] = {
    Symptom.CORS: [
        "blocked by CORS policy",
        "Access to XMLHttpRequest at 'https://api.example/crawler/' from origin 'http://localhost:5173' has been "
        "blocked by CORS policy: Response to preflight request doesn't pass access control check: It does not have "
        "HTTP ok status.",
        "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at https://x.example.",
        "preflight 401",
        "our preflights get 401 missing_key, why?",
        "why are my OPTIONS requests refused with 401",
        "curl works but the browser says cors",
        "Die Preflight-Anfrage wird mit 401 abgelehnt",
        "Warum meldet der Browser einen CORS-Fehler?",
        "Le navigateur affiche une erreur CORS",
        "La requête OPTIONS reçoit 401",
        "El navegador dice que CORS bloquea la petición",
        "O navegador bloqueia por CORS",
        "ブラウザでCORSエラーが出ます",
        "プリフライトが401になる",
        "浏览器报CORS错误",
        "跨域请求被拦截",
    ],
    Symptom.WEBSOCKET: [
        "my websocket through Envoy gets 403",
        "WebSocket connection to 'wss://agents.example/crawler/' failed: Unexpected response code: 403",
        "do web sockets work with a key?",
        "Mein WebSocket bekommt 403",
        "WebSocketが403になります",
    ],
    Symptom.WITHOUT_BODY: [
        "403 with an empty answer",
        "I get a 403 with no body",
        "401, and the body is empty",
        "the answer is 403 forbidden, content-length: 0",
        "403 without any content",
        "Ich bekomme 403 mit leerer Antwort",
        "403, die Antwort ist leer",
        "erreur 403 avec une réponse vide",
        "403 con respuesta vacía",
        "403 com resposta vazia",
        "403で空のレスポンスが返ってくる",
        "返回403,响应为空",
    ],
    Symptom.GATEWAY_ERROR: [
        "nginx says 504",
        "504 Gateway Time-out",
        "we see 502 Bad Gateway now and then",
        "nginx meldet 504",
        "nginx renvoie 504",
        "nginx devuelve 502",
        "nginx retorna 504",
        "nginxが504を返します",
        "nginx 返回 504",
    ],
    Symptom.RESTORED: [
        "since we restored the backup all keys are invalid",
        "after restoring yesterday's dump every key gets 401 invalid_key",
        "We rolled back the database and now a deleted key works again",
        "the backup was restored, and my key is unknown",
        "Seit wir das Backup eingespielt haben, sind alle Schlüssel ungültig",
        "Depuis la restauration de la sauvegarde, toutes les clés sont refusées",
        "Desde que restauramos la copia de seguridad ninguna clave funciona",
        "Depois de restaurar o backup, as chaves são inválidas",
        "バックアップを復元してから全部のキーが無効です",
        "恢复备份后所有密钥都无效",
    ],
}
ALL = [pytest.param(seen, said, id=f"{seen.name}-{number}") for seen in SAID for number, said in enumerate(SAID[seen])]
OTHERS = [
    "Why do my calls get 401 Unauthorized?",
    "Why do my calls get 403 Forbidden?",
    "I get 503",
    "are you down?",
    "403 agent_not_in_scope with an empty agent",
    "can a deleted key be restored?",
    "how do I restore a key that I deleted",
    "I restored my .env file from a backup and get 401",
    "401 and no answer from support",
    "who deleted the backup key?",
    "the variable is empty, I get 401",
    "504 requests were refused",
    "403 deleted_key, no body",
    "what are my options?",
    "How many keys can we have?",
    "course material and corset",
]


def answered(text: str, known: Facts) -> Answered:
    """The diagnosis of the message."""
    question = interpret(Inquiry(text), [each.record for each in known.keys])
    named = [each for each in known.keys if each.record.id in question.meant.key_ids]
    return diagnose(question, replace(known, meant=named, meant_unseen=question.meant.unseen))


@pytest.mark.parametrize(("seen", "said"), ALL)
def test_what_people_and_programs_say_is_recognized(seen: Symptom, said: str) -> None:
    """In the supported languages, and as browsers and gateways print it."""
    assert symptom_of(said, understand(said)) is seen


@pytest.mark.parametrize(("seen", "said", "role"), in_turn((each.values for each in ALL), list(Role)))
def test_it_is_answered_at_once_and_no_key_is_blamed(seen: Symptom, said: str, role: Role) -> None:
    """Whatever else is refused at the moment, and whoever asks: with a passage of the documentation."""
    known = facts(*(() if role is Role.MEMBER else (HASTY, DELETED, GOOD)), role=role)

    told = answered(said, known)

    assert told.is_direct
    assert told.diagnosis == symptom(known, seen)
    assert told.diagnosis.case is Case.HOW_TO
    assert told.diagnosis.key is None
    assert told.diagnosis.sources[0].startswith("/docs/errors#")
    assert "was not available" not in shown(told.diagnosis).summary


@pytest.mark.parametrize("said", OTHERS)
def test_what_only_sounds_like_it_is_not(said: str) -> None:
    """Statuses alone, deleted keys, the person's own files."""
    assert symptom_of(said, understand(said)) is None


def test_what_keydesk_refused_is_told_beside_it_with_a_way_to_ask() -> None:
    """The browser may hide a refusal: the refusal is in the evidence, and one click away."""
    diagnosis = answered("blocked by CORS policy", facts(HASTY, DELETED, GOOD)).diagnosis

    evidence = shown(diagnosis).evidence
    told = {each.label: each.value for each in evidence}
    assert told["Passed in the last day"].startswith("5 requests")
    refused = [each.value for each in evidence if each.label == "Refused by Keydesk in the last day"]
    assert ["hasty" in refused[0] or "deploy" in refused[0], len(refused)] == [True, 2]
    assert [each.message for each in shown(diagnosis).replies] == [
        f"Why do calls with the key “{name}” fail?"
        for name in (("hasty", "deploy") if "hasty" in refused[0] else ("deploy", "hasty"))
    ]


def test_a_key_that_is_named_is_the_one_that_is_looked_at() -> None:
    """A key's name is never a symptom."""
    named = key_facts(key_record("cors proxy"), RefusedReason.RATE_LIMITED)

    about_good = answered("the key good gets 504 from nginx", facts(HASTY, GOOD)).diagnosis
    about_name = answered("Why do calls with the key “cors proxy” get 429?", facts(named, GOOD)).diagnosis

    assert "none" in next(each.value for each in shown(about_good).evidence if each.label.startswith("Refused"))
    assert about_name.case is Case.RATE_LIMITED


def test_a_pasted_key_that_explains_it_comes_first() -> None:
    """A deleted key is the reason, whatever the browser reports; a good key is not."""
    deleted = [PastedKey("kd_Ab3dEf…x9Qz", possession=Possession.DELETED, changed_on=NOON)]
    good = [PastedKey("kd_Ab3dEf…x9Qz", possession=Possession.WORKS)]

    assert answered("CORS error with [key]", facts(GOOD, pasted=deleted)).diagnosis.case is Case.KEY_DELETED
    assert answered("CORS error with [key]", facts(GOOD, pasted=good)).diagnosis.case is Case.HOW_TO


@pytest.mark.parametrize("said", ["I get 503", "Why do my calls get 503 Service Unavailable?", "are you down?"])
def test_that_verification_was_unavailable_is_said_only_with_evidence(said: str) -> None:
    """Current unavailability, or the code: a 503 may be the agent's own."""
    now = answered(said, facts(GOOD)).diagnosis
    down = answered(said, facts(GOOD, verification_is_available=False)).diagnosis
    by_code = answered(f"{said} code: unavailable", facts(GOOD)).diagnosis

    assert "is available at this moment" in shown(now).summary
    assert "was not available at that moment" in shown(down).summary
    assert "was not available at that moment" in shown(by_code).summary
    assert {each.case for each in (now, down, by_code)} == {Case.SERVICE_UNAVAILABLE}


def test_after_a_restore_nobody_is_told_to_do_what_they_may_not() -> None:
    """A member, and an admin without a free slot, are told whom to ask."""
    member = answered(SAID[Symptom.RESTORED][0], facts(role=Role.MEMBER)).diagnosis
    full = answered(SAID[Symptom.RESTORED][0], facts(*[GOOD] * 10)).diagnosis
    admin = answered(SAID[Symptom.RESTORED][0], facts(GOOD)).diagnosis

    assert "create a new one" in " ".join(shown(admin).steps)
    assert "create" not in " ".join((*shown(member).steps, *shown(full).steps)).replace("created", "")
    assert any(each.label == "Newest key in the database" and each.at is not None for each in shown(admin).evidence)
