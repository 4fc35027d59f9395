"""The examples of docs/guide/python.md and of the client's README run as they are."""

import sys
from functools import partial
from types import ModuleType
from typing import Any
from unittest.mock import patch

import httpx2
import pytest
from markdown_it import MarkdownIt

import keydesk_client
from keydesk_client.testing import FakeKeydesk
from tests.support.documentation import ROOT

TOKEN = "the-gateway-token"
PAGE = "docs/guide/python.md"


def examples(page: str) -> list[str]:
    """The Python programs of a page."""
    tokens = MarkdownIt("commonmark").parse((ROOT / page).read_text(encoding="utf-8"))
    return [token.content for token in tokens if token.type == "fence" and token.info == "python"]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeKeydesk:
    """A fake Keydesk, which every client that the examples make asks."""
    made = FakeKeydesk(gateway_token=TOKEN)
    monkeypatch.setenv("KEYDESK_URL", "https://keys.example")
    monkeypatch.setenv("KEYDESK_GATEWAY_TOKEN", TOKEN)
    for name in ("AsyncKeydesk", "Keydesk"):
        monkeypatch.setattr(keydesk_client, name, partial(getattr(keydesk_client, name), transport=made.transport))
    return made


def run(example: str) -> dict[str, Any]:
    """Its names. Litestar looks up the module of a handler, so it is there while the example runs."""
    module = ModuleType("example")
    with patch.dict(sys.modules, {"example": module}):
        exec(compile(example, "example.py", "exec", dont_inherit=True), vars(module))
    return vars(module)


@pytest.mark.parametrize(("page", "number"), [(PAGE, 0), (PAGE, 1), (PAGE, 2), ("clients/python/README.md", 0)])
async def test_an_application_of_the_page_is_guarded(fake: FakeKeydesk, page: str, number: int) -> None:
    """Its agent's key passes, another agent's does not, nor none."""
    agent = fake.add_agent()
    key, other = fake.issue_key(agent), fake.issue_key(fake.add_agent())
    app = run(examples(page)[number])["app"]

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="https://api.example") as browser:
        answers = [
            await browser.get(f"/agents/{agent}/reports", headers=headers)
            for headers in ({"X-API-Key": key.secret}, {"X-API-Key": other.secret}, {})
        ]
        nowhere = [
            await browser.get(path, headers={"X-API-Key": fake.issue_key().secret})
            for path in ("/", "/agents", "/x/y/z")
        ]

    assert [answer.status_code for answer in answers] == [200, 403, 401]
    assert answers[0].json() == {"organization": fake.organization_id}
    assert answers[2].json()["code"] == "missing_key"
    assert {answer.status_code for answer in nowhere} <= {403, 404}


@pytest.mark.parametrize(
    ("state", "printed"),
    [
        ("good", "{key} of {organization}\n"),
        ("deleted", "401: This key was deleted.\n"),
        ("down", "503: try again in 5 seconds\n"),
    ],
)
def test_the_plain_program_prints_what_was_found(
    fake: FakeKeydesk, state: str, printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For each of the three kinds of answers."""
    key = fake.issue_key()
    monkeypatch.setenv("API_KEY", key.secret)
    if state == "deleted":
        key.refused_as = "deleted_key"
    elif state == "down":
        fake.go_down()

    run(examples(PAGE)[3])

    assert capsys.readouterr().out == printed.format(key=key.id, organization=fake.organization_id)


def test_the_example_of_a_test_passes() -> None:
    """With a fake of its own."""
    namespace = run(examples(PAGE)[4])

    assert len(namespace["fake"].seen) == 3


def test_every_example_is_run() -> None:
    """By the tests above."""
    assert (len(examples(PAGE)), len(examples("clients/python/README.md"))) == (5, 1)
