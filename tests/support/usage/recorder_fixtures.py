"""Verdicts for usage recorders, and a usage store that fails when a test wants it to."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from keys.limits.limiter import Decision, Exceeded
from keys.limits.sliding_window import LimitStatus, Month, month_of, to_ms
from keys.outcomes import Outcome
from keys.usage.buffer import Sender
from keys.usage.recorder import UsageRecorder
from keys.verification.verdict import RequestedAgent, Verdict
from models.engine.ids import new_id
from models.key_lookup import DatabaseUnavailable, KeyState
from models.usage.store import Batch, MonthUsed, UsageStore
from tests.conftest import Clock

KEY, OTHER = (f"{number:032x}" for number in (1, 2))
CURL = Sender("203.0.113.7", b"curl/8.5.0")
NOBODY = RequestedAgent()
MANY = 1_000_000
FIRST_OF_NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)


class Unreliable:
    """A store in front of another one. It fails when the test wants it to, and counts its calls by method."""

    def __init__(self, store: UsageStore) -> None:
        self._store = store
        self.failure: Exception | None = None
        self.asked: Counter[str] = Counter()

    async def write(self, batch: Batch) -> dict[str, int]:
        self._ask("write")
        return await self._store.write(batch)

    async def month_used(self, key_ids: Sequence[str], month: int) -> MonthUsed:
        self._ask("month_used")
        return await self._store.month_used(key_ids, month)

    async def has_company(self) -> bool:
        self._ask("has_company")
        return await self._store.has_company()

    async def close(self) -> None:
        await self._store.close()

    def _ask(self, what: str) -> None:
        self.asked[what] += 1
        if self.failure is not None:
            raise self.failure


def unavailable() -> DatabaseUnavailable:
    error = DatabaseUnavailable()
    error.__cause__ = ConnectionRefusedError("the password is hunter2")
    return error


def state(key_id: str) -> KeyState:
    return KeyState(key_id, new_id().hex, None, None, None, False, False, True, 600, MANY)


def decided(at: datetime, exceeded: Exceeded | None = None) -> Decision:
    return Decision(exceeded, LimitStatus(1, 0, 1, month_of(to_ms(at)), to_ms(at)))


def passed(at: datetime, key_id: str = KEY, *, by_previous_secret: bool = False) -> Verdict:
    return Verdict(Outcome.GOOD, "good", state(key_id), decision=decided(at), by_previous_secret=by_previous_secret)


def refused(outcome: Outcome, key_id: str | None = KEY, decision: Decision | None = None) -> Verdict:
    return Verdict(outcome, "for a reason", None if key_id is None else state(key_id), decision=decision)


def note(
    recorder: UsageRecorder, verdict: Verdict, *, times: int = 1, sender: Sender = CURL, wanted: RequestedAgent = NOBODY
) -> list[str]:
    """Records the verdict this many times, and returns the ids of the requests."""
    ids = [new_id().hex for _ in range(times)]
    for request_id in ids:
        recorder.record(verdict, request_id, sender, wanted)
    return ids


def november(clock: Clock) -> Month:
    return month_of(to_ms(clock.now))


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The logged messages, without the duration of an outage."""
    logged = [record.getMessage() for record in caplog.records if record.name == "keydesk.ledger"]
    return [re.sub(r"after \d+\.\d s", "after … s", message) for message in logged]
