"""Changing a password."""

import asyncio
from collections.abc import Callable

import pytest

from keys.refusals import InvalidInput, TooManyRequests, Unauthenticated
from keys.sign_in.passwords import one_time_expires_at
from models import SignInFailure
from models.engine.database import Database
from resolvers.viewer import change_password, sign_out
from tests.conftest import Clock
from tests.support.sign_in_browsers import (
    ANOTHER,
    CAFE,
    PASSWORD,
    Browser,
    browser,
    checker,
    count,
    hasher,
    people,
    set_person,
)

__all__ = ["browser", "checker", "hasher", "people"]


async def test_a_one_time_password_must_be_changed(
    browser: Callable[..., Browser], clock: Clock, database: Database
) -> None:
    """Until it is changed, sign-in reports so. Afterwards the old password fails and the new one does not expire."""
    await set_person(
        database, "ada@example.com", password_is_one_time=True, password_expires_at=one_time_expires_at(clock())
    )
    clock.advance(days=6, hours=23)
    ada = browser()
    begun = (await ada.sign_in()).signed_in
    assert begun.password_change_required

    changed = await change_password(ada.checker, begun, current_password=PASSWORD, new_password=ANOTHER, now=clock())
    ada.token = changed.token.reveal()

    assert not changed.signed_in.password_change_required
    who = await ada.who()
    assert who == changed.signed_in
    await browser(CAFE).fails(password=PASSWORD)
    clock.advance(days=400)
    await browser(CAFE).sign_in(password=ANOTHER)


async def test_changing_the_password_ends_the_persons_other_sessions(
    browser: Callable[..., Browser], database: Database
) -> None:
    """The present session gets a new token, and the old token stops working. Other people's sessions stay."""
    here, copy, there, grace = browser(), browser(), browser(), browser()
    begun = (await here.sign_in()).signed_in
    copy.token = here.token
    await there.sign_in()
    await grace.sign_in("grace@example.com")

    changed = await change_password(
        here.checker, begun, current_password=PASSWORD, new_password=ANOTHER, now=here.clock()
    )

    assert await copy.who() is None
    here.token = changed.token.reveal()
    assert await here.who() == changed.signed_in == begun
    assert changed.token.reveal() not in repr(changed)
    assert await there.who() is None
    assert await grace.who() is not None
    assert await count(database, SignInFailure) == 0


@pytest.mark.parametrize(
    ("current", "new", "wrong_field"),
    [
        ("wrong password", ANOTHER, "currentPassword"),
        ("x" * 1025, ANOTHER, "currentPassword"),
        (PASSWORD, "too short", "newPassword"),
        (PASSWORD, "x" * 1025, "newPassword"),
        (PASSWORD, PASSWORD, "newPassword"),
        (PASSWORD, "aaaaaaaaaaaa", "newPassword"),
        (PASSWORD, "ada@example.com", "newPassword"),
    ],
)
async def test_a_change_that_is_refused_changes_nothing(
    browser: Callable[..., Browser], current: str, new: str, wrong_field: str
) -> None:
    """The refusal names the field. The password and the other sessions stay."""
    here, there = browser(), browser()
    begun = (await here.sign_in()).signed_in
    await there.sign_in()

    with pytest.raises(InvalidInput) as refused:
        await change_password(here.checker, begun, current_password=current, new_password=new, now=here.clock())

    assert refused.value.field == wrong_field
    assert await there.who() is not None
    await browser(CAFE).sign_in()


async def test_a_session_that_ended_meanwhile_changes_no_password(browser: Callable[..., Browser]) -> None:
    """If the session ends before the change, the password stays as it was."""
    here = browser()
    begun = (await here.sign_in()).signed_in
    await sign_out(here.checker.database, here.token or "")

    with pytest.raises(Unauthenticated):
        await change_password(here.checker, begun, current_password=PASSWORD, new_password=ANOTHER, now=here.clock())

    await browser(CAFE).sign_in()


async def test_a_weak_new_password_is_no_failed_attempt(browser: Callable[..., Browser], clock: Clock) -> None:
    """A refused new password does not count as a failed attempt, since the current password was right."""
    ada = browser()
    begun = (await ada.sign_in()).signed_in

    for weak in ["aaaaaaaaaaaa", "password12345", "qwertyuiop12", "Ada@Example.com", "acme acme acme", "123456789012"]:
        with pytest.raises(InvalidInput, match="Choose another"):
            await change_password(ada.checker, begun, current_password=PASSWORD, new_password=weak, now=clock())

    await change_password(ada.checker, begun, current_password=PASSWORD, new_password=ANOTHER, now=clock())


async def test_a_session_has_five_guesses_at_the_current_password(
    browser: Callable[..., Browser], clock: Clock
) -> None:
    """Guessing through a session is as limited as signing in, and does not lock the account's sign-in."""
    ada = browser()
    begun = (await ada.sign_in()).signed_in
    for _ in range(5):
        with pytest.raises(InvalidInput):
            await change_password(ada.checker, begun, current_password="wrong", new_password=ANOTHER, now=clock())

    with pytest.raises(TooManyRequests) as refused:
        await change_password(ada.checker, begun, current_password=PASSWORD, new_password=ANOTHER, now=clock())

    assert refused.value.retry_after_seconds == 900
    await browser().sign_in()
    clock.advance(minutes=15)
    await change_password(ada.checker, begun, current_password=PASSWORD, new_password=ANOTHER, now=clock())


async def test_of_two_changes_at_once_one_wins(browser: Callable[..., Browser], clock: Clock) -> None:
    """The second change is refused, since its current password is no longer right."""
    ada = browser()
    begun = (await ada.sign_in()).signed_in
    choices = [ANOTHER, "another one of her own"]

    outcomes = await asyncio.gather(
        *(
            change_password(ada.checker, begun, current_password=PASSWORD, new_password=each, now=clock())
            for each in choices
        ),
        return_exceptions=True,
    )

    lost = [isinstance(each, InvalidInput) and each.field == "currentPassword" for each in outcomes]
    assert sorted(lost) == [False, True]
    await browser(CAFE).sign_in(password=choices[lost.index(False)])
