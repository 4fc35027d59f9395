"""The normalization of a message before it is understood."""

import pytest

from assistant.intents.normalize import LENGTH_AT_MOST, LOOKED_AT, folded, plain, sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("why?", "why?"),
        ("ｗｈｙ？", "why?"),
        ("w\u200bh\u00ady", "why"),
        ("wh\u0443", "why"),
        ("почему ключ", "почему ключ"),
        ("why     now", "why now"),
        ("a \n\n\n b", "a\nb"),
        ("what!!!!!!!!!!", "what!!!"),
        ("a\x00b\x1b[31m", "ab[31m"),
        ("löschen", "löschen"),
        ("half \ud83d of a character", "half of a character"),
    ],
)
def test_a_plain_text_reads_as_it_looks(text: str, expected: str) -> None:
    """Compatible forms, nothing invisible, no long runs; characters that truly belong to another script stay."""
    assert plain(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Why does MyKey fail?", "why does my key fail?"),
        ("Schlüssel löschen", "schlussel loschen"),
        ("Straße, cœur", "strasse, coeur"),
        ("l’accès", "l'acces"),
        ("is [key kd_Ab3d…] good", "is  pastedkey  good"),
        ("the [AWS key]", "the  pastedother "),
        ("req_0199c0de4af2 failed", " requestid  failed"),
        ("kd_Ab3dEf…x9Qz", " keyhint "),
        ("key_0199c0de4af2, agt_0199c0de4af2", " keyid ,  agentid "),
        ("key_required", "key_required"),
        ("see https://gw.example.com/v1?x=1 now", "see  someurl  now"),
        ("from 203.0.113.7", "from  ipaddress "),
        ("ada@example.com", " mailaddress "),
        ("429 of 100000", "429 of  number "),
    ],
)
def test_folding_leaves_one_spelling_and_a_word_for_what_is_unique(text: str, expected: str) -> None:
    """Lowercase without accents; ids, addresses and long numbers are replaced with their kind."""
    assert folded(text) == expected


def test_a_short_text_is_understood_whole() -> None:
    """No part is left out."""
    assert sentences("why?\n{log}") == "why?\n{log}"


def test_of_a_long_text_come_the_sentences_first() -> None:
    """Then pasted parts, while there is room."""
    log = '{"level":"info","path":"/v1"}\n' * 60

    said = sentences(plain(f"{log}Why does it fail?\n{log}"))

    assert said.startswith("Why does it fail?\n")
    assert len(said) <= LOOKED_AT + 1


def test_of_a_long_tale_come_beginning_and_end() -> None:
    """The question is at one of them."""
    tale = "Hello. " + "We have many services. " * 100 + "Why does it fail?"

    said = sentences(plain(tale))

    assert said.startswith("Hello.")
    assert said.endswith("Why does it fail?")
    assert len(said) <= LOOKED_AT + 1


def test_no_more_is_looked_at_than_a_message_can_hold() -> None:
    """A character that expands to many does not make the text longer than the limit."""
    assert len(plain("a " * LENGTH_AT_MOST)) <= LENGTH_AT_MOST
    assert len(plain("\ufdfa" * LENGTH_AT_MOST)) <= 2 * LENGTH_AT_MOST
