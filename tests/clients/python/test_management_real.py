"""The management calls with a service token, on the real application."""

from typing import Any

import httpx2
import pytest

from keydesk_client import AsyncKeydesk, AsyncKeyManagement, KeyAlreadyIssued, Refused, RequestRefused, Verified
from tests.support.client import Site

CREATE_TOKEN = """
mutation ($input: CreateServiceTokenInput!) {
  createServiceToken(input: $input) {
    ... on ServiceTokenIssued { secret serviceToken { id } }
    ... on Refusal { message }
  }
}
"""
REVOKE_TOKEN = "mutation ($id: ID!) { revokeServiceToken(input: {id: $id}) { __typename } }"


async def token_of(site: Site, role: str = "ORGANIZATION_ADMIN", *agents: str) -> dict[str, Any]:
    """A token that Ada makes in Acme."""
    wanted = {
        "organizationId": site.organization("acme"),
        "name": "deploy-bot",
        "role": role,
        "agentIds": list(agents),
        "expiresInDays": 30,
    }
    token: dict[str, Any] = (await (await site.person("ada")).graphql(CREATE_TOKEN, input=wanted)).value
    return token


def management_of(site: Site, token: str) -> AsyncKeyManagement:
    transport: Any = httpx2.ASGITransport(site.app)  # type: ignore[arg-type]
    return AsyncKeyManagement("http://keydesk.test", token, transport=transport)


async def test_a_program_manages_a_key_from_its_creation_to_its_end(site: Site) -> None:
    """What it is given works at the gateway, and no longer than it should."""
    acme, own = site.organization("acme"), site.agent("own")
    keys = management_of(site, (await token_of(site))["secret"])
    keydesk = AsyncKeydesk("http://keydesk.test", transport=httpx2.ASGITransport(site.app))  # type: ignore[arg-type]

    created = await keys.create_api_key(acme, "nightly", agent_id=own)
    assert isinstance(await keydesk.verify(created.secret.reveal(), own), Verified)

    rotated = await keys.rotate_api_key(created.api_key.id)
    replaced = await keydesk.verify(created.secret.reveal())
    assert isinstance(replaced, Refused)
    assert replaced.code == "replaced_secret"
    assert isinstance(await keydesk.verify(rotated.secret.reveal()), Verified)

    of_organization = await keys.create_api_key(acme, "other")
    assert [key.name for key in await keys.api_keys(acme)] == ["other", "nightly"]
    assert [key.id for key in await keys.api_keys(acme, agent_id=own)] == [created.api_key.id]
    assert [key.id for key in await keys.api_keys(acme, search="OTH")] == [of_organization.api_key.id]

    deleted = await keys.delete_api_key(created.api_key.id)
    assert (deleted.id, deleted.status, deleted.agent_id) == (created.api_key.id, "DELETED", own)
    assert isinstance(await keydesk.verify(rotated.secret.reveal()), Refused)
    assert [key.status for key in await keys.api_keys(acme, include_deleted=True)] == ["ACTIVE", "DELETED"]


class Losing(httpx2.AsyncBaseTransport):
    """Loses the first answers on their way back."""

    def __init__(self, site: Site, lost: int) -> None:
        self._site: Any = httpx2.ASGITransport(site.app)  # type: ignore[arg-type]
        self._lost = lost

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer: httpx2.Response = await self._site.handle_async_request(request)
        if self._lost > 0:
            self._lost -= 1
            raise httpx2.ReadError("lost")
        return answer


async def test_a_lost_answer_takes_no_second_slot(site: Site) -> None:
    """The program gets a secret that works, of the one key that there is."""
    acme = site.organization("acme")
    token = (await token_of(site))["secret"]
    keys = AsyncKeyManagement("http://keydesk.test", token, transport=Losing(site, 1))
    keydesk = AsyncKeydesk("http://keydesk.test", transport=httpx2.ASGITransport(site.app))  # type: ignore[arg-type]

    issued = await keys.create_api_key(acme, "nightly")

    assert [key.id for key in await keys.api_keys(acme)] == [issued.api_key.id]
    assert isinstance(await keydesk.verify(issued.secret.reveal()), Verified)


async def test_with_an_id_of_its_own_a_program_goes_on_later(site: Site) -> None:
    """It is told which key there is, and decides whether to rotate it."""
    acme = site.organization("acme")
    token = (await token_of(site))["secret"]
    keys = AsyncKeyManagement("http://keydesk.test", token, transport=Losing(site, 1))

    with pytest.raises(KeyAlreadyIssued) as lost:
        await keys.create_api_key(acme, "nightly", client_request_id="release-7")
    with pytest.raises(KeyAlreadyIssued) as again:
        await keys.create_api_key(acme, "nightly", client_request_id="release-7")

    (key,) = await keys.api_keys(acme)
    assert lost.value.api_key.id == again.value.api_key.id == key.id
    assert again.value.code == "API_KEY_ALREADY_ISSUED"


async def test_a_refusal_has_the_servers_code(site: Site) -> None:
    """Of a wrong input, a full organization, a key that is not there, and of another organization."""
    acme = site.organization("acme")
    keys = management_of(site, (await token_of(site))["secret"])
    await keys.create_api_key(acme, "first")
    await site.set_key_limit(1)

    async def code(operation: Any) -> tuple[str, str | None]:
        with pytest.raises(RequestRefused) as refused:
            await operation
        return refused.value.code, refused.value.field_name

    assert await code(keys.create_api_key(acme, "second")) == ("KEY_LIMIT_REACHED", None)
    assert await code(keys.rotate_api_key("key_1")) == ("API_KEY_NOT_FOUND", None)
    assert await code(keys.delete_api_key("key_1")) == ("API_KEY_NOT_FOUND", None)
    assert await code(keys.api_keys(site.organization("globex"))) == ("NOT_FOUND", None)
    await site.set_key_limit(10)
    assert await code(keys.create_api_key(acme, "")) == ("INVALID_INPUT", "name")


async def test_a_token_does_what_its_role_may(site: Site) -> None:
    """Agent-level keys of its agents only."""
    acme, own = site.organization("acme"), site.agent("own")
    keys = management_of(site, (await token_of(site, "AGENT_ADMIN", own))["secret"])

    assert (await keys.create_api_key(acme, "nightly", agent_id=own)).api_key.agent_id == own
    with pytest.raises(RequestRefused) as refused:
        await keys.create_api_key(acme, "everything")
    assert refused.value.code == "FORBIDDEN"


async def test_a_revoked_token_manages_nothing(site: Site) -> None:
    """From the next request on."""
    token = await token_of(site)
    keys = management_of(site, token["secret"])
    await keys.api_keys(site.organization("acme"))

    await (await site.person("ada")).graphql(REVOKE_TOKEN, id=token["serviceToken"]["id"])

    with pytest.raises(RequestRefused) as refused:
        await keys.api_keys(site.organization("acme"))
    assert refused.value.code == "UNAUTHENTICATED"
