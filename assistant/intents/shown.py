"""
Reads what programs say in pasted blocks, which is certain.

It is an error's name, a variable without a value, or a line break in a header. Each pattern is linear in the length of
the text.
"""

import re
from collections.abc import Iterator

from assistant.intents.blocks import BlockKind, blocks
from assistant.intents.causes import BY_RULE, OF_CODE, Sign, ToldCause, told_by
from assistant.intents.entities import Entities, HeaderMistake
from assistant.intents.signs.of_programs import OURS, SIGNS

_MISTAKES: dict[HeaderMistake, Sign] = {
    HeaderMistake.NO_BEARER: Sign.NO_BEARER,
    HeaderMistake.BEARER_TWICE: Sign.BEARER_TWICE,
    HeaderMistake.OTHER_SCHEME: Sign.OTHER_SCHEME,
    HeaderMistake.BEARER_IN_X_API_KEY: Sign.BEARER_IN_X_API_KEY,
    HeaderMistake.OTHER_HEADER: Sign.OTHER_HEADER,
    HeaderMistake.QUOTED: Sign.QUOTED,
    HeaderMistake.IN_ADDRESS: Sign.IN_ADDRESS,
    HeaderMistake.NOTHING_SENT: Sign.EMPTY_VARIABLE,
    HeaderMistake.VARIABLE_NOT_REPLACED: Sign.VARIABLE_NOT_REPLACED,
}


_VENDORS_AS_KEY = re.compile(
    r"(?:\bbearer|\bx-api-key|api[-_]?key|\bkey|token|secret|authorization)[\"']? ?[:=]? ?[\"']?"
    r"\[(?!key\b)(?:JWT|[A-Z][A-Za-z ]{1,24} (?:key|token|webhook))\]",
    re.IGNORECASE,
)
"""Where a key is set or sent, what redaction leaves of another vendor's credential."""


def shown(text: str, found: Entities) -> tuple[ToldCause, ...]:
    """The causes that pasted material shows, the most certain first: codes and sentences of ours, then other signs."""
    return tuple(dict.fromkeys(_shown(text, found)))


def _shown(text: str, found: Entities) -> Iterator[ToldCause]:
    for code in found.codes:
        if code in OF_CODE:
            yield ToldCause(OF_CODE[code], BY_RULE, Sign.CODE)
    lower = text.lower()
    for sentence, cause, form in OURS:
        if sentence in lower:
            yield ToldCause(cause, BY_RULE, Sign.CODE, form)
    if found.has_pasted_other and _VENDORS_AS_KEY.search(text):
        # What is sent is of somebody else, however it is sent.
        yield told_by(Sign.OTHER_VENDOR, BY_RULE)
        return
    for mistake in found.header_mistakes:
        yield told_by(_MISTAKES[mistake], BY_RULE)
    pasted = "\n".join(each.text for each in blocks(text) if each.kind is not BlockKind.PROSE)
    for pattern in SIGNS:
        where = pasted if pattern.only_pasted else text
        if any(word in lower for word in pattern.needs) and pattern.regex.search(where):
            yield told_by(pattern.sign, BY_RULE)
