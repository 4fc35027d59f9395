"""The cookie that identifies a browser to the accounts that signed in with it."""

import pytest

from keys.sign_in.device_cookie import ACCOUNTS_AT_MOST, DeviceCookies

OLD, NEW = b"o" * 32, b"n" * 32


def test_a_browser_is_known_to_the_accounts_that_signed_in_there_and_to_no_other() -> None:
    """Each account has its own id, which another sign-in preserves."""
    devices = DeviceCookies((NEW,))

    cookie = devices.remember(devices.remember(None, "ada@example.com"), "grace@example.com")

    ada, grace = devices.device_of(cookie, "ada@example.com"), devices.device_of(cookie, "grace@example.com")
    assert ada is not None
    assert grace is not None
    assert ada != grace
    assert devices.device_of(cookie, "mel@example.com") is None
    assert devices.device_of(devices.remember(cookie, "ada@example.com"), "ada@example.com") == ada


def test_the_oldest_account_of_a_browser_goes() -> None:
    """The cookie has a bounded size."""
    devices, cookie = DeviceCookies((NEW,)), None

    for number in range(ACCOUNTS_AT_MOST + 1):
        cookie = devices.remember(cookie, f"{number}@example.com")

    known = [devices.device_of(cookie, f"{number}@example.com") is not None for number in range(ACCOUNTS_AT_MOST + 1)]
    assert known == [False, *[True] * ACCOUNTS_AT_MOST]


def test_a_cookie_that_an_earlier_server_key_signed_is_still_believed() -> None:
    """The next sign-in signs it anew, so that the earlier key can be removed."""
    cookie = DeviceCookies((OLD,)).remember(None, "ada@example.com")
    both = DeviceCookies((NEW, OLD))

    device = both.device_of(cookie, "ada@example.com")
    renewed = both.remember(cookie, "ada@example.com")

    assert device is not None
    assert DeviceCookies((NEW,)).device_of(cookie, "ada@example.com") is None
    assert DeviceCookies((NEW,)).device_of(renewed, "ada@example.com") == device


@pytest.mark.parametrize(
    "spoil",
    [
        lambda cookie: cookie[:-1] + ("0" if cookie[-1] != "0" else "1"),
        lambda cookie: ("0" if cookie[0] != "0" else "1") + cookie[1:],
        lambda cookie: cookie[:-1],
        lambda cookie: cookie.upper(),
        lambda cookie: "",
        lambda cookie: "é\r\nSet-Cookie: a=b",
    ],
)
def test_an_altered_cookie_is_worth_nothing(spoil: object) -> None:
    """After any change, the account is unknown and no part of the cookie is returned."""
    devices = DeviceCookies((NEW,))
    assert callable(spoil)
    altered = spoil(devices.remember(None, "ada@example.com"))

    assert devices.device_of(altered, "ada@example.com") is None
    assert set(devices.remember(altered, "ada@example.com")) <= set("0123456789abcdef.")


def test_a_cookie_does_not_tell_whose_it_is() -> None:
    """It contains neither the address nor a digest that can be computed without the key."""
    first, second = DeviceCookies((NEW,)), DeviceCookies((OLD,))

    cookies = [each.remember(None, "ada@example.com") for each in (first, first, second)]

    assert len({part for cookie in cookies for part in cookie.split(".")}) == 6
