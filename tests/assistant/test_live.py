"""From a call to its explanation: the console explains an answer that a gateway got a moment ago."""

from datetime import datetime

import pytest

from tests.conftest import Clock
from tests.support.assistant.checked_answers import ASK
from tests.support.client import Client, Site

LIMITS = "UPDATE organizations SET rate_limit = 3"


async def told(client: Client, organization_id: str, message: str) -> dict[str, object]:
    """The assistant's answer."""
    answer = await client.graphql(ASK, input={"organizationId": organization_id, "message": message})
    found: dict[str, object] = answer.value["message"]["diagnosis"]
    return found


def evidence(diagnosis: dict[str, object]) -> dict[str, dict[str, str]]:
    """The evidence, by its label."""
    facts = diagnosis["evidence"]
    assert isinstance(facts, list)
    return {each["label"]: each for each in facts}


async def test_a_request_is_explained_a_moment_after_it_was_refused(site: Site) -> None:
    """Usage is written asynchronously; the assistant waits until the request is there."""
    ada = await site.person("ada")
    issued = (await site.fill("deploy"))["deploy"]
    await ada.delete(issued["apiKey"]["id"])
    refused = (await site.verify(issued["secret"], **{"user-agent": "ci-runner/2.1"})).json()

    diagnosis = await told(ada, site.organization("acme"), f"Why was {refused['requestId']} refused?")

    assert diagnosis["case"] == "KEY_DELETED"
    assert refused["requestId"] in evidence(diagnosis)["The request"]["value"]
    assert "ci-runner/2.1" in evidence(diagnosis)["Last refused"]["value"]
    assert evidence(diagnosis)["Deleted by"]["value"] == "Ada (ada@example.com)"


@pytest.mark.parametrize(
    ("headers", "case"),
    [
        ({}, "KEY_MISSING"),
        ({"authorization": "Bearer kd_short"}, "KEY_MALFORMED"),
        ({"authorization": "Basic YWRhOnB3"}, "KEY_MALFORMED"),
        ({"x-api-key": '"quoted"'}, "KEY_MALFORMED"),
    ],
)
async def test_a_request_without_a_key_is_explained_to_whoever_has_its_id(
    site: Site, headers: dict[str, str], case: str
) -> None:
    """Even to a member, and with the detail that the caller got."""
    gateway, mel = await site.person("nobody"), await site.person("mel")
    refused = (await gateway.http.get("/v1/verify", headers=headers)).json()

    diagnosis = await told(mel, site.organization("acme"), f"{refused['requestId']}")

    assert diagnosis["case"] == case
    assert refused["detail"] in str(diagnosis)


async def test_a_429_is_explained_by_what_the_limiter_says_now(site: Site, clock: Clock) -> None:
    """Which limit, that nothing is left, when room comes back, and the caller; later, that there is room again."""
    ada = await site.person("ada")
    async with site.database.transaction() as session:
        await (await session.connection()).exec_driver_sql(LIMITS)
    issued = (await site.fill("hasty"))["hasty"]
    answers = [await site.verify(issued["secret"], **{"user-agent": "loop/1"}) for _ in range(5)]

    limited = await told(ada, site.organization("acme"), f"{answers[-1].json()['requestId']}")
    clock.advance(seconds=61)
    later = await told(ada, site.organization("acme"), f"{answers[-1].json()['requestId']}")

    assert [each.status_code for each in answers] == [200, 200, 200, 429, 429]
    assert (limited["case"], later["case"]) == ("RATE_LIMITED", "RATE_LIMITED")
    looked_at = evidence(limited)
    assert looked_at["Rate limit"]["value"] == "3 requests in 60 seconds"
    assert looked_at["Left at this moment"]["value"] == "0 requests"
    back = datetime.fromisoformat(looked_at["Room comes back"]["at"])
    assert 0 < (back - clock.now).total_seconds() + 61 <= 61
    assert "loop/1" in looked_at["Used by"]["value"]
    assert evidence(later)["Left at this moment"]["value"] == "3 requests"
    assert "Requests can pass again now." in str(later["summary"])
