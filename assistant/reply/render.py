"""
Renders a diagnosis as CommonMark without raw HTML and images, in a few chunks, and converts it for storage.

A diagnosis is plain text. Everything in it that could be read as markup is escaped here, so that no name, user agent or
host becomes a link, an image or emphasis.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from assistant.explain import formatting as words
from assistant.explain.diagnosis import Diagnosis, Fact
from assistant.explain.suggestions import Suggestion
from assistant.intents.language import ENGLISH
from assistant.reply.stored_answer import StoredAction, StoredAnswer, StoredCitation, StoredFact, StoredReply

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
LOOKED_AT = "What I looked at:"
WHAT_TO_DO = "What to do:"
READ_MORE = "Read more:"

_MARKUP = re.compile(
    r"[\\`*\[\]<>~|]"  # characters that open code, emphasis, links, HTML, strike-through and tables
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # an underscore within a word is not markup
    r"|&(?=[#A-Za-z])"
    r"|(?<=[A-Za-z]):(?=//)|(?<=\bwww)\.",  # some renderers turn these into links
    re.IGNORECASE,
)


_BEGINS_A_BLOCK = re.compile(r"^(?:(?=[#+-])|\d{1,9}(?=[.)](?:\s|$)))")
"""The beginning of a line that opens a heading, a rule or a list."""


def escaped(text: str) -> str:
    """Plain text as one line of CommonMark that shows the text unchanged."""
    line = _MARKUP.sub(lambda match: f"\\{match[0]}", " ".join(text.split()))
    return _BEGINS_A_BLOCK.sub(lambda match: f"{match[0]}\\", line)


def written(diagnosis: Diagnosis, language: str, title_of: Callable[[str], str]) -> tuple[str, ...]:
    """The answer in chunks. Joined, they are its text."""
    parts = [] if language == ENGLISH else [IN_ENGLISH[language]]
    parts.append(escaped(diagnosis.summary))
    if diagnosis.evidence:
        parts.append(_listed(LOOKED_AT, [_fact(each) for each in diagnosis.evidence]))
    if len(diagnosis.steps) == 1:
        parts.append(escaped(diagnosis.steps[0]))
    elif diagnosis.steps:
        steps = "\n".join(f"{number}. {escaped(step)}" for number, step in enumerate(diagnosis.steps, 1))
        parts.append(f"{WHAT_TO_DO}\n\n{steps}")
    if diagnosis.sources:
        links = words.join([f"[{escaped(title_of(each))}]({each})" for each in diagnosis.sources])
        parts.append(f"{READ_MORE} {links}.")
    return tuple(part if place == 0 else f"\n\n{part}" for place, part in enumerate(parts))


def parts(text: str) -> tuple[str, ...]:
    """Splits a stored answer's text into chunks."""
    paragraphs = text.split("\n\n")
    return tuple(part if place == 0 else f"\n\n{part}" for place, part in enumerate(paragraphs))


def to_stored(diagnosis: Diagnosis, title_of: Callable[[str], str]) -> StoredAnswer:
    """The diagnosis in the form in which it is stored with its text."""
    return StoredAnswer(
        case=diagnosis.case,
        summary=diagnosis.summary,
        evidence=tuple(StoredFact(each.label, each.value, each.at) for each in diagnosis.evidence),
        steps=diagnosis.steps,
        key_id=None if diagnosis.key is None else diagnosis.key.id,
        offers=tuple(
            StoredAction(each.kind, each.label, None if each.key is None else each.key.id) for each in diagnosis.offers
        ),
        replies=stored_replies(diagnosis.replies),
        citations=tuple(StoredCitation(title_of(each), each) for each in diagnosis.sources),
    )


def stored_replies(suggestions: Iterable[Suggestion]) -> tuple[StoredReply, ...]:
    """Suggestions in the form in which they are stored."""
    return tuple(StoredReply(each.label, each.sentence, each.id) for each in suggestions)


def _fact(fact: Fact) -> str:
    """A line of evidence, with its time unless the value already contains it."""
    when = "" if fact.at is None else words.moment(fact.at)
    told = "" if not when or when in fact.value else f", {when}"
    return f"{escaped(fact.label)}: {escaped(fact.value)}{told}"


def _listed(heading: str, lines: Sequence[str]) -> str:
    return "\n".join([f"{heading}\n", *(f"- {line}" for line in lines)])
