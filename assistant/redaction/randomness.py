"""Finds random letters and digits in what people write, and distinguishes them from words, ids and public data."""

import re
from collections.abc import Iterator, Sequence

from assistant.redaction.decoding import View
from assistant.redaction.finding import MARKERS, Found, Kind
from keys.randomness import CAMEL_CASE, HEXADECIMAL, looks_random

_RUN = re.compile(r"[0-9A-Za-z]++")
_WORD = re.compile(r"(?:[a-z]*(?:[A-Z][a-z]{2,})*[A-Z]?|[A-Z]+[a-z]?)\d{0,4}|\d+")
_VOWEL = re.compile(r"[aeiouy]", re.IGNORECASE)
_SENTENCE_WORD = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{3,5}|\d{3}")
_IDS = re.compile(
    r"(?:key|org|agt|usr|evt)_[0-9a-fA-F]{32}(?![0-9A-Za-z_])|req_[0-9A-Za-z]{8,36}(?![0-9A-Za-z_])"
    r"|(?<![0-9A-Za-z_])01[0-9A-HJKMNP-TV-Z]{24}(?![0-9A-Za-z_])"
)
"""Keydesk's ids, request ids of other services, and ULIDs of this century. They are not secret."""
_BREAK = r"(?:\s|\\[nr])+"
_BODY = (
    rf"[0-9A-Za-z+/]++(?:{_BREAK}[0-9A-Za-z+/]{{40,}}+)*+"
    rf"(?:{_BREAK}[0-9A-Za-z+/]{{1,80}}(?=={{1,2}}|\s{{0,2}}-----))?"
)
"""Base64 in lines, the last of which may be short, up to the first other word."""
_PUBLIC = re.compile(
    r"-----BEGIN (?:TRUSTED )?(?:CERTIFICATE|PUBLIC KEY|RSA PUBLIC KEY|PGP PUBLIC KEY BLOCK)[^-]{0,20}-----"
    rf"(?:\s|\\[nr])*{_BODY}"
    r"|(?:ssh-(?:rsa|ed25519)|ecdsa-sha2-\w{1,20}) [0-9A-Za-z+/]{16,}"
    r"|(?:MI[0-9A-Za-z+/]{2,12}BgkqhkiG9w0BAQEFAAOC|MIGfMA0GCSqGSIb3DQEBAQUAA4GN|MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"
    rf"|MCowBQYDK2VwAyEA){_BODY}"
    rf"|\bdata:(?:image|font|audio|video)/[\w.+-]{{1,40}};base64,{_BODY}"
    r"|sha(?:256|384|512)-[0-9A-Za-z+/]{40,}|(?:SHA256:|sha256//|\bh1:)[0-9A-Za-z+/]{43}(?![0-9A-Za-z+/])"
)
"""Texts that look random but are public: certificates, public keys, images, and digests."""
_REQUEST_ID = re.compile(
    r"(?i:(?:request|trace|correlation|cf|span)[-_ ]?id[\"']?\s{0,3}[:=]\s{0,3}[\"']?)"
    r"[0-9A-Za-z+/=._-]{8,64}(?![0-9A-Za-z])"
)
"""Request ids of other services, with the name before them. They only identify a request."""
SURELY_PROSE, LIKELY_PROSE = 12, 8
"""
Letters in a row of words that random characters form only once in 30,000 times.

LIKELY_PROSE applies if one of the words is a common one, which is just as rare.
"""

COMMON_WORDS = frozenset(
    """
    a about after again all also always am an and any api app are as at back bad be been before but by call
    called calls can cannot cant code copied copy correct could curl did do does doesnt dont else env error
    every expired failed fails file find fine first for from get gets getting give good got had has have header
    help here hi how http https i if in is isnt it its json just key keys know last like line log made make me
    mine missing more my need new no none not nothing now of off ok old on one only or our out paste pasted
    please request right rotate same say says see seems send sent server set should since so some still stopped
    such text than thank thanks that the their then there these they thing this time to today token too tried
    true try up us use used user using valid value want was way we were what when where which who why will with
    without work worked working works wrong yes yesterday yet you your aber als auch auf das dem den der die ein
    eine er es geht ich im ist kein mein mit nicht noch oder seit sie um und von warum wie wir zu ai au avec ce
    ces dans de des du elle en est et il je la le les ma mais mon ne ou par pas plus pour que qui sur un une al
    como con del el esta las lo los mi para pero por se si su una y ya ao com da e em foi meu na nao nos o os
    sem uma
    """.split()  # noqa: SIM905 - a list is a page long
)
"""Common words of several languages, which may follow a key that was cut short."""


def random_runs(view: View) -> Iterator[Found]:
    """Yields runs of letters and digits that look random, unless they are ids or public data."""
    innocent = [match.span() for pattern in (_IDS, _PUBLIC, _REQUEST_ID) for match in pattern.finditer(view.text)]
    for run in _RUN.finditer(view.text):
        if looks_random(run[0]) and not any(start <= run.start() < end for start, end in innocent):
            yield Found(*view.span(*run.span()), Kind.SECRET, MARKERS[Kind.SECRET])


def public_places(view: View) -> list[tuple[int, int]]:
    """The positions of public data that looks random. What is decoded from it is not a secret either."""
    return [view.span(*match.span()) for match in _PUBLIC.finditer(view.text)]


def looks_made_up(run: str) -> bool:
    """Whether a short run looks generated: at least 6 characters, not a word, CamelCase, a number or hexadecimal."""
    return len(run) >= 6 and not any(form.fullmatch(run) for form in (_WORD, CAMEL_CASE, HEXADECIMAL))


def is_hexadecimal(run: str) -> bool:
    """Whether a run is part of a digest or an id: a part of a key would hardly have only hexadecimal digits."""
    return len(run) >= 7 and HEXADECIMAL.fullmatch(run) is not None


def is_prose(word: str) -> bool:
    """Whether a run could be a word or a status code in a sentence."""
    if _is_common(word):
        return True
    if _SENTENCE_WORD.fullmatch(word) is None:
        return False
    return word.isdigit() or (len(word) >= 3 and _VOWEL.search(word) is not None)


def reads_as_prose(words: Sequence[str]) -> bool:
    """Whether these runs are words of a sentence, and not the rest of a key that has spaces in it."""
    length, common = sum(map(len, words)), sum(map(_is_common, words))
    if common == len(words):
        return length > max(2, len(words))
    return length >= (LIKELY_PROSE if common else SURELY_PROSE) and all(map(is_prose, words))


def _is_common(word: str) -> bool:
    return word.lower() in COMMON_WORDS and (word.islower() or word.istitle() or len(word) > 2)
