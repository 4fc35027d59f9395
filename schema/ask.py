"""
GraphQL types and operations for asking the assistant.

`askAssistant` returns the whole answer, the subscription `assistantAnswer` streams it; both give the same answer.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated
from uuid import UUID

import strawberry

from assistant.facts.asker import Asker
from keys import refusals
from models.engine.ids import Prefix, external_id, parse_external_id
from resolvers.ask_request import AskRequest
from resolvers.assistant import Chunk, ask, asker_in
from schema.context import Context, Info
from schema.permissions import SignedIn
from schema.refusals import InvalidInput
from schema.support import AssistantAnswer, AssistantTextChunk, SupportTicket, to_conversation, to_message


@strawberry.input
class AskAssistantInput:
    organization_id: strawberry.ID
    message: str = strawberry.field(description="1 to 4000 characters.")
    conversation_id: strawberry.ID | None = strawberry.field(
        default=None,
        description=(
            "The viewer's conversation to continue. Without it, a new one starts. Any other id is InvalidInput."
        ),
    )
    client_message_id: strawberry.ID | None = strawberry.field(
        default=None,
        description=(
            "Chosen by the client. A message that is sent again with the same id gets the same answer, not a "
            "second one. The same id with another text is InvalidInput."
        ),
    )
    api_key_id: strawberry.ID | None = strawberry.field(
        default=None, description="The key that the person is looking at, if any."
    )
    request_id: strawberry.ID | None = strawberry.field(
        default=None, description="The refused request that the person asks about, if any."
    )
    suggestion_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The suggested reply that was clicked. One that this conversation was not offered is InvalidInput.",
    )
    language: str | None = strawberry.field(
        default=None,
        description=(
            "The language to answer in, as a BCP 47 tag such as de, pt-BR or zh-Hans, if the person chose one: English "
            "for languages that Keydesk does not have. Without it, the answer is in the message's own language."
        ),
    )


AskAssistantResult = Annotated[AssistantAnswer | InvalidInput, strawberry.union("AskAssistantResult")]
AssistantEvent = Annotated[
    AssistantTextChunk | AssistantAnswer | InvalidInput,
    strawberry.union("AssistantEvent", description="Chunks, then the answer; or only InvalidInput."),
]
ContactSupportResult = Annotated[SupportTicket | InvalidInput, strawberry.union("ContactSupportResult")]


@strawberry.type
class Subscription:
    @strawberry.subscription(
        permission_classes=[SignedIn], description="The same answer as askAssistant, streamed while it is written."
    )
    async def assistant_answer(self, info: Info, input: AskAssistantInput) -> AsyncGenerator[AssistantEvent, None]:
        try:
            async with aclosing(answered(info.context, input)) as events:
                async for event in events:
                    yield event
        except refusals.InvalidInput as refusal:
            yield InvalidInput(field=refusal.field, message=refusal.message)


async def answered(
    context: Context, input: AskAssistantInput
) -> AsyncGenerator[AssistantTextChunk | AssistantAnswer, None]:
    """Yields chunks of the answer's text, then the answer. Raises NotFound, InvalidInput and TooManyRequests."""
    asking = AskRequest(
        message=input.message,
        conversation_id=_conversation_id(input),
        has_unreadable_conversation=input.conversation_id is not None and _conversation_id(input) is None,
        client_message_id=input.client_message_id,
        api_key_id=input.api_key_id,
        request_id=input.request_id,
        suggestion_id=input.suggestion_id or None,
        language=input.language,
    )
    async with aclosing(ask(context.assistant, asker(context, input.organization_id), asking)) as events:
        async for event in events:
            if isinstance(event, Chunk):
                conversation_id = external_id(Prefix.CONVERSATION, event.conversation_id)
                yield AssistantTextChunk(conversation_id=strawberry.ID(conversation_id), text=event.text)
            else:
                yield AssistantAnswer(conversation=to_conversation(event.conversation), reply=to_message(event.message))


async def whole_answer(context: Context, input: AskAssistantInput) -> AssistantAnswer:
    """Asks the assistant and returns only the answer. Raises NotFound, InvalidInput and TooManyRequests."""
    async with aclosing(answered(context, input)) as events:
        async for event in events:
            if isinstance(event, AssistantAnswer):
                return event
    raise RuntimeError("an answer that was written to its end was not given")


def asker(context: Context, organization_id: strawberry.ID) -> Asker:
    """The signed-in person as somebody who asks in this organization. Raises NotFound if they are not in it."""
    signed_in = context.require_signed_in()
    return asker_in(
        signed_in.actor,
        signed_in.person,
        signed_in.memberships,
        parse_external_id(Prefix.ORGANIZATION, organization_id),
    )


def _conversation_id(input: AskAssistantInput) -> UUID | None:
    return None if input.conversation_id is None else parse_external_id(Prefix.CONVERSATION, input.conversation_id)
