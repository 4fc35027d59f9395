"""Every page of the documentation has the date of its last change, and the date is right."""

import os
import subprocess
from datetime import UTC, date, datetime, timedelta

import pytest

from assistant.facts.documents import read_pages
from tests.support.documentation import ROOT


def git(*arguments: str) -> str | None:
    """The output of git in this checkout, in UTC; None without git, or without the whole history."""
    command = ["git", "-C", str(ROOT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "TZ": "UTC"})
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def test_every_page_says_when_it_was_last_changed() -> None:
    """The date is in the last line of each served file, in one form."""
    undated = [page.source for page in read_pages(ROOT / "docs").values() if page.updated is None]

    assert undated == []


@pytest.mark.skipif(git("rev-parse", "--is-shallow-repository") != "false", reason="the history of changes is not here")
def test_the_date_on_a_page_is_that_of_its_last_change() -> None:
    """The date is neither before the page's last change nor in the future; a commit may be a day later."""
    newest = git("log", "-1", "--format=%ad", "--date=format-local:%Y-%m-%d")
    at_most = max(datetime.now(UTC).date(), date.fromisoformat(newest or "0001-01-01"))

    wrong = []
    for page in read_pages(ROOT / "docs").values():
        changed = git("log", "-1", "--format=%ad", "--date=format-local:%Y-%m-%d", "--", f"docs/{page.source}")
        if page.updated is None or not changed:
            continue
        if not date.fromisoformat(changed) - timedelta(days=1) <= page.updated <= at_most:
            wrong.append(f"{page.source} says {page.updated} and was changed on {changed}")
    assert wrong == []
