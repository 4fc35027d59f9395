"""
Renders a diagnosis as CommonMark without raw HTML and images, in a few chunks, and converts it for storage.

A diagnosis is plain text. Everything in it that could be read as markup is escaped here, so that no name, user agent or
host becomes a link, an image or emphasis.
"""

import re
from collections.abc import Callable, Iterable

from assistant.explain.diagnosis import Diagnosis, Fact
from assistant.explain.suggestions import Suggestion
from assistant.intents.language import ENGLISH
from assistant.language.languages import language_of_answer
from assistant.language.render import render
from assistant.language.text import Moment, listed, say
from assistant.reply.stored_answer import (
    ForSupport,
    StoredAction,
    StoredAnswer,
    StoredCitation,
    StoredFact,
    StoredReply,
)

IN_ENGLISH = {
    "de": "Ich verstehe Sie, antworte aber auf Englisch.",
    "fr": "Je vous comprends, mais je réponds en anglais.",
    "es": "Le entiendo, pero respondo en inglés.",
    "pt": "Eu entendo você, mas respondo em inglês.",
    "ja": "内容は理解していますが、回答は英語になります。",
    "zh": "我能理解您的问题，但会用英文回答。",
    "other": "I answer in English, and understand English best.",
}
"""The sentence before an answer to a message in another language, by language."""


def language_note(text: str, language: str | None) -> str | None:
    """The sentence of IN_ENGLISH that an answer begins with, if it does. `language` is that of the question."""
    note = None if language is None else IN_ENGLISH.get(language)
    return note if note is not None and text.startswith(note) else None


LOOKED_AT = say("What I looked at:")
WHAT_TO_DO = say("What to do:")

_MARKUP = re.compile(
    r"[\\`*\[\]<>~|]"  # characters that open code, emphasis, links, HTML, strike-through and tables
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # an underscore within a word is not markup
    r"|&(?=[#A-Za-z])"
    r"|(?<=[A-Za-z]):(?=//)|(?<=\bwww)\.",  # some renderers turn these into links
    re.IGNORECASE,
)


_WHITE_SPACE = re.compile(r"[^\S\u00a0\u202f]+")
"""White space, line breaks included, but not the no-break spaces, which French has before a question mark."""
_BEGINS_A_BLOCK = re.compile(r"^(?:(?=[#+-])|\d{1,9}(?=[.)](?:\s|$)))")
"""The beginning of a line that opens a heading, a rule or a list."""


def in_one_line(text: str) -> str:
    """The text with a space for each white space and line break. No-break spaces stay."""
    return _WHITE_SPACE.sub(" ", text).strip()


def escaped(text: str) -> str:
    """Plain text as one line of CommonMark that shows the text unchanged."""
    line = _MARKUP.sub(lambda match: f"\\{match[0]}", in_one_line(text))
    return _BEGINS_A_BLOCK.sub(lambda match: f"{match[0]}\\", line)


def written(diagnosis: Diagnosis, language: str, title_of: Callable[[str], str]) -> tuple[str, ...]:
    """The answer in chunks. Joined, they are its text. `language` is that of the question."""
    answer_language = language_of_answer(language)
    parts = [] if answer_language == language else [IN_ENGLISH[language]]
    parts.append(escaped(render(diagnosis.summary, answer_language)))
    if diagnosis.evidence:
        evidence = [f"- {_fact(each, answer_language)}" for each in diagnosis.evidence]
        parts.append("\n".join([f"{render(LOOKED_AT, answer_language)}\n", *evidence]))
    steps = [escaped(render(each, answer_language)) for each in diagnosis.steps]
    if len(steps) == 1:
        parts.append(steps[0])
    elif steps:
        numbered = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
        parts.append(f"{render(WHAT_TO_DO, answer_language)}\n\n{numbered}")
    if diagnosis.reading is not None:
        parts.append(escaped(render(diagnosis.reading, answer_language)))
    if diagnosis.sources:
        links = listed([f"[{escaped(title_of(each))}]({each})" for each in diagnosis.sources])
        parts.append(render(say("Read more: {links}.", links=links), answer_language))
    return tuple(part if place == 0 else f"\n\n{part}" for place, part in enumerate(parts))


def parts(text: str) -> tuple[str, ...]:
    """Splits a stored answer's text into chunks."""
    paragraphs = text.split("\n\n")
    return tuple(part if place == 0 else f"\n\n{part}" for place, part in enumerate(paragraphs))


def to_stored(diagnosis: Diagnosis, language: str, title_of: Callable[[str], str]) -> StoredAnswer:
    """The diagnosis in the form in which it is stored with its text. `language` is that of the question."""
    answer_language = language_of_answer(language)
    return StoredAnswer(
        case=diagnosis.case,
        summary=render(diagnosis.summary, answer_language),
        evidence=_stored_evidence(diagnosis, answer_language),
        steps=tuple(render(each, answer_language) for each in diagnosis.steps),
        key_id=None if diagnosis.key is None else diagnosis.key.id,
        offers=tuple(
            StoredAction(each.kind, render(each.label, answer_language), None if each.key is None else each.key.id)
            for each in diagnosis.offers
        ),
        replies=stored_replies(diagnosis.replies, answer_language),
        citations=tuple(StoredCitation(title_of(each), each) for each in diagnosis.sources),
        language=answer_language,
        for_support=None
        if answer_language == ENGLISH
        else ForSupport(render(diagnosis.summary), _stored_evidence(diagnosis, ENGLISH)),
        reading=None if diagnosis.reading is None else render(diagnosis.reading, answer_language),
    )


def stored_replies(suggestions: Iterable[Suggestion], language: str) -> tuple[StoredReply, ...]:
    """Suggestions in the form in which they are stored, in this language."""
    return tuple(
        StoredReply(render(each.label, language), render(each.sentence, language), each.id) for each in suggestions
    )


def _stored_evidence(diagnosis: Diagnosis, language: str) -> tuple[StoredFact, ...]:
    return tuple(
        StoredFact(render(each.label, language), render(each.value, language), each.at) for each in diagnosis.evidence
    )


def _fact(fact: Fact, language: str) -> str:
    """A line of evidence, with its time unless the value already contains it."""
    label, value = render(fact.label, language), render(fact.value, language)
    when = "" if fact.at is None else render(Moment(fact.at), language)
    parts = {"label": escaped(label), "value": escaped(value)}
    if not when or when in value:
        return render(say("{label}: {value}", **parts), language)
    return render(say("{label}: {value}, {when}", **parts, when=when), language)
