"""The state of a sign-in: it works once begun, in its browser, for 10 minutes, with any of the server keys."""

import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from keys.sso.state import States, browser_cookie, safe_return
from keys.token import Secret, ServerKeys

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
OLD, NEW = b"an old server key of 32 bytes....", b"a new server key of 32 bytes....."
COOKIE = browser_cookie(None)


def test_a_state_brings_back_what_it_was_made_of() -> None:
    """Also after the server key was replaced, while the old one verifies."""
    begun = States(ServerKeys((OLD,))).begin(COOKIE, back="/graphiql", invitation="d" * 64, now=NOW)

    found = States(ServerKeys((NEW, OLD))).find(begun.state, COOKIE.reveal(), now=NOW)

    assert found == begun
    assert States(ServerKeys((NEW,))).find(begun.state, COOKIE.reveal(), now=NOW) is None


def test_everything_that_is_derived_is_different() -> None:
    """And nothing of it gives the cookie or the verifier away."""
    states = States(ServerKeys((OLD,)))
    one, other = (states.begin(COOKIE, back=None, invitation=None, now=NOW) for _ in range(2))

    values = [value for each in (one, other) for value in (each.state, each.nonce, each.verifier.reveal())]
    assert len(set(values)) == 6
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", one.verifier.reveal())
    assert COOKIE.reveal() not in "".join(values)


def test_a_state_ends_after_ten_minutes() -> None:
    """One that is more than a minute in the future was made by a clock that was set back."""
    states = States(ServerKeys((OLD,)))
    begun = states.begin(COOKIE, back=None, invitation=None, now=NOW)

    found = {
        seconds: states.find(begun.state, COOKIE.reveal(), now=NOW + timedelta(seconds=seconds)) is not None
        for seconds in (-61, -1, 0, 599, 600)
    }

    assert found == {-61: False, -1: True, 0: True, 599: True, 600: False}


@given(st.text(), st.text())
def test_made_up_states_and_cookies_are_refused(state: str, cookie: str) -> None:
    """Without an exception."""
    states = States(ServerKeys((OLD,)))

    assert states.find(state, cookie, now=NOW) is None
    assert states.find(state, COOKIE.reveal(), now=NOW) is None
    assert re.fullmatch(r"[0-9a-f]{64}", browser_cookie(cookie).reveal())


def test_a_browser_keeps_its_cookie_for_a_second_tab() -> None:
    """If it has the form of one."""
    assert browser_cookie(COOKIE.reveal()) == COOKIE
    assert browser_cookie("short") != Secret("short")


@given(st.text())
def test_a_return_is_a_page_of_the_console(path: str) -> None:
    """Never another host, and never an address that a browser would read as one."""
    returned = safe_return(path)

    assert returned in {"/", path}
    assert re.match(r"/(?![/\\])", returned)
    assert returned.isascii()
    assert returned.isprintable()
