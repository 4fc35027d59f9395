"""docs/architecture.md names files and folders that exist, and leaves out no folder of the code."""

import re
from pathlib import Path

import pytest

from tests.support.documentation import ROOT, rows, sections

PAGE = "docs/architecture.md"
LAYERS = ("app", "schema", "resolvers", "assistant", "keys", "models")
NAMED = re.compile(r"`((?:\.?\w[\w.-]*/)+[\w.-]*)`")


def test_every_path_that_the_page_names_exists() -> None:
    """A file that is moved or renamed takes its place on the page along."""
    paths = NAMED.findall((ROOT / PAGE).read_text(encoding="utf-8"))

    assert len(paths) > 100
    assert sorted({path for path in paths if not (ROOT / path).exists()}) == []


def test_every_folder_of_the_code_has_its_row() -> None:
    """The folders are those of the checkout: none too many, none left out."""
    described = [row[0].strip("`") for row in rows(sections(PAGE)["Folders"])]

    folders = {str(path.parent.relative_to(ROOT)) for layer in LAYERS for path in (ROOT / layer).rglob("*.py")}
    assert sorted(described) == sorted(folders)


def test_every_folder_of_tests_is_on_the_map() -> None:
    """So that nobody has to guess where a test belongs."""
    named = set(re.findall(r"`(tests/[\w/]+)`", sections(PAGE)["The tests"]))
    end_to_end = {f"tests/end_to_end/{path.name}" for path in folders_in("tests/end_to_end")}
    others = {f"tests/{path.name}" for path in folders_in("tests")} - {"tests/end_to_end", "tests/graphql_http_audit"}

    assert sorted((end_to_end | others) - named) == []


def folders_in(name: str) -> list[Path]:
    """Those that hold anything but what Python left there."""
    return [path for path in (ROOT / name).iterdir() if path.is_dir() and not path.name.startswith(("__", "."))]


LINK = re.compile(r"\]\(([^)#\s]+\.md)(?:#[^)]*)?\)")


def test_every_page_can_be_reached_from_the_readme() -> None:
    """Nothing in docs/ is left without a link from a page that itself is linked."""
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.is_file():
            reached.add(page)
            waiting += [(page.parent / to).resolve() for to in LINK.findall(page.read_text(encoding="utf-8"))]

    assert sorted(str(page) for page in {*(ROOT / "docs").rglob("*.md")} - reached) == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_the_index_names_every_page_beside_it(page: Path) -> None:
    """By a link where the server serves it, and by its path where it is for those who have the source."""
    contents = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")

    assert page.name == "README.md" or f"({page.name})" in contents or f"`docs/{page.name}`" in contents
