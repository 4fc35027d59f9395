"""Causes that people tell in sentences, and how those of rules and of the classifier are put together."""

import pytest

from assistant.intents.cause_sentences import told_in_prose
from assistant.intents.causes import Cause, Sign, ToldCause, combined, main_cause
from assistant.intents.normalize import LENGTH_AT_MOST, plain
from assistant.intents.understand import understand
from keys.verification.malformed_rules import FormatError


def told(text: str) -> set[Cause]:
    """The causes that the sentences of a raw message tell."""
    return {each.cause for each in told_in_prose(plain(text))}


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("the environment variable was empty in the container", Cause.MISSING),
        ("Die Umgebungsvariable ist beim Dienst nicht gesetzt", Cause.MISSING),
        ("la variable d'environnement était vide", Cause.MISSING),
        ("la variable de entorno está vacía", Cause.MISSING),
        ("a variável de ambiente estava vazia", Cause.MISSING),
        ("環境変数が空でした", Cause.MISSING),
        ("环境变量为空", Cause.MISSING),
        ("I forgot to send the header", Cause.MISSING),
        ("our proxy strips the Authorization header", Cause.MISSING),
        ("nginx entfernt den Authorization-Header", Cause.MISSING),
        ("le proxy supprime l'en-tête Authorization", Cause.MISSING),
        ("el proxy elimina la cabecera Authorization", Cause.MISSING),
        ("o proxy remove o cabeçalho Authorization", Cause.MISSING),
        ("the key in the file has a trailing newline", Cause.MALFORMED),
        ("am Ende des Schlüssels ist ein Zeilenumbruch", Cause.MALFORMED),
        ("il y a un saut de ligne à la fin de la clé", Cause.MALFORMED),
        ("la clave lleva un salto de línea al final", Cause.MALFORMED),
        ("tem uma quebra de linha no fim da chave", Cause.MALFORMED),
        ("キーの末尾に改行が入っていました", Cause.MALFORMED),
        ("key 后面有个换行", Cause.MALFORMED),
        ("there were quotes around the value", Cause.MALFORMED),
        ("env 里的 key 带了引号", Cause.MALFORMED),
        ("I forgot the word Bearer", Cause.MALFORMED),
        ("I think I copied the thing that's displayed in the table", Cause.MALFORMED),
        ("half the key is gone, the token was truncated", Cause.MALFORMED),
        ("we used our OpenAI key by mistake", Cause.OTHER_ISSUER),
        ("the key is from the staging environment", Cause.OTHER_ISSUER),
        ("a colleague deleted our key", Cause.DELETED),
        ("der Schlüssel wurde gelöscht", Cause.DELETED),
        ("notre clé a été supprimée", Cause.DELETED),
        ("borraron la clave", Cause.DELETED),
        ("alguém disse que a chave foi apagada", Cause.DELETED),
        ("キーが削除されました", Cause.DELETED),
        ("我们的密钥被删了", Cause.DELETED),
        ("server 2 still has the old secret", Cause.REPLACED),
        ("seit der Rotation geht nichts mehr", Cause.REPLACED),
        ("depuis la rotation, tout est refusé", Cause.REPLACED),
        ("desde que rotamos la clave da error", Cause.REPLACED),
        ("desde a rotação dá erro", Cause.REPLACED),
        ("ローテーション後から失敗します", Cause.REPLACED),
        ("轮换之后就失败了", Cause.REPLACED),
        ("the key is for another agent", Cause.WRONG_AGENT),
        ("works for agent faq but not for agent hr", Cause.WRONG_AGENT),
        ("our quota is used up", Cause.QUOTA),
        ("unser Kontingent ist aufgebraucht", Cause.QUOTA),
        ("le quota est épuisé", Cause.QUOTA),
        ("se agotó la cuota", Cause.QUOTA),
        ("estourou a cota", Cause.QUOTA),
        ("クォータを使い切りました", Cause.QUOTA),
        ("配额用完了", Cause.QUOTA),
        ("we are being throttled", Cause.RATE),
        ("the base url was wrong", Cause.NETWORK),
        ("our firewall blocks it", Cause.NETWORK),
        ("the certificate expired, a TLS error", Cause.NETWORK),
    ],
)
def test_a_told_cause_is_read(text: str, cause: Cause) -> None:
    """The cause is read in all seven languages."""
    assert cause in told(text)


