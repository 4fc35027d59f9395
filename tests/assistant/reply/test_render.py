"""The rendering of a diagnosis: CommonMark that shows names, hosts and user agents unchanged, and the stored form."""

from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from assistant.explain.diagnosis import ActionKind, Case, Diagnosis, Fact, SuggestedAction
from assistant.explain.suggestions import Suggestion
from assistant.intents.topics import Topic
from assistant.language.languages import COMPLETE
from assistant.reply import stored_answer
from assistant.reply.render import IN_ENGLISH, escaped, in_one_line, parts, to_stored, written
from assistant.reply.stored_answer import StoredFact, to_json
from tests.support.assistant.facts_fixtures import key_record

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
COMMONMARK = MarkdownIt("commonmark")
WITH_MORE = MarkdownIt("commonmark").enable(["table", "strikethrough"])
ANYTHING = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).filter(str.strip)
MARKUP = st.lists(
    st.sampled_from(
        [
            *("[", "](", ")", "![", "<", ">", "<b>", "https://evil.example", "www.evil.example", "`", "``", "*", "**"),
            *("_", "__", "~~", "\\", "&lt;", "&#91;", "|", "---", "# ", "- ", "+ ", "1. ", "2) ", "> ", "=", "a", "\n"),
            *("    ", "\t", "javascript:alert(1)", "(", '"', "'", "{", "::", "<!--", "<?", "]: ", "\r\n\r\n", "···"),
        ]
    ),
    min_size=1,
).map("".join)
FOREIGN = st.one_of(ANYTHING, MARKUP).filter(str.strip)


def read(tokens: list[Token]) -> list[str]:
    """The text of each paragraph; fails on everything that is not text."""
    shown = []
    for token in tokens:
        if token.type == "inline":
            assert {each.type for each in token.children or ()} <= {"text"}, token
            shown.append("".join(each.content for each in token.children or ()))
    return shown


@given(FOREIGN)
def test_plain_text_is_shown_as_it_is(text: str) -> None:
    """Any text becomes one paragraph with the same words and nothing else, also in richer dialects."""
    for parser in (COMMONMARK, WITH_MORE):
        tokens = parser.parse(escaped(text))

        assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
        assert read(tokens) == [in_one_line(text)]


@given(FOREIGN, FOREIGN, FOREIGN)
def test_foreign_values_change_nothing_of_an_answers_form(summary: str, label: str, value: str) -> None:
    """A paragraph, a list of evidence, a list of steps: each with the given words."""
    diagnosis = Diagnosis(Case.KEY_WORKS, summary, (Fact(label, value), Fact("Then", value, NOON)), (label, value))

    tokens = COMMONMARK.parse("".join(written(diagnosis, "en", str)))

    when = "24 November 2026 at 12:00 UTC"
    told = in_one_line(value) if when in value else f"{in_one_line(value)}, {when}"
    assert read(tokens) == [
        in_one_line(summary),
        "What I looked at:",
        f"{in_one_line(label)}: {in_one_line(value)}",
        f"Then: {told}",
        "What to do:",
        in_one_line(label),
        in_one_line(value),
    ]
    lists = [each.type for each in tokens if each.type.endswith("list_open")]
    assert lists == ["bullet_list_open", "ordered_list_open"]
    assert sum(each.type == "list_item_open" for each in tokens) == 4


@given(FOREIGN)
def test_a_citations_title_is_its_links_text(title: str) -> None:
    """The only links go to the cited passages, with their titles."""
    diagnosis = Diagnosis(Case.HOW_TO, "So.", sources=("/docs/guide/keys#rotate", "/docs/errors"))

    tokens = COMMONMARK.parse("".join(written(diagnosis, "en", lambda _url: title)))

    children = tokens[-2].children or []
    links = [each.attrs["href"] for each in children if each.type == "link_open"]
    assert links == ["/docs/guide/keys#rotate", "/docs/errors"]
    texts = [after.content for each, after in pairwise(children) if each.type == "link_open"]
    assert texts == [in_one_line(title)] * 2


@pytest.mark.parametrize("language", [each for each in IN_ENGLISH if each not in COMPLETE])
def test_another_language_is_answered_in_english_and_told_so_first(language: str) -> None:
    """A sentence in the person's own language comes before the answer."""
    chunks = written(Diagnosis(Case.HOW_TO, "So."), language, str)

    assert chunks == (IN_ENGLISH[language], "\n\nSo.")


@given(FOREIGN, FOREIGN)
def test_a_written_answer_comes_in_chunks_again(summary: str, step: str) -> None:
    """The joined chunks of a stored answer are its text, as they were the first time."""
    diagnosis = Diagnosis(Case.HOW_TO, summary, (Fact("Key", step),), (step, summary), sources=("/docs",))

    text = "".join(written(diagnosis, "en", str))

    assert "".join(parts(text)) == text
    assert 3 <= len(parts(text)) <= 8


def test_an_instant_is_told_once() -> None:
    """If a value has the instant in its words, it is not repeated."""
    said = Fact("Begins anew", "1 December 2026 at 00:00 UTC", datetime(2026, 12, 1, tzinfo=UTC))

    [_, looked_at] = written(Diagnosis(Case.QUOTA_EXCEEDED, "So.", (said,)), "en", str)

    assert looked_at.count("1 December 2026") == 1


def test_one_step_is_a_sentence_and_no_list() -> None:
    """A list of one item would read like the beginning of more."""
    assert written(Diagnosis(Case.HOW_TO, "So.", steps=("Do it.",)), "en", str) == ("So.", "\n\nDo it.")


@given(FOREIGN, st.sampled_from(Case), st.sampled_from(ActionKind))
def test_an_answer_is_kept_without_rows(text: str, case: Case, kind: ActionKind) -> None:
    """A stored answer, read years later, has what was found: words, instants, ids of keys, and suggestions."""
    record = key_record("deploy")
    offer, fact = SuggestedAction(kind, text, record), Fact(text, text, NOON)
    reply = Suggestion(text, Topic.USE, record.id, text, text)
    diagnosis = Diagnosis(case, text, (fact,), (text,), record, (offer,), (reply,), ("/d",))

    read_again = stored_answer.read(to_json(to_stored(diagnosis, "en", str.upper)))

    assert read_again == to_stored(diagnosis, "en", str.upper)
    assert (read_again.case, read_again.summary, read_again.steps) == (case, text, (text,))
    assert read_again.evidence == (StoredFact(text, text, NOON),)
    assert read_again.key_id == read_again.offers[0].key_id == record.id
    assert isinstance(read_again.key_id, UUID)
    assert read_again.offers[0].kind is kind
    assert [(each.title, each.url) for each in read_again.citations] == [("/D", "/d")]
