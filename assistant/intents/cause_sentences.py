"""
Reads the causes that a person tells in sentences.

A pattern does not count with a word that denies it, near it or in it, as in *it is not the newline*, *the key was not
deleted* or *with quotes, without quotes*. Nor does it count in a question how something is done, whether something
happened, or what would happen.
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
_MAY_HOLD_NOT = _SAYS_ITSELF_NOT | {Sign.NAME_NOT_FOUND, Sign.TLS, Sign.BEARER_WITHOUT_SPACE}
"""Signs whose words may hold a denial, as in *the certificate is not trusted*."""
_OF_NOTHING = frozenset({Sign.NOT_SENT, Sign.EMPTY_VARIABLE})
"""Signs that something is empty or did not come."""
_CLAUSE_ENDS = re.compile(
    r"[,;:]|\b(?:and|but|because|since|that|und|aber|weil|denn|dass|et|mais|car|que|y|pero|porque|e|mas|pois)\b"
    r"|因为|但|所以",
    re.IGNORECASE,
)
_DENIED_INSIDE = re.compile(
    r"\b(?:not|nicht)\b(?! (?:only|just|the whole|whole|nur)\b)|n['’]t\b|\b(?:is|was|are|were|does|did|has|have)nt\b"
    r"|\b(?:never|kein\w*|nie|niemals|pas|jamais|não|nunca)\b"
    # Portuguese says "no" for "in the", so a Spanish verb has to follow.
    r"|\bno (?:se |me |nos |la |las |lo |los )?(?:ha|han|he|hemos|había|fue|fueron|está|están|estaba|estaban|es|era"
    r"|sea|tiene|elimina|quita|pierde|borra|come)\b"
    r"|没(?!了|复制)|(?<!是)不是|并非|未|不会|不(?=去掉|丢|删|吃|剥|过滤|超)",
    re.IGNORECASE,
)
"""A denial between the words of a pattern. It counts in the last clause of the match only."""
_NOT_EMPTY = re.compile(
    r"(?:\b(?:not|never|nicht|nie|niemals|pas|jamais)|n['’]t"
    r"|\b(?:no|não|nunca)(?: (?:está|estaba|es|era|estava|é|foi|viene|llega|vem|chega))?)"
    r" (?:actually |really |even |sending |send |sent )?(?:an? )?(?:empty|blank|unset|undefined|null|none|nil|missing"
    r"|leer|vides?|absente?|vací[ao]s?|vazi[ao]s?)\b|(?:不是|不为|并非|非|没有?|不)空",
    re.IGNORECASE,
)
_JAPANESE_DENIAL = re.compile(
    r"(?![^。\n]{0,10}かもしれ)(?:には|[はがもを])?(?:入|付|含|残|混|切|起|除|過|存在|発生)?[ぁ-ん]{0,2}"
    r"(?:て(?:い|おり|おら)?|で(?:い|は)?|じゃ)?(?:あり|り|れ|し|わ)?(?:な[いかく]|ません)"
)
"""The denying end of a Japanese verb, directly after a pattern."""
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[?。\n]")
_SUPPOSED = re.compile(
    r"\b(?:if|when|what happens|do (?:i|we|you) get|does (?:it|one|a caller) get|wenn|falls|sobald"
    r"|was (?:bekommt|bekomme|passiert|geschieht)|si|s'il|quand|lorsque|est-ce que|cuando|quando"
    r"|se (?:a|o|as|os|uma?|minha|meu|nossa|nosso|eu|alguém))\b"
    r"|(?:^|[,:;¿])\W{0,3}(?:(?:hi|hello|hey|so|and|but|hallo)\b,? )?(?:(?:is|are|was|were|has|have|did)"
    r" (?:the|my|our|your|a|an|any|somebody|someone|anybody|anyone)\b"
    r"|(?:ist|sind|war|wurden?|hat|haben) (?:der|die|das|mein\w*|unser\w*|ein\w*|jemand)\b"
    r"|(?:está|fue|se ha|ha sido|foi) )"
    r"|-t-(?:elle|il|on)\b|\best-(?:elle|il)\b|もし|如果|要是|假如|是否",
    re.IGNORECASE,
)
"""What makes a question one about a case that is supposed, or whether something happened."""
_SUPPOSED_AFTER = re.compile(r"[ぁ-ん]{0,4}(?:たら|れば|場合|とき|時)|[ぁ-ん]{0,6}か[?。]|[了的]?吗")
"""The same in Japanese and Chinese, directly after a pattern."""
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
            start, end = match.span()
            if not (
                _is_denied(sign, prose, start, end)
                or _is_denied_inside(sign, prose, start, end)
                or _asks_how(prose, start)
                or _only_supposes(prose, start, end)
            ):
                yield told_by(sign, BY_SENTENCE)
                break


def _is_denied(sign: Sign, prose: str, start: int, end: int) -> bool:
    before = prose[max(0, start - 40) : start]
    return (
        (sign in _OF_CHOICE and _ALTERNATIVE.search(before) is not None)
        or (sign not in _SAYS_ITSELF_NOT and _DENIED_BEFORE.search(before) is not None)
        or (_DENIED_AFTER.match(prose[end : end + 40]) is not None)
    )


def _is_denied_inside(sign: Sign, prose: str, start: int, end: int) -> bool:
    """Whether the matched words, or the end of their last verb, deny what they tell."""
    is_denied_after = _JAPANESE_DENIAL.match(prose[end : end + 20]) is not None
    if sign in _OF_NOTHING:
        return is_denied_after or _NOT_EMPTY.search(prose[max(0, start - 12) : end]) is not None
    if sign in _MAY_HOLD_NOT:
        return False
    # "The key does not work, it was deleted" denies something else: only the last clause counts.
    clause = _CLAUSE_ENDS.split(prose[start:end])[-1]
    return is_denied_after or _DENIED_INSIDE.search(clause) is not None


def _asks_how(prose: str, position: int) -> bool:
    """Whether the sentence at this position asks how something is done."""
    start = _start_of_sentence(prose, position)
    return _HOW_TO.match(prose[start:position]) is not None or _HOW_TO.match(prose[start : start + 40]) is not None


def _only_supposes(prose: str, start: int, end: int) -> bool:
    """Whether the sentence asks what would be, or whether something happened, instead of telling it."""
    ending = _SENTENCE_END.search(prose, end)
    if ending is None or not (ending.group() == "?" or prose[: ending.start()].endswith(("か", "吗"))):
        return False
    asked = prose[_start_of_sentence(prose, start) : end]
    return _SUPPOSED.search(asked) is not None or _SUPPOSED_AFTER.match(prose[end : end + 20]) is not None


def _start_of_sentence(prose: str, position: int) -> int:
    return max(prose.rfind(mark, 0, position) for mark in ".!?。！？\n") + 1