@pytest.mark.parametrize(
    "text",
    [
        "it is not a newline, I stripped it",
        "tried with quotes, without quotes, single quotes",
        "with or without Bearer, always 401",
        "Am Leerzeichen liegt's nicht",
        "How do I delete a key?",
        "how can I rotate a key",
        "Wie lösche ich einen Schlüssel?",
        "如何删除密钥",
        "429 Too Many Requests",
        "we get 429 (Too Many Requests)",
        "ping works, the TLS handshake works, then nothing",
        "コピー時の改行は確認しました",
        "desde casa me deja, desde la oficina no",
        "I need a key for staging and another one for production",
        "which of our keys is used most?",
        "Do keys expire?",
    ],
)
def test_what_is_denied_or_asked_is_no_cause(text: str) -> None:
    """What is ruled out, tried, or only asked how to do is not told as a cause."""
    assert told(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "The key was not deleted, but we get 401",
        "Der Schlüssel wurde nicht gelöscht, trotzdem 401",
        "キーは削除されていないのに401になる",
        "密钥没有被删除，但是返回401",
        "Das Kontingent ist nicht aufgebraucht, warum 429?",
        "La cuota no está agotada y recibo 429",
        "I checked: the header is not empty, 401 anyway",
        "Die Variable ist nicht leer",
        "密钥不是空的",
        "The proxy does not drop the header, still 401",
        "The key isn't truncated",
        "キーに改行は入っていません",
        "La clé n'a pas été supprimée",
        "Notre clé n’a pas été révoquée mais 401",
        "Le quota n'est pas épuisé",
        "La clave no fue eliminada",
        "A chave não foi apagada",
        "クォータは使い切っていない",
        "クォータを使い切っていないのに429",
        "配额没有用完",
        "配额没用完，却是429",
        "密钥未被删除",
        "The header is never empty",
        "The header was not missing",
        "La cabecera no está vacía",
        "L'en-tête n'est pas vide",
        "O cabeçalho não está vazio",
        "La variable n'est pas vide",
        "La variable no está vacía",
        "A variável não está vazia",
        "環境変数は空ではありません",
        "环境变量不为空",
        "环境变量不是空的",
        "Der Header ist nicht leer",
        "Der Proxy entfernt den Header nicht",
        "Le proxy ne supprime pas l'en-tête",
        "El proxy no elimina la cabecera",
        "O proxy não remove o cabeçalho",
        "プロキシはヘッダーを削除していません",
        "Nobody deleted the key",
        "We have not deleted the key",
    ],
)
def test_a_denial_within_the_words_counts(text: str) -> None:
    """A negation between the words of a cause, or in the ending of its verb, denies it."""
    assert told(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "Do I get 401 or 403 when the header is missing?",
        "If I use a key from another agent, is that 403?",
        "Was the key deleted? I get 401",
        "Was bekommt ein Aufrufer, wenn der Schlüssel gelöscht wurde: 401?",
        "Is the quota used up? We see 429",
        "What happens when a key is deleted?",
        "What happens if the quota is used up: 429?",
        "Que se passe-t-il si la clé est supprimée ?",
        "¿Qué pasa si la clave fue eliminada?",
        "¿Qué recibo cuando la cuota está agotada?",
        "O que acontece quando a chave foi apagada?",
        "Wurde der Schlüssel gelöscht? Wir bekommen 401",
        "Ist das Kontingent aufgebraucht? 429",
        "La clé a-t-elle été supprimée ? On reçoit 401",
        "キーが削除されたら401ですか？",
        "如果密钥被删除，会返回401吗？",
    ],
)
def test_what_is_supposed_in_a_question_is_no_cause(text: str) -> None:
    """Who asks what would be, or whether something happened, does not tell that it did."""
    assert told(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "The key was deleted, is that why I get 401?",
        "Our quota is used up, what can we do?",
        "Der Schlüssel wurde gelöscht, was nun?",
        "The variable is not set",
        "環境変数が設定されていない",
        "环境变量没有设",
        "Der Schlüssel geht nicht, wurde gelöscht",
        "Notre clé ne va pas car supprimée",
        "If it helps: the key was deleted",
        "A chave no servidor foi apagada",
        "キーが削除されたかもしれません",
        "キーに改行が入っているかもしれない",
        "キーが削除されました、どうしたらいいですか？",
        "ローテーション後は使えません",
        "The key is not whole",
        "密钥不完整",
        "证书不受信任",
        "証明書が信頼されていません",
        "works for agent faq but not for agent hr",
    ],
)
def test_a_negation_of_something_else_denies_nothing(text: str) -> None:
    """Words that deny by themselves, another clause, a question after the cause, and a guess still tell it."""
    assert told(text)


def test_the_form_comes_with_the_cause() -> None:
    """Of a malformed key, what verification would say of its form is known."""
    main = main_cause(understand("my key has a trailing newline and I get 401").causes)

    assert main is not None
    assert (main.cause, main.sign, main.form) == (Cause.MALFORMED, Sign.LINE_BREAK, FormatError.WHITE_SPACE)


def test_rules_win_over_the_classifier() -> None:
    """What a rule read comes first; the classifier only adds other causes."""
    by_rule = ToldCause(Cause.DELETED, 0.9, Sign.SAID_DELETED)

    both = combined([by_rule], {Cause.DELETED: 0.2, Cause.MISSING: 0.95, Cause.QUOTA: 0.3})

    assert both == (by_rule, ToldCause(Cause.MISSING, 0.95), ToldCause(Cause.QUOTA, 0.3))


def test_where_the_key_is_from_says_more_than_a_code() -> None:
    """Beside `invalid_key`, a key of another environment is what counts."""
    main = main_cause(understand("invalid_key. The key is from the staging environment").causes)

    assert main is not None
    assert (main.cause, main.sign) == (Cause.OTHER_ISSUER, Sign.OTHER_INSTALLATION)


def test_what_is_wrong_with_the_form_says_more_than_a_code() -> None:
    """Beside `malformed_key`, the code that shows the mistake is what counts."""
    main = main_cause(understand('headers = {"Authorization": api_key} gives malformed_key').causes)

    assert main is not None
    assert main.sign is Sign.NO_BEARER


@pytest.mark.parametrize("text", ["429 too many requests", "HTTP/1.1 401 Unauthorized", "I get 403", "error 503!"])
def test_a_status_alone_tells_no_cause(text: str) -> None:
    """429 may be the rate or the quota, and 401 anything."""
    assert understand(text).causes == ()


@pytest.mark.parametrize(
    "unit", ["key ", "the key is ", "quota ", "proxy ", "header ", "newline ", "not ", "agent ", "キー", "クォータ"]
)
def test_no_sentence_is_too_long(unit: str) -> None:
    """A sentence without end is read like any other."""
    assert isinstance(told_in_prose((unit * LENGTH_AT_MOST)[:LENGTH_AT_MOST]), tuple)
