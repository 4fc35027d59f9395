"""The assistant's answers to a pasted key beside something else: a leak, other keys, a request, a limit."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from tests.conftest import Databases
from tests.support.assistant.checked_answers import ask, check
from tests.support.assistant.opened_worlds import Worlds
from tests.support.assistant.worlds import Made

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEAKED = {
    "secret of customer portal": ("KEY_EXPOSED", "it works"),
    "secret of deploy": ("KEY_EXPOSED", "deleted on 23 November 2026"),
    "old secret of billing-sync": ("KEY_EXPOSED", "replaced on 21 November 2026"),
    "secret of globex-stock": ("KEY_UNKNOWN", None),
    "altered": ("KEY_UNKNOWN", None),
}
"""The case of a leaked key of Acme, and its state in the answer."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worlds(databases: Databases) -> AsyncIterator[Worlds]:
    """The worlds, created on first use. The lookups in them must have changed no row."""
    async with AsyncExitStack() as stack:
        worlds = Worlds(databases, stack)
        yield worlds
        await worlds.check_unchanged()


@pytest.mark.parametrize("person", ["ada", "grace", "mel"])
@pytest.mark.parametrize("key", LEAKED)
async def test_a_leaked_key_that_was_pasted_is_the_one(worlds: Worlds, key: str, person: str) -> None:
    """The person is not asked which key it is; only managers of an active key get actions to rotate or delete it."""
    world = await worlds.of("busy")
    case, state = LEAKED[key]

    told = await ask(world.made, person, f"I leaked this key on GitHub: {_key(world.made, key)}")

    assert told.case == case, told.message["text"]
    assert [each["value"] for each in told.diagnosis["evidence"] if each["label"] == "State"] == [state] * bool(state)
    assert "Which key" not in told.message["text"]
    assert ("no longer works" in told.diagnosis["summary"]) is (state not in (None, "it works"))
    works = state == "it works"
    assert ("ROTATE_API_KEY" in told.kinds) is ("DELETE_API_KEY" in told.kinds) is (works and person == "ada")
    assert ("Ask an organization admin to rotate" in told.message["text"]) is (works and person != "ada")
    check(told)


@pytest.mark.parametrize("person", ["ada", "mel"])
@pytest.mark.parametrize("works_first", [True, False])
async def test_of_several_pasted_keys_the_one_that_fails_is_explained(
    worlds: Worlds, person: str, *, works_first: bool
) -> None:
    """Each has a line, and a good one is to be rotated, by a person who may."""
    world = await worlds.of("busy")
    keys = [_key(world.made, each) for each in ("secret of customer portal", "secret of deploy")]
    first, second = keys if works_first else reversed(keys)

    told = await ask(world.made, person, f"Why does one of these get 401? {first} or {second}")

    assert told.case == "KEY_DELETED", told.message["text"]
    assert ["it works" in each["value"] for each in told.diagnosis["evidence"] if each["label"] == "Also pasted"] == [
        True
    ]
    assert ("ROTATE_API_KEY" in told.kinds) is (person == "ada")
    assert ("Ask an organization admin to rotate the key" in told.message["text"]) is (person == "mel")
    check(told)


async def test_an_old_and_the_current_secret_of_a_key_are_two(worlds: Worlds) -> None:
    """They have the same public id, and the old one fails."""
    world = await worlds.of("busy")
    keys = [_key(world.made, f"{each} of billing-sync") for each in ("secret", "old secret")]

    told = await ask(world.made, "mel", f"Why does one of these get 401? {' or '.join(keys)}")

    assert told.case == "SECRET_REPLACED", told.message["text"]
    assert any("it works" in each["value"] for each in told.diagnosis["evidence"])
    check(told)


@pytest.mark.parametrize("request_id", ["req_00000000000000000000000000000000", "«request of globex»"])
@pytest.mark.parametrize(
    ("beside", "cases"),
    [
        ("my call with «secret of deploy» gets 401", ("KEY_DELETED", "KEY_DELETED")),
        ("why does deploy get 401?", ("KEY_DELETED", "NEEDS_DETAILS")),
        ('{"code": "deleted_key", "message": "access not permitted"}', ("KEY_DELETED", "NEEDS_DETAILS")),
        ('{"code": "missing_key", "message": "access not permitted"}', ("KEY_MISSING", "KEY_MISSING")),
        ("curl -H 'Authorization: Bearer Bearer $KEY' gives 401", ("KEY_MALFORMED", "KEY_MALFORMED")),
        ("why does kd_Ab3dEf…x9Qz fail?", ("NEEDS_DETAILS", "NEEDS_DETAILS")),
    ],
)
@pytest.mark.parametrize("person", ["ada", "mel"])
async def test_a_request_that_is_not_found_hides_nothing_else(
    worlds: Worlds, beside: str, cases: tuple[str, str], person: str, request_id: str
) -> None:
    """Written or attached, hidden or nonexistent: the rest is explained, and that the request was not found."""
    made = (await worlds.of("busy")).made
    request_id = made.filled(request_id)

    written = await ask(made, person, f"{beside} requestId: {request_id}")
    attached = await ask(made, person, beside, requestId=request_id)

    for told in (written, attached):
        assert told.case == cases[person == "mel"], told.message["text"]
        assert any(request_id in each["value"] for each in told.diagnosis["evidence"])
        check(told)


@pytest.mark.parametrize(("person", "is_theirs"), [("ada", True), ("grace", True), ("mel", False)])
async def test_a_good_key_beside_its_request_is_to_be_rotated(worlds: Worlds, person: str, *, is_theirs: bool) -> None:
    """It was pasted, whatever the reason for the refusal was."""
    made = (await worlds.of("busy")).made
    request_id = made.filled("«request of crawler»")

    told = await ask(made, person, f"Bearer {_key(made, 'secret of crawler-prod')} got 403, requestId {request_id}")

    assert told.case == ("AGENT_NOT_IN_SCOPE" if is_theirs else "KEY_WORKS"), told.message["text"]
    assert ("ROTATE_API_KEY" in told.kinds) is is_theirs
    assert any("otate the key" in step for step in told.diagnosis["steps"])
    check(told)


@pytest.mark.parametrize("person", ["grace", "mel"])
async def test_a_key_that_works_may_be_over_a_limit(worlds: Worlds, person: str) -> None:
    """A person who may not see the key does not get its limits, but learns that they can be the reason."""
    world = await worlds.of("busy")

    told = await ask(world.made, person, f"429 with {_key(world.made, 'secret of monthly export')}")

    assert told.case == "KEY_WORKS"
    assert "may be over a limit" in told.diagnosis["summary"]
    assert ("Its limits", "not checked") in [(each["label"], each["value"]) for each in told.diagnosis["evidence"]]
    check(told)


def _key(made: Made, state: str) -> str:
    """The key in this state, as issued or with a letter changed."""
    if state != "altered":
        return made.filled(f"«{state}»")
    secret = made.filled("«secret of deploy»")
    return f"{secret[:-30]}{'A' if secret[-30] != 'A' else 'B'}{secret[-29:]}"
