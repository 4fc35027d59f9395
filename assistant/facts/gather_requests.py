"""Reads refused requests, and the agents that they were for, on behalf of a person."""

import asyncio
from collections.abc import Collection
from uuid import UUID

from assistant.facts.asker import Asker, Knowledge
from assistant.facts.facts import RefusalFacts, RequestFacts
from assistant.facts.gather_keys import key_facts
from keys.policy import Action, may_on
from models.agent import NamedAgent, named_agents
from models.engine.ids import Prefix, external_id, parse_external_id
from models.engine.reader import Reader
from models.key_queries import key_record
from models.usage.request_queries import FoundRequest, RefusedRecord, refused_request

LOOK_AGAIN_SECONDS = 0.15


async def find_request(knowledge: Knowledge, asker: Asker, request_id: str | None) -> RequestFacts | None:
    """
    The refused request with this id, if the person may see it. Waits for it to be written.

    A request that never existed and one that the person may not see take the same steps and the same time.
    """
    value = None if request_id is None else parse_external_id(Prefix.REQUEST, request_id)
    if value is None:
        return None
    clock = asyncio.get_running_loop().time
    until = clock() + knowledge.wait_seconds
    while True:
        found = await refused_request(knowledge.reader, value)
        if found is None:
            # A request that is found has its key looked up. This look-up finds nothing and takes as long.
            await key_record(knowledge.reader, value)
        visible = None if found is None else await _visible_request(knowledge.reader, asker, found)
        if visible is not None:
            return visible
        if clock() >= until:
            return None
        await asyncio.sleep(min(LOOK_AGAIN_SECONDS, max(0.0, until - clock())))


async def visible_agents(reader: Reader, asker: Asker, agent_ids: Collection[UUID]) -> dict[UUID | None, NamedAgent]:
    """The agents among `agent_ids` that the person may see."""
    known = asker.of_agents
    wanted = {each for each in agent_ids if known is None or each in known}
    found = await named_agents(reader, wanted) if wanted else {}
    return {agent_id: agent for (where, agent_id), agent in found.items() if where == asker.organization_id}


def refusal_facts(row: RefusedRecord | FoundRequest, agents: dict[UUID | None, NamedAgent]) -> RefusalFacts:
    """The refused request, with its agent if it is in `agents`."""
    request_id = external_id(Prefix.REQUEST, row.request_id)
    return RefusalFacts(request_id, row.reason, row.at, row.ip_address, row.user_agent, agents.get(row.agent_id))


async def _visible_request(reader: Reader, asker: Asker, found: FoundRequest) -> RequestFacts | None:
    """The request as the person may see it, or None if they may not see its key."""
    if found.key_id is None:
        refusal = RefusalFacts(external_id(Prefix.REQUEST, found.request_id), found.reason, found.at)
        return RequestFacts(refusal, detail=found.detail)
    record = await key_record(reader, found.key_id)
    if record is None or record.organization_id != asker.organization_id:
        return None
    if not may_on(asker.actor, Action.SEE_KEY, record):
        return None
    agents = await visible_agents(reader, asker, [found.agent_id] if found.agent_id else [])
    return RequestFacts(refusal_facts(found, agents), key=key_facts(asker.actor, record, {}))
