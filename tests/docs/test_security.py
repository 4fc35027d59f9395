"""docs/security.md names the tests of each promise, and says how to report a vulnerability."""

import re

from assistant.facts.documents import read_pages
from tests.support.documentation import ROOT, rows, sections

PAGE = ROOT / "docs" / "security.md"
NAMED = re.compile(r"`((?:\w+/)*test_\w+)`")


def promises() -> list[list[str]]:
    """The rows of every table: a promise, and its tests."""
    return [row for section in sections("docs/security.md").values() for row in rows(section)]


def test_every_module_that_the_page_names_is_there_and_has_tests() -> None:
    """After a test module is renamed, the page names its new path."""
    names = NAMED.findall(PAGE.read_text(encoding="utf-8"))

    assert len(names) > 30
    for name in names:
        module = ROOT / "tests" / f"{name}.py"
        assert module.is_file(), name
        assert re.search(r"^(?:async )?def test_", module.read_text(encoding="utf-8"), re.MULTILINE), name


def test_every_promise_is_tested() -> None:
    """Each row names at least one module."""
    assert len(promises()) > 20
    assert [row[0] for row in promises() if not NAMED.search(row[1])] == []


def test_the_page_is_served_and_leads_to_the_maintainers() -> None:
    """It is in the table of contents, and both files say that a report is private."""
    assert "/docs/security" in read_pages(ROOT / "docs")
    for text in (PAGE.read_text(encoding="utf-8"), (ROOT / "SECURITY.md").read_text(encoding="utf-8")):
        assert "## Report a hole" in text
        assert "privately" in text
