"""The concepts of words in seven languages."""

import pytest

from assistant.intents.lexicon import ABOUT_OTHER_THINGS, TOKENS, concepts
from assistant.intents.lexicon_words import WORDS
from assistant.intents.normalize import folded, plain


def found(text: str) -> list[str]:
    """The concepts of a raw message."""
    return concepts(TOKENS.findall(folded(plain(text))))


@pytest.mark.parametrize(
    ("concept", "words"),
    [
        ("key", ("key", "API keys", "token", "Schlüssel", "clé", "clave", "chaves", "キー", "密钥")),
        ("rotate", ("rotate", "rotating", "rotieren", "rotation", "rotar", "ローテーション", "轮换")),
        ("delete", ("delete", "deleted", "löschen", "supprimer", "eliminar", "excluir", "削除", "删除")),
        ("create", ("create", "creating", "erstellen", "créer", "crear", "criar", "作成", "创建")),
        ("quota", ("quota", "Kontingent", "cuota", "cota", "配额")),
    ],
)
def test_words_of_seven_languages_stand_for_the_same(concept: str, words: tuple[str, ...]) -> None:
    """With accents or without, in capitals or not, in each form with the same beginning."""
    assert [word for word in words if concept not in found(word)] == []
    assert [word for word in words if concept not in found(word.upper())] == []


@pytest.mark.parametrize(
    "text", ["what is the weather today", "write me a poem please", "comment faire une tarte aux pommes"]
)
def test_a_text_without_a_word_of_ours_is_about_other_things(text: str) -> None:
    """Such a text has a concept of its own."""
    assert ABOUT_OTHER_THINGS in found(text)


@pytest.mark.parametrize("text", ["the key of my agent", "ok", "what about 403 then", "so what of [key kd_Ab3d…] now"])
def test_a_word_of_ours_or_too_few_words_say_nothing_of_other_things(text: str) -> None:
    """A placeholder for pasted text and a status count as words of the lexicon."""
    assert ABOUT_OTHER_THINGS not in found(text)


def test_each_word_is_written_as_texts_are_folded() -> None:
    """Otherwise the word would never be found."""
    unfolded = {
        word
        for words in WORDS.values()
        for word in words.replace("_", " ").split()
        if word.isascii() and folded(word).strip() != word
    }

    assert unfolded == set()


def test_no_concept_names_a_word_twice() -> None:
    """Each word is listed once."""
    twice = {concept for concept, words in WORDS.items() if len(set(words.split())) < len(words.split())}

    assert twice == set()
