"""
Writes the refusal log: a line for each refused request with a genuine key, and one line a second for all others.

The lines contain only ids, reasons and addresses, never any text that the caller sent.
"""

import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from keys.outcomes import Outcome
from keys.periodic import Periodic
from models.engine.ids import Prefix
from models.key_lookup import KeyState

logger = logging.getLogger("keydesk.refusals")

EVERY_SECONDS = 1.0
LINES_OF_A_KEY_AT_MOST = 10
"""The most lines for one key in a second."""
KEYS_AT_MOST = 10_000
"""The most keys that have lines of their own in a second; requests of further keys are counted with the others."""
GOOD = Outcome.GOOD.code


class _Recent:
    """A key's lines in the current second, and the ones that were left out and not reported yet."""

    __slots__ = ("left_out", "lines", "organization_id")

    def __init__(self, organization_id: str) -> None:
        self.organization_id = organization_id
        self.lines = 0
        self.left_out = 0


class RefusalLog:
    """Writes at most ten lines a second for each key. A key's next line says how many were left out before it."""

    def __init__(self) -> None:
        self._keys: dict[str, _Recent] = {}
        self._others: Counter[str] = Counter()

    def answered(self, code: str, key: KeyState | None, request_id: str, address: str | None, _seconds: float) -> None:
        """Logs or counts a verification. `code` is `good` or the refusal's code."""
        if code == GOOD:
            return
        recent = None if key is None else self._recent(key)
        if recent is None or key is None:
            self._others[code] += 1
        elif recent.lines < LINES_OF_A_KEY_AT_MOST:
            recent.lines += 1
            ids = _ids(key.key_id, key.organization_id)
            facts = {"requestId": request_id, **ids, "reason": code, "address": address}
            _write(f"refused {code}", facts, recent)
        else:
            recent.left_out += 1

    def end_second(self) -> None:
        """Logs the requests without a genuine key, and those that were left out and not reported in this second."""
        untold = {key_id: recent for key_id, recent in self._keys.items() if recent.left_out}
        for key_id, recent in untold.items():
            if not recent.lines:
                _write("refused", _ids(key_id, recent.organization_id), recent)
            recent.lines = 0
        self._keys = {key_id: recent for key_id, recent in untold.items() if recent.left_out}
        if self._others:
            others, self._others = self._others, Counter()
            words = ", ".join(f"{count} {reason}" for reason, count in others.most_common())
            logger.info("other refused requests: %s", words, extra={"facts": {"refused": dict(others)}})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ends each second while the block runs, and the last one with it."""
        try:
            async with Periodic("log of refusals", self.end_second, every_seconds=EVERY_SECONDS).running():
                yield
        finally:
            self.end_second()  # lines that were left out in the last second are reported at the end of the next

    def _recent(self, key: KeyState) -> _Recent | None:
        """The key's entry, or None if there is no room for one more key."""
        recent = self._keys.get(key.key_id)
        if recent is None and len(self._keys) < KEYS_AT_MOST:
            recent = self._keys[key.key_id] = _Recent(key.organization_id)
        return recent


def _ids(key_id: str, organization_id: str) -> dict[str, str | None]:
    return {
        "keyId": f"{Prefix.API_KEY}_{key_id}",
        "organizationId": f"{Prefix.ORGANIZATION}_{organization_id}",
    }


def _write(said: str, facts: dict[str, str | None], recent: _Recent) -> None:
    """Writes a line, which also says how many lines were left out before it."""
    left_out, recent.left_out = recent.left_out, 0
    more = f", and {left_out} more before" if left_out else ""
    counted = {"leftOut": left_out} if left_out else {}
    logger.info("%s %s%s", said, facts["keyId"], more, extra={"facts": {**facts, **counted}})
