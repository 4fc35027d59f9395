"""Extracts the features of a message for the classifier: words, parts of words, and concepts."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from assistant.intents.lexicon import TOKENS, concepts

_TOKENS_AT_MOST = 160
_WORD_LENGTH_AT_MOST = 20
_PART_LENGTHS = (3, 4, 5)
_CONCEPTS_AT_MOST = 14


class Features(NamedTuple):
    """
    The features in three blocks.

    All features of a block have the same weight, and all blocks have the same weight, whatever their size.
    """

    words: frozenset[str]
    """Words, and pairs of neighboring words."""
    parts: frozenset[str]
    """Sequences of three to five letters in a word with its boundaries, and of two or three in Chinese or Japanese."""
    concepts: frozenset[str]
    """Concepts, and pairs of concepts in any order."""


def features(text: str) -> Features:
    """Extracts the features of a text in the form that `normalize.folded` makes."""
    tokens = TOKENS.findall(text)[:_TOKENS_AT_MOST]
    found = concepts(tokens)
    return Features(
        frozenset(_words(tokens)), frozenset(_parts(tokens)), frozenset(_pairs(found[:_CONCEPTS_AT_MOST], found))
    )


def _words(tokens: Sequence[str]) -> list[str]:
    words = []
    for token in tokens:
        words += [token] if token.isascii() else [a + b for a, b in pairwise(token)]
    return words + [f"{a} {b}" for a, b in pairwise(tokens) if a.isascii() and b.isascii()]


def _parts(tokens: Sequence[str]) -> list[str]:
    parts = []
    for token in tokens:
        if token.isascii():
            padded = f" {token[:_WORD_LENGTH_AT_MOST]} "
            lengths: Sequence[int] = _PART_LENGTHS
        else:
            padded, lengths = token[:60], (1, 2, 3)
        parts += [padded[start : start + length] for length in lengths for start in range(len(padded) - length + 1)]
    return parts


def _pairs(first: Sequence[str], found: Sequence[str]) -> list[str]:
    unlike = sorted(set(first))
    return list(found) + [f"{a} {b}" for position, a in enumerate(unlike) for b in unlike[position + 1 :]]
