"""How well messages outside the training are understood: the documented numbers, and the promised bounds."""

from pathlib import Path

import pytest

from assistant.intents.topics import Topic
from training.corpus import Said, held_out
from training.evaluate import judged, main, table

ROOT = Path(__file__).parents[2]
WRONG_WHEN_DIRECT_AT_MOST = 0.05
WITHIN_A_CLICK_AT_LEAST = 0.88


def test_what_is_answered_directly_is_seldom_wrong_and_nearly_all_is_within_a_click() -> None:
    """A worse model must not be used."""
    all_of_it = [judged(said) for said in held_out()]
    direct = [each for each in all_of_it if each.is_direct]

    wrong = [each for each in direct if not each.is_answer_right]
    near = [each for each in all_of_it if each.is_within_a_click]

    assert len(wrong) < WRONG_WHEN_DIRECT_AT_MOST * len(direct)
    assert len(near) >= WITHIN_A_CLICK_AT_LEAST * len(all_of_it)


def test_the_documentation_has_the_table_that_is_printed() -> None:
    """`make evaluate` prints it."""
    assert table([judged(said) for said in held_out()]) in (ROOT / "docs/understanding.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_no_text_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Only topics are printed: people who read the texts would tune the model to them."""
    main()

    printed = capsys.readouterr().out
    assert "| all |" in printed
    assert [said.text for said in held_out() if len(said.text) > 20 and said.text in printed] == []


@pytest.mark.parametrize(
    ("text", "topics", "direct", "first_right", "answer_right", "offered"),
    [
        ("how do I rotate a key?", (Topic.HOW_ROTATE,), True, True, True, True),
        ("how do I rotate a key?", (Topic.HUMAN, Topic.HOW_ROTATE), True, True, True, True),
        ("how do I rotate a key?", (Topic.HUMAN,), True, False, False, False),
        ("does my key work?", (Topic.CALL_FAILS,), True, False, True, True),
        ("asdfgh", (Topic.HISTORY,), False, False, False, False),
    ],
)
def test_a_message_is_judged_by_what_it_is_about(
    text: str, topics: tuple[Topic, ...], direct: bool, first_right: bool, answer_right: bool, offered: bool
) -> None:
    """Right at once, right answer, or among the suggestions."""
    result = judged(Said(topics, "en", "test", text))

    assert (result.is_direct, result.is_first_right, result.is_answer_right) == (direct, first_right, answer_right)
    assert result.is_offered is offered
    assert result.is_within_a_click is (answer_right if direct else offered)
    assert result.is_language_right
