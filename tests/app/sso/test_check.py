"""`keydesk sso check` and `keydesk doctor`: the provider's documents, keys and clock."""

from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime

import pytest

from app.settings import read_settings
from app.sso.check import provider_findings
from tests.conftest import Clock
from tests.support.sso.provider import Provider, as_json
from tests.support.sso.site import provider

__all__ = ["provider"]


async def findings(provider: Provider, clock: Clock, **more: str) -> list[tuple[bool, str]]:
    settings = read_settings({**provider.environment, **more})
    return [(each.is_ok, each.detail) for each in await provider_findings(settings, clock=clock)]


async def test_a_provider_that_works_is_said_to(provider: Provider, clock: Clock) -> None:
    """With the number of its keys."""
    assert await findings(provider, clock) == [
        (True, f"Example Login: the discovery document of {provider.issuer} can be used"),
        (True, "keys that can verify a signature: 1"),
        (True, "the provider does not say what time it is, so the clocks were not compared"),
    ]


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda p: p.metadata.update(issuer=p.issuer + "/"), "names another issuer"),
        (lambda p: p.answers.update({"/.well-known/openid-configuration": lambda: (404, {}, b"")}), "status 404"),
        (lambda p: p.answers.update({"/jwks": lambda: as_json({"keys": []})}), "publishes no key"),
    ],
)
async def test_a_provider_that_does_not_work_fails(
    provider: Provider, clock: Clock, break_it: Callable[[Provider], object], said: str
) -> None:
    """The reason is in the finding."""
    break_it(provider)

    [failed] = [detail for is_ok, detail in await findings(provider, clock) if not is_ok]

    assert said in failed


@pytest.mark.parametrize(
    ("apart", "is_ok", "said"),
    [(0, True, "agrees"), (29, True, "agrees"), (-45, True, "warning: "), (75, False, "75 s apart")],
)
async def test_the_clocks_are_compared(provider: Provider, clock: Clock, apart: int, is_ok: bool, said: str) -> None:
    """A minute apart, sign-ins fail."""
    date = format_datetime(clock() + timedelta(seconds=apart), usegmt=True)
    usual = provider._discovery()
    provider.answers["/.well-known/openid-configuration"] = lambda: (200, {"Date": date}, as_json(usual)[2])

    [found] = [each for each in await findings(provider, clock) if "clock" in each[1]]

    assert (found[0], said in found[1]) == (is_ok, True)


async def test_what_is_unusual_is_a_warning(provider: Provider, clock: Clock) -> None:
    """It may still work."""
    provider.metadata.update(code_challenge_methods_supported=["plain"], backchannel_logout_supported=None)

    said = [detail for is_ok, detail in await findings(provider, clock, KEYDESK_PASSWORDS="nobody") if is_ok]

    warnings = [each for each in said if each.startswith("warning: ")]
    assert [word in warning for word, warning in zip(("S256", "back-channel", "nobody"), warnings, strict=True)] == [
        True,
        True,
        True,
    ]


async def test_without_a_provider_there_is_nothing_to_say(clock: Clock) -> None:
    """People sign in with passwords."""
    assert await provider_findings(read_settings({}), clock=clock) == []
