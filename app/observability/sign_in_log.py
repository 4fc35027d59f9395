"""
Writes failed sign-ins to the log, for operators and programs such as fail2ban, and counts every sign-in.

A line never contains what was typed, because people type passwords into the wrong field. It identifies the account by
the person's id if somebody has the e-mail address, and otherwise by a short digest with the server key, so that
attempts for the same address can be recognized.
"""

import ipaddress
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from app.observability.paced_log import Paced, more_words
from keys.periodic import Periodic
from keys.sign_in.throttle import WINDOW, Limit, counted_address
from models.engine.ids import Prefix, external_id
from resolvers.sign_in_attempts import PasswordTry, Tried

logger = logging.getLogger("keydesk.sign_in")

EVERY_SECONDS = 60.0
LINES_OF_AN_ADDRESS = 10
LINES_IN_ALL = 200
"""The most lines in a minute, in each process."""
DIGEST_LENGTH = 12
_WORDS = {
    Tried.WRONG: "wrong password or address",
    Tried.THROTTLED: "too many wrong passwords",
}
_LOCKED = {
    Limit.ACCOUNT_AND_ADDRESS: "this account is locked for this address",
    Limit.ADDRESS: "this address is locked for every account that it has not signed in to before",
    Limit.ACCOUNT: "this account is locked on every device that it has not signed in on before",
    Limit.DEVICE: "this account is locked on this device",
}


class SignInLog:
    """Logs failed attempts to sign in, and counts all attempts."""

    def __init__(self, count: Callable[[str], None] | None = None) -> None:
        """`count` is called with the outcome of each attempt."""
        self._count = count
        self._paced = Paced(of_a_kind=LINES_OF_AN_ADDRESS, in_all=LINES_IN_ALL, every_seconds=EVERY_SECONDS)
        self._outcomes: Counter[Tried] = Counter()

    def tried(self, tried: PasswordTry) -> None:
        """Counts an attempt, and logs it if it failed and there were not too many lines in this minute."""
        self._outcomes[tried.outcome] += 1
        if self._count is not None:
            self._count(tried.outcome.value)
        if tried.outcome not in _WORDS:
            return
        left_out = self._paced.admits(counted_address(tried.address))
        if left_out is not None:
            _write(tried, left_out)

    def end_minute(self) -> None:
        """Logs how many failures of the last minute had no line of their own."""
        outcomes, self._outcomes = self._outcomes, Counter()
        left_out = self._paced.take_left_out()
        if left_out:
            numbers = {outcome.value: outcomes[outcome] for outcome in Tried if outcomes[outcome]}
            words = ", ".join(f"{number} {outcome}" for outcome, number in numbers.items())
            logger.warning(
                "%s failed sign-ins were not logged separately; all sign-ins of the last minute: %s",
                left_out,
                words or "none",
                extra={"facts": {"leftOut": left_out, "signIns": numbers}},
            )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ends each minute while the block runs, and the last one with it."""
        async with Periodic("log of sign-ins", self.end_minute, every_seconds=EVERY_SECONDS).running():
            yield


def _write(tried: PasswordTry, left_out: int) -> None:
    account = tried.account[:DIGEST_LENGTH]
    person = None if tried.person_id is None else external_id(Prefix.PERSON, tried.person_id)
    facts = {
        "address": tried.address,
        "reason": tried.outcome.value,
        "userId": person,
        "account": account,
        **({"limit": tried.limit.value} if tried.limit is not None else {}),
        **({"leftOut": left_out} if left_out else {}),
    }
    logger.warning(
        "%s from %s for %s: %s%s%s",
        "failed change of a password" if tried.is_change else "failed sign-in",
        tried.address or "an unknown address",
        person or f"account {account}",
        _WORDS[tried.outcome],
        _locked_words(tried),
        more_words(left_out),
        extra={"facts": facts},
    )


def _locked_words(tried: PasswordTry) -> str:
    if tried.limit is None:
        return ""
    said = f"; {_LOCKED[tried.limit]}, for {int(WINDOW.total_seconds() / 60)} minutes at most"
    if tried.limit is Limit.ADDRESS and _may_be_a_proxy(tried.address):
        said += (
            ". If this is the address of your own proxy, everybody behind it is locked out together: add it to "
            "KEYDESK_TRUSTED_PROXIES, and then run: keydesk sign-in unlock --address "
            f"{tried.address}"
        )
    return said


def _may_be_a_proxy(address: str | None) -> bool:
    return address is not None and ipaddress.ip_address(address).is_private
