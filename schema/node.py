"""Finds the object with an id, of any type that has one, for clients that read an object again."""

from uuid import UUID

from models.engine.ids import Prefix, parse_external_id
from resolvers import agents, api_keys, conversations, invitations, key_requests, members
from schema.api_key import to_agent, to_api_key
from schema.context import Context
from schema.interfaces import Node
from schema.key_request import to_key_request
from schema.members import to_invitation
from schema.organization import to_user
from schema.support import to_conversation
from schema.tokens.types import to_service_token
from schema.viewer import to_organization


async def find_node(context: Context, text: str) -> Node | None:
    """The object with this external id; None if it does not exist or the person or program is not allowed to see it."""
    for prefix in Prefix:
        found = parse_external_id(prefix, text)
        if found is not None:
            return await _node(context, prefix, found)
    return None


async def _node(context: Context, prefix: Prefix, value: UUID) -> Node | None:
    actor, reader = context.actor, context.reader
    match prefix:
        case Prefix.ORGANIZATION:
            found = (each for each in context.memberships if each.organization.id == value)
            return next(map(to_organization, found), None)
        case Prefix.AGENT:
            agent = await agents.agent(reader, actor, agent_id=value)
            return None if agent is None else to_agent(agent[1], agent[0])
        case Prefix.PERSON:
            person = await members.person(reader, actor, person_id=value)
            return None if person is None else to_user(person)
        case Prefix.API_KEY:
            key = await api_keys.api_key(reader, actor, key_id=value)
            return None if key is None else to_api_key(key, actor, context.services.clock())
        case Prefix.CONVERSATION:
            conversation = await conversations.conversation(reader, actor, value)
            return None if conversation is None else to_conversation(conversation)
        case Prefix.INVITATION:
            invitation = await invitations.invitation(reader, actor, invitation_id=value)
            return None if invitation is None else to_invitation(invitation)
        case Prefix.TOKEN:
            token = await context.tokens.by_id.load(value)
            return None if token is None else to_service_token(token)
        case Prefix.KEY_REQUEST:
            request = await key_requests.key_request(reader, actor, request_id=value)
            return None if request is None else to_key_request(request)
        case _:
            return None
