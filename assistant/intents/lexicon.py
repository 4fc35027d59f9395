"""Maps the words of a text to concepts, in seven languages."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from assistant.intents.lexicon_words import WORDS

_SHORTEST_STEM = 3
ABOUT_OTHER_THINGS = "about_other_things"
"""The concept of a text that has no other concept."""
_OURS = frozenset(
    (
        *("key", "secret", "agent", "scope", "role", "admin", "member", "slot", "header", "bearer", "gateway"),
        *("graphql", "limit", "quota", "rate", "history", "request", "unauthorized", "forbidden", "too_many"),
        *("unavailable", "rotate", "delete", "create", "rename", "expire", "duration", "leaked", "lost", "fail"),
        *("stopped", "work", "permission", "allowed", "invalid", "call_with", "docs", "support", "ticket", "person"),
        *("hello", "thanks", "bye", "help", "you", "invite", "sign_in", "mail", "password", "leaver"),
    )
)
_STAND_IN = re.compile(r"(?:pasted|key|agent|other|request)[a-z]{2,7}|[45]\d\d")
_FEWEST_WORDS = 3
TOKENS = re.compile(r"[a-z0-9]+|[\u3040-\u30ff\u3400-\u9fff々ー]+")
"""Matches words of lower-case Latin letters and digits, and runs of Chinese or Japanese characters."""


class _Lexicon(NamedTuple):
    whole: dict[str, tuple[str, ...]]
    stems: dict[str, tuple[str, ...]]
    phrases: dict[str, tuple[tuple[tuple[str, ...], str], ...]]
    written_together: re.Pattern[str]
    together: dict[str, tuple[str, ...]]


@cache
def _lexicon() -> _Lexicon:
    whole: dict[str, tuple[str, ...]] = {}
    stems: dict[str, tuple[str, ...]] = {}
    together: dict[str, tuple[str, ...]] = {}
    phrases: dict[str, tuple[tuple[tuple[str, ...], str], ...]] = {}
    for concept, words in WORDS.items():
        for word in words.split():
            parts = tuple(re.split(r"[_-]", word))
            if not word.isascii():
                together[word.replace("_", "")] = (*together.get(word.replace("_", ""), ()), concept)
            elif len(parts) > 1:
                phrases[parts[0]] = (*phrases.get(parts[0], ()), (parts[1:], concept))
            elif word.endswith("*"):
                stems[word[:-1]] = (*stems.get(word[:-1], ()), concept)
            else:
                whole[word] = (*whole.get(word, ()), concept)
    longest_first = sorted(together, key=lambda word: (-len(word), word))
    return _Lexicon(whole, stems, phrases, re.compile("|".join(map(re.escape, longest_first))), together)


def concepts(tokens: Sequence[str]) -> list[str]:
    """The concepts of these tokens, in the same order. A word may have several concepts."""
    found: list[str] = []
    for position, token in enumerate(tokens):
        found += dict.fromkeys(_concepts_at(tokens, position) if token.isascii() else _written_together(token))
    if len(tokens) >= _FEWEST_WORDS and _OURS.isdisjoint(found) and not any(map(_STAND_IN.fullmatch, tokens)):
        found.append(ABOUT_OTHER_THINGS)
    return found


def _concepts_at(tokens: Sequence[str], position: int) -> Iterator[str]:
    lexicon, token = _lexicon(), tokens[position]
    for rest, concept in lexicon.phrases.get(token, ()):
        following = tokens[position + 1 : position + 1 + len(rest)]
        if len(following) == len(rest) and all(map(_fits, rest, following)):
            yield concept
    yield from lexicon.whole.get(token, ())
    for length in range(min(len(token), 16), _SHORTEST_STEM - 1, -1):
        if token[:length] in lexicon.stems:
            yield from lexicon.stems[token[:length]]
            return


def _fits(part: str, token: str) -> bool:
    return token.startswith(part[:-1]) if part.endswith("*") else token == part


def _written_together(run: str) -> Iterator[str]:
    lexicon = _lexicon()
    for match in lexicon.written_together.finditer(run):
        yield from lexicon.together[match[0]]
