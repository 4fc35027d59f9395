"""
Collects metrics for Prometheus. Each worker reports the metrics of all workers.

With several workers, each writes its metrics into files in a shared folder that `keydesk serve` makes (the Prometheus
library's multiprocess mode). Importing the library takes a tenth of a second, so it is imported only if metrics are
enabled.
"""

import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from app.settings import SettingsError
from assistant.choice import Outcome as Choice
from keys.hashing import HashingPool
from keys.limits.limiter import Limiter
from keys.outcomes import Outcome
from keys.periodic import Periodic
from keys.usage.recorder import UsageRecorder
from models.key_lookup import KeyState
from models.revocations.recorder import RevocationRecorder
from resolvers.sign_in_attempts import Tried

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Gauge

EVERY_SECONDS = 0.5
CODES = tuple(outcome.code for outcome in Outcome)
BUCKETS_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
OfWorkers = Literal["livesum", "livemax", "liveall"]
"""How the running workers' values are combined: their sum, the highest, or each value with its process id."""


class Metrics:
    """
    The metrics of this process.

    The library's counters would take 5 µs for a verification, a tenth of its total cost. So verifications are counted
    in plain integers, which are handed over to the library twice a second and when metrics are requested.
    """

    def __init__(
        self,
        *,
        pools: Sequence[HashingPool],
        limiter: Limiter,
        recorder: UsageRecorder,
        folder: Path | None,
        revocations: RevocationRecorder | None = None,
    ) -> None:
        """`folder` is the folder that several workers share. Raises SettingsError if it does not exist."""
        if folder is not None and not folder.is_dir():
            raise SettingsError(
                "PROMETHEUS_MULTIPROC_DIR: this folder does not exist. Don't set it; `keydesk serve` does."
            )
        from prometheus_client import (  # noqa: PLC0415
            CollectorRegistry,
            Counter,
            Histogram,
            ProcessCollector,
            disable_created_metrics,
        )
        from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

        # The `_created` metrics exist only with a single worker, so they are never reported.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        own = CollectorRegistry(auto_describe=True)
        verifications = Counter("keydesk_verifications", "Verifications answered.", ["outcome"], registry=own)
        self._outcomes = {code: verifications.labels(code) for code in CODES}
        self._answered = dict.fromkeys(CODES, 0)
        self._durations = Histogram(
            "keydesk_verification_duration_seconds",
            "From the request for a verification to its answer.",
            buckets=BUCKETS_SECONDS,
            registry=own,
        )
        self._in_buckets = [0] * (len(BUCKETS_SECONDS) + 1)
        self._seconds = 0.0
        self._requests = Counter("keydesk_http_requests", "Other requests.", ["route", "status"], registry=own)
        sign_ins = Counter("keydesk_sign_ins", "Passwords that were tried.", ["outcome"], registry=own)
        self._sign_ins = {outcome.value: sign_ins.labels(outcome.value) for outcome in Tried}
        choices = Counter(
            "keydesk_assistant_model",
            "Unclear messages for which the assistant's model could be asked.",
            ["outcome"],
            registry=own,
        )
        self._choices = {outcome: choices.labels(outcome.value) for outcome in Choice}
        dropped = Counter("keydesk_ledger_dropped", "Requests that are left out of the ledger.", ["kind"], registry=own)
        self._buffer = recorder.buffer
        self._dropped = {kind: dropped.labels(kind) for kind in self._buffer.dropped}
        self._dropped_before = dict.fromkeys(self._buffer.dropped, 0)
        self._looked_up = _gauges(own, pools, limiter, recorder, revocations)
        self.registry = own
        """The registry whose metrics are reported."""
        if folder is None:
            ProcessCollector(registry=own)
        else:
            self.registry = CollectorRegistry(auto_describe=True)
            MultiProcessCollector(self.registry, str(folder))  # type: ignore[no-untyped-call]

    def answered(
        self, code: str, _key: KeyState | None, _request_id: str, _address: str | None, seconds: float
    ) -> None:
        """Counts a verification. `code` is `good` or the refusal's code; `seconds` is its duration."""
        self._answered[code] += 1
        self._in_buckets[bisect_left(BUCKETS_SECONDS, seconds)] += 1
        self._seconds += seconds

    def count_request(self, route: str, status: int) -> None:
        """Counts a request that is not a verification."""
        self._requests.labels(route, status).inc()

    def count_sign_in(self, outcome: str) -> None:
        """Counts an attempt to sign in."""
        self._sign_ins[outcome].inc()

    def count_choice(self, outcome: Choice) -> None:
        """Counts what became of an unclear message that the assistant's model could be asked about."""
        self._choices[outcome].inc()

    def hand_over(self) -> None:
        """Hands over to the library what was counted since the last time, and the current values of the gauges."""
        for code, number in self._answered.items():
            self._outcomes[code].inc(number)
            self._answered[code] = 0
        # The library's public methods accept only one duration at a time.
        for bucket, number in zip(self._durations._buckets, self._in_buckets, strict=True):
            bucket.inc(number)
        self._durations._sum.inc(self._seconds)
        self._in_buckets, self._seconds = [0] * len(self._in_buckets), 0.0
        for kind, number in self._buffer.dropped.items():
            self._dropped[kind].inc(number - self._dropped_before[kind])
            self._dropped_before[kind] = number
        for tell, value in self._looked_up:
            tell(value())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hands over twice a second while the block runs, and at its end: another worker may be asked."""
        async with Periodic("handing over of metrics", self.hand_over, every_seconds=EVERY_SECONDS).running():
            yield


def _gauges(
    registry: "CollectorRegistry",
    pools: Sequence[HashingPool],
    limiter: Limiter,
    recorder: UsageRecorder,
    revocations: RevocationRecorder | None,
) -> list[tuple[Callable[[float], None], Callable[[], float]]]:
    """Makes the gauges. Returns for each a function that sets it, and a function that reads its current value."""
    from prometheus_client import Gauge  # noqa: PLC0415

    def gauge(name: str, words: str, *labels: str, of_workers: OfWorkers = "livesum") -> "Gauge":
        return Gauge(f"keydesk_{name}", words, labels, registry=registry, multiprocess_mode=of_workers)

    gauge("worker_start_time_seconds", "When the process began, since 1970.", of_workers="liveall").set(time.time())
    depth = gauge("hashing_queue_depth", "Hashes that wait or run.", "pool")
    limit = gauge("hashing_queue_limit", "Hashes that may wait or run; more are refused.", "pool")
    for pool in pools:
        limit.labels(pool.name).set(pool.queue_limit)
    waiting = gauge("limiter_waiting_requests", "Requests that wait to be counted.")
    degraded = gauge("limiter_degraded", "1 while Redis can't be reached.", of_workers="livemax")
    unwritten = gauge("ledger_waiting", "Keys' counts and refused requests that wait to be written.")
    failing = gauge("ledger_degraded", "1 while usage can't be written.", of_workers="livemax")
    unrecorded = gauge("journal_waiting", "Revocations that wait to be written to the revocation journal.")
    no_journal = gauge("journal_degraded", "1 while the revocation journal can't be written.", of_workers="livemax")
    return [
        *((depth.labels(pool.name).set, partial(getattr, pool, "depth")) for pool in pools),
        (waiting.set, lambda: limiter.waiting),
        (degraded.set, lambda: limiter.is_degraded),
        (unwritten.set, lambda: len(recorder.buffer)),
        (failing.set, lambda: recorder.is_degraded),
        (unrecorded.set, lambda: 0 if revocations is None else revocations.waiting),
        (no_journal.set, lambda: revocations is not None and revocations.is_failing),
    ]
