"""The refusal log: one line for each refused request of a genuine key, and one per second for all others."""

import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from app.observability import refusal_log
from app.observability.logs import JsonLines
from app.observability.refusal_log import LINES_OF_A_KEY_AT_MOST, RefusalLog
from keys.outcomes import Outcome
from models import Organization
from models.engine.ids import new_id
from models.key_lookup import KeyState
from tests.support.client import Site
from tests.support.keys.issued_keys import altered, until

ORGANIZATION = new_id()
STRANGER = "203.0.113.7"
LOGGER = "keydesk.refusals"


class Said:
    """The lines of the refusal log, as an operator's collector reads them."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The members of each line, without those that every line has."""
        parsed = [json.loads(text) for text in self.texts]
        common = {"at", "level", "logger", "message"}
        assert all(common <= line.keys() and line["level"] == "info" for line in parsed)
        return [{name: value for name, value in line.items() if name not in common} for line in parsed]


class Listening(logging.Handler):
    """Stores each line in the JSON form of the log."""

    def __init__(self, said: Said) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.texts.append(self.format(record))


@pytest.fixture
def said() -> Iterator[Said]:
    """What is logged while the test runs."""
    logger, heard = logging.getLogger(LOGGER), Said()
    handler, level = Listening(heard), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield heard
    logger.removeHandler(handler)
    logger.setLevel(level)


def key(number: int = 1) -> KeyState:
    """A key of the organization."""
    key_id = UUID(int=number).hex
    return KeyState(key_id, ORGANIZATION.hex, None, None, None, False, False, False, 600, 100_000)


def refuse(log: RefusalLog, key: KeyState | None = None, *, code: str = "rate_limited", times: int = 1) -> None:
    """Reports this many refused requests."""
    for _ in range(times):
        log.answered(code, key, "req_1", STRANGER, 0.001)


async def test_each_refusal_of_a_genuine_key_is_a_line(site: Site, said: Said) -> None:
    """The line has the ids of request, key and organization, the reason and the address. Good requests have no line."""
    [issued] = (await site.fill("deploy")).values()
    ada, key_id, old = await site.person("ada"), issued["apiKey"]["id"], issued["secret"]
    of_agent = (await ada.create(site.organization("acme"), "crawl", site.agent("own"))).value

    answers = [await site.verify(of_agent["secret"], **{"x-agent-id": site.agent("other")})]
    new = (await ada.rotate(key_id)).value["secret"]
    answers.append(await site.verify(old))
    assert (await site.verify(new)).status_code == 200
    await ada.delete(key_id)
    answers.append(await site.verify(new))

    common = {"organizationId": site.organization("acme"), "address": "127.0.0.1"}
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert said.lines == [
        {
            "requestId": ids[0],
            "keyId": of_agent["apiKey"]["id"],
            "reason": "agent_not_in_scope",
            **common,
        },
        {"requestId": ids[1], "keyId": key_id, "reason": "replaced_secret", **common},
        {"requestId": ids[2], "keyId": key_id, "reason": "deleted_key", **common},
    ]


@pytest.mark.parametrize("limits", [{"rate_limit": 1}, {"monthly_quota": 1}])
async def test_a_key_over_its_limit_is_a_line(site: Site, said: Said, limits: dict[str, int]) -> None:
    """Both limits have a line."""
    [issued] = (await site.fill("deploy")).values()
    async with site.database.transaction() as session:
        await session.execute(update(Organization).values(**limits))

    answers = [await site.verify(issued["secret"]) for _ in range(2)]

    [line] = said.lines
    assert [answer.status_code for answer in answers] == [200, 429]
    assert line["reason"] == answers[1].json()["code"]
    assert (line["keyId"], line["requestId"]) == (issued["apiKey"]["id"], answers[1].json()["requestId"])


