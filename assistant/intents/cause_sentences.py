"""
Reads the causes that a person tells in sentences.

A pattern does not count near a word that denies it, as in *it is not the newline* or *with quotes, without quotes*, nor
in a question how something is done.
"""

import re
from collections.abc import Iterator

from assistant.intents.causes import BY_SENTENCE, Sign, ToldCause, told_by
from assistant.intents.signs.of_people import SENTENCES

LOOKED_AT = 2000
_DENIED_BEFORE = re.compile(
    r"\b(?:not|n't|no|neither|nor|without|never|already|removed|stripped|trimmed|fixed|checked|nicht|kein\w*|weder"
    r"|ohne|pas|sans|ni|aucun\w*"
    r"|sin|não|nem|sem|isn't|aren't|wasn't|either|nobody|niemand|personne|nadie|ninguém)\b[^.!?\n]{0,22}$|(?:不是"
    r"|没有|并非"
    r"|无)[^。\n]{0,6}$",
    re.IGNORECASE,
)
_DENIED_AFTER = re.compile(
    r"^[^.!?\n]{0,14}\b(?:isn't|is not|aren't|are not|wasn't|was not|no problem|nicht|either way|checked|excluded"
    r"|ruled out|n'est pas|no es"
    r"|não é|makes no difference|no difference|either|or not|or without|oder ohne|oder nicht|ou sans|ou pas|o sin"
    r"|ou sem|liegt's nicht)\b"
    r"|^[^。\n]{0,10}(?:は?(?:確認|チェック)|ではな|じゃな|は(?:入って|含まれて|付いて)(?:い)?な|なし|不是|没有问题|没问题)",
    re.IGNORECASE,
)
_ALTERNATIVE = re.compile(r"(?:\b(?:or|oder|ou|o|u|tried|also)|[,/]) ?$", re.IGNORECASE)
_OF_CHOICE = frozenset({Sign.NO_BEARER, Sign.QUOTED})
"""Signs that people tell as things that they tried: *with Bearer, without Bearer*."""
_SAYS_ITSELF_NOT = frozenset({Sign.NOT_SENT, Sign.NO_BEARER, Sign.EMPTY_VARIABLE, Sign.OTHER_AGENT})
"""Signs whose words are themselves a denial."""
_HOW_TO = re.compile(
    r"^\W{0,3}(?:how (?:do|can|to|should|would|could|is|are|does)|where (?:do|can)|can i|can we|may i|is it possible"
    r"|what (?:is|are) (?:the|a|your|our)"
    r"|wie (?:kann|lösche|rotiere|funktioniert|hoch)|comment |puis-je|cómo |puedo|como (?:posso|faço|eu)|posso"
    r"|どうやって"
    r"|怎么(?:删|轮|改|设)|如何)",
    re.IGNORECASE,
)
"""The beginning of a question how something is done, which tells no cause."""


def told_in_prose(prose: str) -> tuple[ToldCause, ...]:
    """
    The causes that sentences of a person tell, in the order of the table: each sign once.

    Of a long text, only the first LOOKED_AT characters are read: a person who writes more has said it by then.
    """
    return tuple(_told(prose[:LOOKED_AT]))


def _told(prose: str) -> Iterator[ToldCause]:
    for sign, pattern in SENTENCES:
        for match in pattern.finditer(prose):
            if not _is_denied(sign, prose, match.start(), match.end()) and not _asks_how(prose, match.start()):
                yield told_by(sign, BY_SENTENCE)
                break


def _is_denied(sign: Sign, prose: str, start: int, end: int) -> bool:
    before = prose[max(0, start - 40) : start]
    return (
        (sign in _OF_CHOICE and _ALTERNATIVE.search(before) is not None)
        or (sign not in _SAYS_ITSELF_NOT and _DENIED_BEFORE.search(before) is not None)
        or (_DENIED_AFTER.match(prose[end : end + 40]) is not None)
    )


def _asks_how(prose: str, position: int) -> bool:
    """Whether the sentence at this position asks how something is done."""
    start = max(prose.rfind(mark, 0, position) for mark in ".!?。！？\n") + 1
    return _HOW_TO.match(prose[start:position]) is not None or _HOW_TO.match(prose[start : start + 40]) is not None
