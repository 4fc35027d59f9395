"""The texts for training and evaluation: enough, by several people, and never the same in both."""

import re
from collections import Counter

import pytest

from assistant.intents.model import model
from assistant.intents.topics import Topic
from training.corpus import LANGUAGES, PHRASES, Said, digest, gathered, held_out, much_alike, part_of, phrases

ENGLISH_AT_LEAST = 60
OTHERS_AT_LEAST = 12
GATHERED_AT_LEAST = 300
HELD_OUT_AT_LEAST = 150
CHARACTERS_AT_MOST = 420


def test_the_model_was_trained_from_what_is_here() -> None:
    """After a change of phrases, lexicon, rules or training, run `make train` for a new model, and `make evaluate`."""
    assert model().digest == digest()


@pytest.mark.parametrize("topic", Topic)
def test_each_topic_has_phrases_in_every_language(topic: Topic) -> None:
    """One file for each topic."""
    counts = Counter(said.language for said in phrases() if said.topics == (topic,))

    assert set(counts) == set(LANGUAGES)
    assert counts["en"] >= ENGLISH_AT_LEAST
    assert [language for language in LANGUAGES if counts[language] < OTHERS_AT_LEAST] == []


def test_no_file_of_phrases_is_of_no_topic() -> None:
    """The file of a renamed topic is renamed, too."""
    assert {path.stem for path in PHRASES.glob("*.txt")} == set(Topic)


def test_no_phrase_is_there_twice() -> None:
    """Nor in two topics, which would teach both and neither."""
    counts = Counter((said.language, said.text.lower().rstrip(" ?!？。！").lstrip("¿¡")) for said in phrases())

    assert [phrase for phrase, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("kept", [gathered, held_out])
def test_what_others_wrote_is_short_and_says_where_its_kind_comes_from(kept: object) -> None:
    """No long passages, no bare links; in a language of the training."""
    messages: list[Said] = gathered() if kept is gathered else held_out()

    for said in messages:
        assert said.source
        assert said.language in LANGUAGES
        assert len(said.text) <= CHARACTERS_AT_MOST
        assert said.text == said.text.strip()


def test_there_is_enough_of_others_to_learn_from_and_to_be_judged_by() -> None:
    """Phrases of one author give flattering results."""
    assert len(gathered()) >= GATHERED_AT_LEAST
    assert len(held_out()) >= HELD_OUT_AT_LEAST
    assert len({said.text for said in (*gathered(), *held_out())}) == len(gathered()) + len(held_out())


def test_nothing_that_judges_was_learned_from() -> None:
    """Neither the text nor its source nor a similar text."""
    places = {place(said) for said in gathered()}
    learned = [said.text for said in (*phrases(), *gathered())]

    assert {place(said) for said in held_out()} & places == set()
    assert much_alike([said.text for said in held_out()], learned) == set()


def place(said: Said) -> str:
    """The source of a message."""
    return re.split(r"[/#]", said.source.lower())[0]


def test_all_from_one_place_is_in_one_part() -> None:
    """An author's texts never judge a model that learned from that author."""
    parts: dict[str, set[int]] = {}
    for said in gathered():
        parts.setdefault(place(said), set()).add(part_of(said, 5))

    assert [name for name, found in parts.items() if len(found) > 1] == []
    assert {part for found in parts.values() for part in found} == set(range(5))


@pytest.mark.parametrize(
    ("text", "other", "alike"),
    [
        ("why does my call fail with 401?", "Why does my call fail with 401", True),
        ("why does my call fail with 401?", "so I ask: why does my call fail with 401? Thanks", True),
        ("why does my call fail with 401?", "how do I rename a key", False),
        ("401?", "401?", False),
    ],
)
def test_texts_are_alike_by_what_they_share(text: str, other: str, alike: bool) -> None:
    """Many texts share a word or two."""
    assert (much_alike([text], [other]) == {text}) is alike