async def test_all_others_are_one_line_a_second_with_their_counts(site: Site, said: Said) -> None:
    """Counts are by reason. Nothing that was sent is logged."""
    [issued] = (await site.fill("deploy")).values()
    http = (await site.browser(**{"user-agent": "a-made-up-agent/1.0"})).http

    for sent in ("", "", "a-made-up-key", altered(issued["secret"])):
        await http.get("/v1/verify/a-made-up-path", headers={"x-api-key": sent})
    await until(lambda: sum(sum(line["refused"].values()) for line in said.lines) == 4)

    counted: dict[str, int] = {}
    for line in said.lines:
        for reason, count in line["refused"].items():
            counted[reason] = counted.get(reason, 0) + count
    assert counted == {"missing_key": 2, "malformed_key": 1, "invalid_key": 1}
    assert "made-up" not in "".join(said.texts)
    assert issued["secret"][3:19] not in "".join(said.texts)


def test_a_second_without_refusals_is_no_line(said: Said) -> None:
    """Seconds without refusals have no line, and counts are not repeated."""
    log = RefusalLog()

    refuse(log, key(), code=Outcome.GOOD.value, times=3)
    log.end_second()
    nothing = list(said.lines)
    refuse(log, code="missing_key", times=2)
    refuse(log, code="gateway_not_allowed")
    for _ in range(3):
        log.end_second()

    assert nothing == []
    assert said.lines == [{"refused": {"missing_key": 2, "gateway_not_allowed": 1}}]


def test_a_key_has_ten_lines_a_second_and_what_was_left_out_is_told_once(said: Said) -> None:
    """The next line of the key has the number left out. Other keys are not affected."""
    log = RefusalLog()

    refuse(log, key(), times=LINES_OF_A_KEY_AT_MOST + 15)
    refuse(log, key(2))
    in_first_second = said.lines
    log.end_second()
    refuse(log, key(), times=2)

    assert LINES_OF_A_KEY_AT_MOST == 10
    assert [line["keyId"][-1] for line in in_first_second] == ["1"] * 10 + ["2"]
    assert [line.get("leftOut") for line in said.lines[11:]] == [15, None]
    assert [line["reason"] for line in said.lines[11:]] == ["rate_limited"] * 2


def test_what_was_left_out_is_told_even_when_nothing_comes_after_it(said: Said) -> None:
    """Without a further refusal, the number has a line of its own a second later."""
    log = RefusalLog()

    refuse(log, key(), times=LINES_OF_A_KEY_AT_MOST + 3)
    log.end_second()
    before = len(said.lines)
    for _ in range(3):
        log.end_second()

    assert before == LINES_OF_A_KEY_AT_MOST
    organization_id = f"org_{ORGANIZATION.hex}"
    assert said.lines[before:] == [{"keyId": f"key_{key().key_id}", "organizationId": organization_id, "leftOut": 3}]


def test_a_flood_from_many_keys_is_bounded(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refusals of keys beyond the limit are counted with the others."""
    monkeypatch.setattr(refusal_log, "KEYS_AT_MOST", 3)
    log = RefusalLog()

    for number in range(5):
        refuse(log, key(number), times=2)
    log.end_second()
    refuse(log, key(4))

    assert [line.get("keyId", "")[-1:] for line in said.lines] == ["0", "0", "1", "1", "2", "2", "", "4"]
    assert said.lines[6] == {"refused": {"rate_limited": 4}}


async def test_what_is_left_at_the_end_is_told(said: Said) -> None:
    """When the server stops, the remaining counts are logged."""
    log = RefusalLog()

    async with log.running():
        refuse(log, key(), times=LINES_OF_A_KEY_AT_MOST + 2)
        refuse(log, code="missing_key")

    assert said.lines[LINES_OF_A_KEY_AT_MOST:] == [
        {"refused": {"missing_key": 1}},
        {"keyId": f"key_{key().key_id}", "organizationId": f"org_{ORGANIZATION.hex}", "leftOut": 2},
    ]
