"""`keydesk key limit`: limits of a single key."""

import pytest

from resolvers.operator.lookup import LIMIT_AT_MOST
from tests.support.command_line import InDatabase, Keydesk, events_of
from tests.support.world import World

UNKNOWN = "key_0199b3c07a007de08de0000000000000"


def created(keydesk: Keydesk) -> str:
    """Creates a key and returns its id."""
    key_id: str = keydesk("key", "create", "deploy", "--organization", "Acme", "--json").value["id"]
    return key_id


def limits_in(form: dict[str, int | None]) -> list[int | None]:
    """The effective limits, then the key's own."""
    return [form[name] for name in ("rateLimit", "monthlyQuota", "ownRateLimit", "ownMonthlyQuota")]


def test_a_key_is_limited_and_given_back_to_its_organization(
    keydesk: Keydesk, acme: World, in_database: InDatabase
) -> None:
    """Limits are set one by one, together, and removed. Each change is audited with the old and the new value."""
    key_id = created(keydesk)

    forms = [
        keydesk("key", "limit", key_id, *options, "--json").value
        for options in (("--rate-limit", "60"), ("--monthly-quota", "5000"), ("--rate-limit", "90"), ())
    ]

    assert [limits_in(form) for form in forms] == [
        [60, 100_000, 60, None],
        [60, 5000, 60, 5000],
        [90, 5000, 90, 5000],
        [600, 100_000, None, None],
    ]
    assert {form["id"] for form in forms} == {key_id}
    assert events_of(in_database, "api-key-limits-changed") == [
        "The limits of the API key “deploy” were changed: "
        "the rate limit from the organization's 600 to 60 requests a minute.",
        "The limits of the API key “deploy” were changed: the monthly quota from the organization's 100000 to 5000 "
        "requests.",
        "The limits of the API key “deploy” were changed: the rate limit from 60 to 90 requests a minute.",
        "The limits of the API key “deploy” were changed: the rate limit from 90 to the organization's 600 requests a "
        "minute, the monthly quota from 5000 to the organization's 100000 requests.",
    ]


def test_the_same_limits_again_change_nothing(keydesk: Keydesk, acme: World, in_database: InDatabase) -> None:
    """The command says that nothing changed, and writes no audit event."""
    key_id = created(keydesk)
    changed = keydesk("key", "limit", key_id, "--rate-limit", "60")

    again = keydesk("key", "limit", key_id, "--rate-limit", "60")

    assert changed.out == (
        f"Limited {key_id} “deploy” (organization-level): 60 (its own) requests a minute, 100000 a month.\n"
    )
    assert again.out == changed.out.replace("Limited", "Nothing changed for")
    assert len(events_of(in_database, "api-key-limits-changed")) == 1


def test_the_list_shows_what_holds_and_what_is_a_keys_own(keydesk: Keydesk, acme: World) -> None:
    """A change of the organization's limits affects keys without their own."""
    limited, free = created(keydesk), created(keydesk)
    keydesk("key", "limit", limited, "--rate-limit", "60")
    keydesk("organization", "update", "Acme", "--rate-limit", "300", "--monthly-quota", "7000")

    listed = keydesk("key", "list", "--organization", "Acme", "--json").value
    shown = keydesk("key", "list", "--organization", "Acme").out

    assert {each["id"]: limits_in(each) for each in listed} == {
        limited: [60, 7000, 60, None],
        free: [300, 7000, None, None],
    }
    assert "REQUESTS/MINUTE" in shown
    assert "60 (its own)" in shown


@pytest.mark.parametrize("number", ["0", "-1", str(LIMIT_AT_MOST + 1), "many", ""])
@pytest.mark.parametrize("option", ["--rate-limit", "--monthly-quota"])
def test_a_limit_out_of_range_is_wrong_usage(keydesk: Keydesk, option: str, number: str) -> None:
    """Limits go from 1 to 2147483647."""
    ended = keydesk("key", "limit", UNKNOWN, option, number, "--json")

    assert (ended.status, ended.out) == (2, "")
    assert option in ended.err


@pytest.mark.parametrize(("key", "words"), [(UNKNOWN, "API key does not exist"), ("deploy", "keydesk key list")])
def test_what_is_no_keys_id_is_refused(keydesk: Keydesk, acme: World, key: str, words: str) -> None:
    """A key's name is refused, too; only ids are accepted."""
    created(keydesk)

    ended = keydesk("key", "limit", key, "--rate-limit", "60", "--json")

    assert (ended.status, ended.out) == (1, "")
    assert words in ended.err


def test_a_deleted_key_is_not_limited(keydesk: Keydesk, acme: World) -> None:
    """The limits of a tombstone stay as they were."""
    key_id = created(keydesk)
    keydesk("key", "limit", key_id, "--rate-limit", "60")
    keydesk("key", "delete", key_id)

    ended = keydesk("key", "limit", key_id)

    listed = keydesk("key", "list", "--deleted", "--organization", "Acme", "--json").value
    assert ended.status == 1
    assert [limits_in(each) for each in listed] == [[60, 100_000, 60, None]]
