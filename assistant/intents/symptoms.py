"""
Recognizes problems that no record of a key explains, by the words that people and programs use for them.

Browsers, gateways, or a restored database cause them. A status code without these words would lead to the wrong key.
"""

import re
from enum import Enum, auto

from assistant.intents.normalize import plain
from assistant.intents.understand import Understood


class Symptom(Enum):
    """A problem that a person can see."""

    CORS = auto()
    """A browser blocked the call, or its preflight request was refused."""
    WEBSOCKET = auto()
    WITHOUT_BODY = auto()
    """A refusal without a body."""
    GATEWAY_ERROR = auto()
    """502 or 504: a gateway could not reach the server behind it."""
    RESTORED = auto()
    """Keys fail, or work again, since a backup was restored."""


_CORS = re.compile(
    r"(?<![a-z])cors(?![a-z])|(?<![a-z])pre-?flight|access-control-|\bcross[ -]origin\b|\bsame[ -]origin[ -]policy\b"
    r"|\boptions[ -](?:requests?|calls?|anfragen?|method)\b"
    r"|\b(?:requête|petición|solicitud|requisição|pedido) options\b"
    r"|OPTIONS ?(?:リクエスト|请求)|プリフライト|预检|預檢|跨域|跨源|クロスオリジン",
    re.IGNORECASE,
)
_WEBSOCKET = re.compile(
    r"(?<![a-z])web[ -]?sockets?(?![a-z])|\bwss?://|\bupgrade: websocket|ウェブソケット", re.IGNORECASE
)
_WITHOUT_BODY = re.compile(
    r"\b(?:empty|blank)[ -](?:\w+ )?(?:body|answer|response|content|payload|reply|page)\b"
    r"|\b(?:no|without(?: an?| any)?|zero|0)[ -](?:\w+ )?(?:body|content|payload|bytes?)\b"
    r"|\b(?:body|response|answer|content|reply)\b.{0,12}\b(?:is|was|comes|came)\b.{0,6}\b(?:empty|blank|missing)\b"
    r"|\bcontent-length: ?0\b|\bnothing in the (?:body|answer|response)\b|\b(?:body|response|answer) empty\b"
    r"|\bleere[nrs]?\b.{0,6}(?:antwort|body|inhalt|rumpf)|(?:antwort|body|inhalt|rumpf)\b.{0,12}\bleer\b"
    r"|\bohne (?:inhalt|body|rumpf|text)\b"
    r"|\b(?:réponse|corps|contenu)\b.{0,12}\bvide|\bsans (?:corps|contenu)\b"
    r"|\b(?:respuesta|cuerpo|contenido)\b.{0,14}\bvac[ií]|\bsin (?:cuerpo|contenido)\b"
    r"|\b(?:resposta|corpo|conteúdo)\b.{0,14}\bvazi|\bsem (?:corpo|conteúdo)\b"
    r"|空の(?:レスポンス|応答|ボディ|本文)|(?:レスポンス|応答|ボディ|本文)[がは](?:空|あり?ま?せん|ない)"
    r"|空的?(?:响应|回复|应答|内容|body)|(?:响应|回复|内容|正文|body).{0,4}(?:为空|是空)|没有(?:内容|响应体|正文|body)",
    re.IGNORECASE,
)
_GATEWAY_ERROR = re.compile(r"\bbad gateway\b|\bgateway time-?(?: ?out)\b", re.IGNORECASE)
_BACKUP = r"(?:back-?ups?|dump|snapshot|database|db)\b"
_RESTORED_IN_GERMAN = r"(?:eingespielt|zurückgespielt|wiederhergestellt)"
_OF_A_DATABASE = r"(?:sauvegarde|backup|copia de seguridad|respaldo|cópia de segurança|base de (?:données|datos|dados))"
_RESTORED = re.compile(
    rf"\b(?:restor(?:ed?|ing|ation)|roll(?:ed|ing)? back|re-?imported)\b.{{0,40}}\b{_BACKUP}"
    rf"|\b{_BACKUP}.{{0,30}}\b(?:restor(?:ed?|ing|ation)|rolled back|re-?imported)\b"
    rf"|\b(?:backup|datensicherung|sicherung|snapshot|datenbank|dump)\b.{{0,40}}{_RESTORED_IN_GERMAN}"
    rf"|\b{_RESTORED_IN_GERMAN}\w* (?:backup|sicherung|datenbank)"
    rf"|\brestaur\w+.{{0,30}}\b{_OF_A_DATABASE}|\b{_OF_A_DATABASE}.{{0,30}}\brestaur"
    r"|(?:バックアップ|データベース).{0,10}(?:復元|リストア|戻し)"
    r"|(?:恢复|还原)[^。.]{0,8}(?:备份|数据库)|(?:备份|数据库).{0,6}(?:恢复|还原)",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(r"\.env\b|\b(?:config\w*|file|laptop|machine|vault|secrets? manager)\b", re.IGNORECASE)
"""Things that a caller restores on its own side. The caller then sends an older secret, which records explain."""
_GATEWAYS_OWN = frozenset({502, 504})
_COUNTED = re.compile(r"\b50[24] (?:requests?|calls?|times|keys?)\b", re.IGNORECASE)
_REFUSALS = frozenset({401, 403, 429})
_OF_A_KEY = frozenset({"deleted_key", "replaced_secret", "agent_not_in_scope", "rate_limited", "quota_exceeded"})
"""Codes that a key's record explains better."""


def symptom_of(text: str, understood: Understood) -> Symptom | None:
    """The symptom that a redacted message describes, or None."""
    said = plain(text)
    if _OF_A_KEY.intersection(understood.codes):
        return None
    if _CORS.search(said):
        return Symptom.CORS
    if _RESTORED.search(said) and not _ELSEWHERE.search(said):
        return Symptom.RESTORED
    if _WEBSOCKET.search(said):
        return Symptom.WEBSOCKET
    if understood.codes or understood.request_ids:
        return None
    if _REFUSALS.intersection(understood.status_codes) and _WITHOUT_BODY.search(said):
        return Symptom.WITHOUT_BODY
    has_status = bool(_GATEWAYS_OWN.intersection(understood.status_codes)) and not _COUNTED.search(said)
    if has_status or _GATEWAY_ERROR.search(said):
        return Symptom.GATEWAY_ERROR
    return None
