"""Creating a key again with the same client request id, after an answer that was lost, takes no second slot."""

import hashlib
import json
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys import policy
from keys.looks_like_a_key import KEY_AS_ID, is_a_whole_key
from keys.policy import Action, Actor
from keys.refusals import ApiKeyAlreadyIssued, InvalidInput
from keys.text import is_unprintable
from models.client_request import (
    REQUEST_ID_LENGTH_AT_MOST,
    ClientRequest,
    created_by_request,
    insert_client_request,
)
from models.key_queries import key_record

FIELD = "clientRequestId"
USED = (
    "This id was used within the last 24 hours for another API key. Use a new id for each key, and the same id only to "
    "send the same request again."
)


def valid_request_id(text: str | None) -> str | None:
    """Returns the id, or None where there is none. Raises InvalidInput."""
    if text is None:
        return None
    if not 1 <= len(text) <= REQUEST_ID_LENGTH_AT_MOST:
        raise InvalidInput(FIELD, f"Use an id of 1 to {REQUEST_ID_LENGTH_AT_MOST} characters, such as a random UUID.")
    if is_a_whole_key(text):
        raise InvalidInput(FIELD, KEY_AS_ID)
    if any(map(is_unprintable, text)):
        raise InvalidInput(FIELD, "The id contains an invisible character. Use an id such as a random UUID.")
    return text


def input_digest(*values: object) -> str:
    """A digest of a creation's input. Equal inputs have equal digests."""
    return hashlib.sha256(json.dumps([str(value) for value in values]).encode()).hexdigest()


async def refuse_repetition(session: AsyncSession, actor: Actor, request_id: str, digest: str, now: datetime) -> None:
    """
    Raises ApiKeyAlreadyIssued if the actor's request with this id has created its key, and InvalidInput if that request
    had another input, or if its key is not for the actor's eyes any more.
    """
    if actor.counted_as is None:
        return
    created = await created_by_request(session, actor_id=actor.counted_as, request_id=request_id, now=now)
    if created is None:
        return
    key = await key_record(session, created.api_key_id)
    if key is None or created.input_digest != digest or not policy.may_on(actor, Action.SEE_KEY, key):
        raise InvalidInput(FIELD, USED)
    raise ApiKeyAlreadyIssued(key)


async def keep_request(
    session: AsyncSession, actor: Actor, request_id: str, digest: str, key_id: UUID, now: datetime
) -> None:
    """
    Stores that the actor's request with this id has created this key. Raises InvalidInput if another request with the
    id came first, for another organization.
    """
    if actor.counted_as is None:
        return
    row = ClientRequest(
        actor_id=actor.counted_as, request_id=request_id, input_digest=digest, api_key_id=key_id, created_at=now
    )
    if not await insert_client_request(session, row):
        raise InvalidInput(FIELD, USED)
