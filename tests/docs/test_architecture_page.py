"""docs/architecture.md names only files and folders that exist, and has every folder of the code."""

import re
from pathlib import Path

import pytest

from tests.support.documentation import ROOT, rows, sections

PAGE = "docs/architecture.md"
LAYERS = ("app", "schema", "resolvers", "assistant", "keys", "models")
NAMED = re.compile(r"`((?:\.?\w[\w.-]*/)+[\w.-]*)`")


def test_every_path_that_the_page_names_exists() -> None:
    """A file that moves is renamed on the page, too."""
    paths = NAMED.findall((ROOT / PAGE).read_text(encoding="utf-8"))

    assert len(paths) > 100
    assert sorted({path for path in paths if not (ROOT / path).exists()}) == []


def test_every_folder_of_the_code_has_its_row() -> None:
    """The rows are exactly the folders of the checkout."""
    described = [row[0].strip("`") for row in rows(sections(PAGE)["Folders"])]

    folders = {str(path.parent.relative_to(ROOT)) for layer in LAYERS for path in (ROOT / layer).rglob("*.py")}
    assert sorted(described) == sorted(folders)


def test_every_folder_of_tests_is_on_the_map() -> None:
    """A reader can look up where a test belongs."""
    named = set(re.findall(r"`(tests/[\w/]+)`", sections(PAGE)["The tests"]))
    end_to_end = {f"tests/end_to_end/{path.name}" for path in folders_in("tests/end_to_end")}
    with_npm = {"tests/graphql_http_audit", "tests/openid_provider"}
    others = {f"tests/{path.name}" for path in folders_in("tests")} - {"tests/end_to_end", *with_npm}

    assert sorted((end_to_end | others) - named) == []


def folders_in(name: str) -> list[Path]:
    """The folders that contain more than Python's caches."""
    return [path for path in (ROOT / name).iterdir() if path.is_dir() and not path.name.startswith(("__", "."))]


LINK = re.compile(r"\]\(([^)#\s]+\.md)(?:#[^)]*)?\)")


def test_every_page_can_be_reached_from_the_readme() -> None:
    """Every page in docs/ is linked from a page that is linked itself."""
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.is_file():
            reached.add(page)
            waiting += [(page.parent / to).resolve() for to in LINK.findall(page.read_text(encoding="utf-8"))]

    assert sorted(str(page) for page in {*(ROOT / "docs").rglob("*.md")} - reached) == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_the_index_names_every_page_beside_it(page: Path) -> None:
    """By a link if the server serves the page, by its path if only the checkout has it."""
    contents = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")

    assert page.name == "README.md" or f"({page.name})" in contents or f"`docs/{page.name}`" in contents
