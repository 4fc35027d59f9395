"""The guides, the messages and the console use none of the words that docs/glossary.md bans."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documentation import ROOT, rows, sections

LAST_SECTION = "Words that are not used"
BANNED = re.compile(
    r"\b(?:"
    + "|".join(
        re.escape(word.strip()).replace(r"\ ", r"\s+")
        for row in rows(sections("docs/glossary.md")[LAST_SECTION])
        for word in row[0].split(",")
    )
    + r")s?\b",
    re.IGNORECASE,
)
PAGES = ["README.md", *(f"docs/{name}.md" for name in ("README", "cli", "errors", "glossary", "security"))]
GUIDES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs" / "guide").glob("*.md"))
LAYERS = ("app", "schema", "resolvers", "assistant", "keys", "models")
WORDS_OF_OTHERS = {"intents", "redaction"}
"""Folders of the assistant with the words of people's messages."""
IN_MARKDOWN_NOT_PROSE = re.compile(r"^```.*?^```|`[^`\n]*`|^ {4}.*?$|\]\([^)]*\)", re.MULTILINE | re.DOTALL)
SCRIPT_COMMENT = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*", re.DOTALL)


def test_the_glossary_bans_words() -> None:
    """A table that is not found would ban nothing."""
    assert BANNED.search("The tenants log in.") is not None
    assert BANNED.search("The people of an organization sign in.") is None


@pytest.mark.parametrize("name", PAGES + GUIDES)
def test_a_page_uses_no_banned_word(name: str) -> None:
    """Code, addresses and the table of banned words are left out."""
    text = (ROOT / name).read_text(encoding="utf-8").partition(f"## {LAST_SECTION}")[0]

    assert BANNED.findall(IN_MARKDOWN_NOT_PROSE.sub(" ", text)) == []


@pytest.mark.parametrize("layer", LAYERS)
def test_no_message_uses_a_banned_word(layer: str) -> None:
    """Messages are strings of three words or more; docstrings are for programmers."""
    paths = sorted(path for path in (ROOT / layer).rglob("*.py") if not WORDS_OF_OTHERS & set(path.parts))

    assert paths
    assert [f"{path}: {text}" for path in paths for text in messages(path) if BANNED.search(text)] == []


def test_the_console_uses_no_banned_word() -> None:
    """The source without comments is checked, so that every text of every component is included."""
    paths = sorted(path for path in (ROOT / "console" / "src").rglob("*.ts*") if "graphql-env" not in path.name)

    assert len(paths) > 20
    found = {str(path.relative_to(ROOT)): BANNED.findall(script_of(path)) for path in paths}
    assert {name: words for name, words in found.items() if words} == {}


def script_of(path: Path) -> str:
    """A source file of the console without its comments."""
    return SCRIPT_COMMENT.sub(" ", path.read_text(encoding="utf-8"))


def messages(path: Path) -> Iterator[str]:
    """The string literals of a module that read as sentences, with the parts of an f-string joined."""
    yield from (text for text in strings(ast.parse(path.read_text(encoding="utf-8"))) if len(text.split()) >= 3)


def strings(node: ast.AST) -> Iterator[str]:
    """Every string literal below a node except docstrings."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in child.values)
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value
        elif not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
            yield from strings(child)
