"""The GraphQL mutations of the assistant and of support."""

import strawberry

from models.engine.ids import NO_SUCH_ID, Prefix, parse_external_id
from resolvers import conversations
from resolvers.tickets import contact_support
from schema.ask import (
    AskAssistantInput,
    AskAssistantResult,
    ContactSupportResult,
    asker,
    whole_answer,
)
from schema.context import Info
from schema.permissions import SignedIn
from schema.support import Message, to_message, to_ticket


@strawberry.type
class SupportMutations:
    @strawberry.mutation(
        permission_classes=[SignedIn],
        description=(
            "Asks the assistant. It uses only data that the viewer is allowed to see, and can't change anything."
        ),
    )
    async def ask_assistant(self, info: Info, input: AskAssistantInput) -> AskAssistantResult | None:
        return await whole_answer(info.context, input)

    @strawberry.mutation(permission_classes=[SignedIn], description="Null if the viewer has no such message.")
    async def rate_message(self, info: Info, message_id: strawberry.ID, helpful: bool) -> Message | None:
        context = info.context
        record = await conversations.rate(
            context.services.database,
            context.reader,
            context.actor,
            parse_external_id(Prefix.MESSAGE, message_id),
            helpful=helpful,
            now=context.services.clock(),
        )
        return None if record is None else to_message(record)

    @strawberry.mutation(
        permission_classes=[SignedIn],
        description=(
            "Hands over to the support team, with or without a conversation. A second call for the same conversation "
            "returns its ticket. A note has at most 2000 characters."
        ),
    )
    async def contact_support(
        self,
        info: Info,
        organization_id: strawberry.ID,
        conversation_id: strawberry.ID | None = None,
        note: str | None = None,
    ) -> ContactSupportResult | None:
        context = info.context
        here = asker(context, organization_id)
        handed_over = None if conversation_id is None else parse_external_id(Prefix.CONVERSATION, conversation_id)
        ticket = await contact_support(
            context.services.database,
            here.actor,
            here.person,
            context.support_channel,
            organization_id=here.organization_id,
            conversation_id=handed_over or (None if conversation_id is None else NO_SUCH_ID),
            note=note,
            prefixes=context.assistant.possessions.prefixes,
            now=context.services.clock(),
        )
        return to_ticket(ticket)
