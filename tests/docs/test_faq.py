"""docs/guide/faq.md and what it sends to: commands and statements run, and answers are quoted as callers get them."""

import base64
import re
import subprocess
from uuid import uuid4

import pytest
from sqlalchemy import text

from models.usage.caller import Caller
from models.usage.refused_request import RefusedRequest
from tests.conftest import Clock
from tests.support.client import NOBODY, Site
from tests.support.documentation import ROOT, text_of

PAGE = "docs/guide/faq.md"
QUESTIONS = dict(
    re.findall(r"^### ([^\n]+)\n\n(.+?)(?=^##|\Z)", (ROOT / PAGE).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
)
ERASING = (ROOT / "docs/guide/operating.md").read_text(encoding="utf-8").partition("### Erasing somebody's data")[2]
STATEMENTS = re.findall(r"^```sql\n(.*?)^```$", ERASING.partition("\n## ")[0], re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_has_an_answer_that_leads_on(question: str) -> None:
    """A heading is a question, and its answer links to a page with the rest."""
    assert question.endswith("?")
    assert re.search(r"\]\([^)]+\.md", QUESTIONS[question])


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ('Bearer "{key}"', "There are quotes or brackets around the key."),
        ("Bearer {base64}", "The key is encoded in base64."),
        ("Bearer {{{{key}}}}", "A placeholder was sent instead of the key."),
    ],
)
async def test_an_answer_is_quoted_as_the_caller_gets_it(site: Site, header: str, said: str) -> None:
    """The page quotes the first sentence of `detail`."""
    key = (await site.fill("shop"))["shop"]["secret"]
    sent = header.format(key=key, base64=base64.b64encode(f"{key}\n".encode()).decode())

    answer = (await site.verify(key, authorization=sent)).json()

    assert (answer["code"], answer["detail"].startswith(said)) == ("malformed_key", True)
    assert f"*{said}*" in text_of(PAGE)


async def test_the_name_of_a_variable_is_recognized_for_both_shells_of_windows(site: Site) -> None:
    """The page promises an answer that says so."""
    details = [
        (await site.verify("", authorization=f"Bearer {name}")).json()["detail"] for name in ("%KEY%", "$env:KEY")
    ]

    assert [detail.partition(".")[0] for detail in details] == [
        "The name of a variable was sent instead of its value"
    ] * 2


async def test_a_name_with_underscores_is_not_read(site: Site) -> None:
    """So a caller that sends it gets `missing_key`, as the page says, and the right name works."""
    key = (await site.fill("shop"))["shop"]["secret"]
    http = (await site.person(NOBODY)).http

    wrong = await http.get("/v1/verify", headers={"x_api_key": key})
    right = await http.get("/v1/verify", headers={"x-api-key": key})

    assert (wrong.json()["code"], right.status_code) == ("missing_key", 200)


async def test_a_refusal_over_a_limit_has_the_fields_of_the_example(site: Site) -> None:
    """The example has these fields, and the caller gets each of them."""
    key = (await site.fill("shop"))["shop"]["secret"]
    async with site.database.transaction() as session:
        await session.execute(text("UPDATE organizations SET rate_limit = 1"))
    await site.verify(key)

    refused = await site.verify(key)

    assert refused.status_code == 429
    fields = re.findall(r"^    ([a-z-]+): ", QUESTIONS["What does a caller see at 429?"], re.MULTILINE)
    assert len(fields) == 4
    assert [name for name in fields if name not in refused.headers] == []


def test_the_command_for_base64_adds_no_newline() -> None:
    """What it prints is the base64 text of the key and nothing else."""
    (command,) = re.findall(r"^```sh\n(.*?)^```$", (ROOT / PAGE).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)

    done = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, check=True, env={"KEY": "kd_1", "PATH": "/bin:/usr/bin"}
    )

    assert base64.b64decode(done.stdout) == b"kd_1"


async def test_the_statements_erase_an_address(site: Site, clock: Clock) -> None:
    """The rows with the address are deleted, and those with another stay."""
    async with site.database.transaction() as session:
        for address in ("203.0.113.7", "203.0.113.8"):
            session.add(
                Caller(
                    key_id=uuid4(),
                    ip_address=address,
                    user_agent="curl",
                    first_seen_at=clock(),
                    last_seen_at=clock(),
                    requests=1,
                )
            )
            session.add(RefusedRequest(request_id=uuid4(), reason="missing_key", at=clock(), ip_address=address))

    await run(site, STATEMENTS[0])

    async with site.database.reading() as session:
        for table in ("callers", "refused_requests"):
            left = (await session.execute(text(f"SELECT ip_address FROM {table}"))).scalars().all()
            assert list(left) == ["203.0.113.8"]


async def test_the_statements_erase_a_person(site: Site) -> None:
    """Name and e-mail address are gone from the row; the others stay."""
    await run(site, STATEMENTS[1])

    async with site.database.reading() as session:
        rows = (await session.execute(text("SELECT email, name, password_hash FROM people"))).all()
    assert [row for row in rows if "grace" in str(row).lower()] == []
    assert ("former-1@example.invalid", "Former member", None) in [tuple(row) for row in rows]
    assert len(rows) > 1


async def run(site: Site, statements: str) -> None:
    """Runs the statements of a block, one after the other, in one transaction."""
    async with site.database.transaction() as session:
        for statement in statements.split(";"):
            if statement.strip():
                await session.execute(text(statement))
