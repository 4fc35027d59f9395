"""Series of a key's usage over GraphQL: hours and days, their period, and how many can be asked for at once."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.client import Answer, Site
from tests.support.usage.rows import NOON, day_of, hour_of, store
from tests.support.usage.usage_client import EVERYTHING, MONTH, POINTS, ask, stored, usage


async def test_a_month_by_the_hour_is_one_question(site: Site) -> None:
    """A month's hours are returned with all fields. Sixty such series in one document are too complex."""
    ada, (id_inside, key_id) = await site.person("ada"), await stored(site)
    first = datetime.fromisoformat("2026-10-01T00:00:00+00:00")
    hours = [first - timedelta(hours=1), first, first + timedelta(hours=743), first + timedelta(hours=744)]
    await store(site.database, *(hour_of(id_inside, hour, allowed=10**place) for place, hour in enumerate(hours)))

    shown = await usage(ada, key_id, f"{MONTH} {POINTS}")
    many = await ask(ada, key_id, " ".join(f"a{number}: {MONTH} {POINTS}" for number in range(60)))

    starts = [datetime.fromisoformat(point["start"]) for point in shown["series"]]
    assert starts == [first + timedelta(hours=number) for number in range(744)]
    assert [point["allowed"] for point in (shown["series"][0], shown["series"][-1])] == [10, 100]
    assert sum(point["allowed"] for point in shown["series"]) == 110
    assert many.codes == ["TOO_COMPLEX"]


async def test_days_are_shown_of_years(site: Site) -> None:
    """Days of years ago are shown, from rows of days and of hours."""
    ada, (id_inside, key_id) = await site.person("ada"), await stored(site)
    midnight = NOON.replace(hour=0)
    await store(
        site.database,
        day_of(id_inside, midnight - timedelta(days=700), allowed=7, replaced_secret=1),
        day_of(id_inside, midnight - timedelta(days=35), rate_limited=1),
        hour_of(id_inside, midnight - timedelta(days=35, hours=-23), rate_limited=2),
        hour_of(id_inside, NOON, quota_exceeded=4, agent_not_in_scope=3),
    )

    shown = await usage(
        ada,
        key_id,
        f"series(from: $from, to: $to, interval: DAY) {POINTS}",
        **{"from": (NOON - timedelta(days=700)).isoformat(), "to": NOON.isoformat()},
    )

    series = {point.pop("start"): tuple(point.values()) for point in shown["series"]}
    assert len(series) == 701
    assert {start: counts for start, counts in series.items() if any(counts)} == {
        "2024-12-24T00:00:00Z": (7, 0, 0, 1),
        "2026-10-20T00:00:00Z": (0, 3, 0, 0),
        "2026-11-24T00:00:00Z": (0, 0, 4, 3),
    }


async def test_a_time_may_be_given_in_any_zone(site: Site) -> None:
    """The period can have any time zone. Points are in UTC, and an hour that has begun is included."""
    ada, (_, key_id) = await site.person("ada"), await stored(site)

    shown = await usage(
        ada,
        key_id,
        "series(from: $from, to: $to) { start }",
        **{"from": "2026-11-24T17:59:59+05:30", "to": "2026-11-24T07:00:01-07:00"},
    )

    assert [point["start"] for point in shown["series"]] == [f"2026-11-24T{hour}:00:00Z" for hour in (12, 13, 14)]


@pytest.mark.parametrize(
    ("since", "until", "says"),
    [
        ("2026-11-24T12:00:00Z", "2026-11-24T12:00:00Z", "before to"),
        ("2026-11-24T12:00:00Z", "2026-11-24T11:59:59Z", "before to"),
        ("2026-10-01T00:00:00Z", "2026-11-03T09:00:00Z", "more than 800"),
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "more than 800"),
    ],
)
async def test_a_time_that_is_none_is_bad_user_input(site: Site, since: str, until: str, says: str) -> None:
    """The message says what to change. The key itself is still shown."""
    ada, (_, key_id) = await site.person("ada"), await stored(site)

    answer = await ask(ada, key_id, "series(from: $from, to: $to) { start }", **{"from": since, "to": until})

    assert answer.codes == ["BAD_USER_INPUT"]
    assert says in answer.body["errors"][0]["message"]
    assert answer.body["errors"][0]["path"] == ["apiKey", "usage", "series"]
    assert answer.body["data"] == {"apiKey": {"usage": None}}


@pytest.mark.parametrize(
    "instant", ["yesterday", "2026-11-24", "2026-11-24T12:00:00", "0001-01-01T00:00:00+14:00", 1764000000, None]
)
async def test_what_is_no_instant_is_refused_before(site: Site, instant: Any) -> None:
    """An invalid instant is refused like any variable of a wrong type."""
    ada, (_, key_id) = await site.person("ada"), await stored(site)

    answer = await ask(
        ada, key_id, "series(from: $from, to: $to) { start }", **{"from": instant, "to": "2026-11-24T12:00:00Z"}
    )

    assert (answer.response.status_code, answer.codes) == (400, ["BAD_USER_INPUT"])


async def test_many_questions_about_usage_are_too_complex(site: Site) -> None:
    """Each usage costs complexity. A list of keys with a day's usage passes."""
    ada = await site.person("ada")
    acme = site.organization("acme")
    await site.fill(*(f"key {number}" for number in range(10)))

    async def lists(number: int, fields: str) -> Answer:
        asked = " ".join(f"a{each}: apiKeys {{ usage {{ {fields} }} }}" for each in range(number))
        return await ada.graphql(f"query ($id: ID!) {{ organization(id: $id) {{ {asked} }} }}", id=acme)

    assert (await lists(1, EVERYTHING)).codes == []
    assert (await lists(60, EVERYTHING)).codes == ["TOO_COMPLEX"]
    assert (await lists(1, f"{MONTH} {POINTS}")).codes == ["TOO_COMPLEX"]
