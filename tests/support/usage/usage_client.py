"""GraphQL documents for a key's usage, and keys to run them on."""

from typing import Any
from uuid import UUID

from models.engine.ids import Prefix, external_id
from tests.support.client import Answer, Client, Site
from tests.support.usage.rows import key_of, store

STANDING = """
rateLimit { limit windowSeconds remaining resetsAt }
quota { limit used remaining periodStart periodEnd }
"""
POINTS = "{ start allowed rateLimited quotaExceeded refused }"
REFUSED = "{ id reason at ipAddress userAgent agent { id name deletedAt } }"
CALLERS = "{ ipAddress userAgent firstSeenAt lastSeenAt requests }"
USED = "query ($id: ID!) { apiKey(id: $id) { lastUsedAt previousSecretLastUsedAt } }"
MONTH = 'series(from: "2026-10-01T00:00:00Z", to: "2026-11-01T00:00:00Z")'
EVERYTHING = f"""
{STANDING}
series(from: "2026-11-24T00:00:00Z", to: "2026-11-24T12:30:00Z") {POINTS}
refusals {REFUSED} callers {CALLERS}
"""


async def usage(client: Client, key_id: str, fields: str, **variables: Any) -> Any:
    """The `usage` field of the key."""
    return (await ask(client, key_id, fields, **variables)).value["usage"]


async def ask(client: Client, key_id: str, fields: str, **variables: Any) -> Answer:
    """Reads the key's usage; the variables are instants."""
    declared = "".join(f", ${name}: DateTime!" for name in variables)
    document = f"query ($id: ID!{declared}) {{ apiKey(id: $id) {{ usage {{ {fields} }} }} }}"
    return await client.graphql(document, id=key_id, **variables)


async def issue(site: Site, agent: str | None = None) -> tuple[str, str]:
    """The id and the secret of a new key of Acme, or of Acme's agent."""
    ada = await site.person("ada")
    issued = (await ada.create(site.organization("acme"), "deploy", None if agent is None else site.agent(agent))).value
    return issued["apiKey"]["id"], issued["secret"]


async def written(site: Site) -> None:
    """Writes everything that was recorded so far to the database."""
    await site.app._metering.recorder.write()


async def stored(site: Site, **columns: Any) -> tuple[UUID, str]:
    """The internal and the external id of a key of Acme that was never used."""
    key = key_of(site.world.acme, **columns)
    await store(site.database, key)
    return key.id, external_id(Prefix.API_KEY, key.id)
