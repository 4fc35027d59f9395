"""
Finds out what a person who pastes a complete key may learn: whether it is a key of this organization, and its state.

Another organization's key, an invented one and a mistyped one take the same steps and the same time: form, tag, one
read. Only a key of this organization is hashed; its state is reported whatever the result of the hash is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from assistant.facts.facts import PastedKey, Possession
from assistant.facts.question import Inquiry
from assistant.redaction.finding import Kind
from assistant.redaction.redact import Piece
from keys.outcomes import Outcome
from keys.token import Secret, ServerKeys, hint_of, parse, verify_tag
from keys.verification.verdict import RequestedAgent
from keys.verification.verifier import KeyVerifier
from models.engine.reader import Reader
from models.key_lookup import DatabaseUnavailable, KeyReader
from models.key_queries import ApiKeyRecord, key_record

_STATES = {
    Outcome.DELETED_KEY: Possession.DELETED,
    Outcome.REPLACED_SECRET: Possession.REPLACED,
    Outcome.INVALID_KEY: Possession.UNKNOWN,
    Outcome.MALFORMED_KEY: Possession.UNKNOWN,
    Outcome.UNAVAILABLE: Possession.UNCLEAR,
}


@dataclass(frozen=True, slots=True)
class PossessedKey:
    """A pasted key, and its id if it is one of this organization, whether or not the person may see that key."""

    pasted: PastedKey
    key_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Possessions:
    """Looks up pasted keys. The verifier counts no request, because a look-up is not a use of the key."""

    verifier: KeyVerifier
    reader: KeyReader
    server_keys: ServerKeys
    prefixes: tuple[str, ...]

    async def of(self, key: Secret, organization_id: UUID) -> tuple[Possession, UUID | None]:
        """What the person may learn about the key, and its id if it is a key of this organization."""
        token = parse(key.reveal(), self.prefixes)
        if token is None:
            return Possession.UNKNOWN, None
        is_genuine = verify_tag(self.server_keys, token) is not None
        try:
            state = await self.reader.read(token.public_id, None)
        except DatabaseUnavailable:
            return Possession.UNCLEAR, None
        if not is_genuine or state is None or state.organization_id != organization_id.hex:
            return Possession.UNKNOWN, None
        verdict = await self.verifier.verify(key.reveal(), RequestedAgent())
        # The key is good, except that a request might have to name its agent.
        told = _STATES.get(verdict.outcome, Possession.WORKS)
        return told, None if told is Possession.UNKNOWN else UUID(hex=state.key_id)


async def look_up_pasted(
    possessions: Possessions,
    reader: Reader,
    organization_id: UUID,
    inquiry: Inquiry,
    records: Sequence[ApiKeyRecord],
) -> list[PossessedKey]:
    """The keys that were pasted, each once. `records` are the keys that the person may see."""
    pieces = _keys_in(inquiry.pieces)
    return [
        _or_named(await _possessed(possessions, reader, organization_id, each, inquiry), each, records)
        for each in pieces
    ]


def _keys_in(pieces: Sequence[Piece]) -> list[Piece]:
    """Those that were pasted in place of a key, each key once."""
    found: dict[object, Piece] = {}
    for place, piece in enumerate(pieces):
        if piece.kind is Kind.KEY or piece.malformed is not None:
            # A key's older secret has its public id, too, and another hint.
            found.setdefault((piece.public_id, piece.hint) if piece.public_id else place, piece)
    return list(found.values())


def _or_named(found: PossessedKey, piece: Piece, records: Sequence[ApiKeyRecord]) -> PossessedKey:
    """A well-formed key that was not looked up is named by its hint, where that is of a key that they may see."""
    if found.pasted.possession is not None or found.pasted.malformed is not None or piece.public_id is None:
        return found
    named = [each.id for each in records if each.public_id == piece.public_id and hint_of(each) == piece.hint]
    return replace(found, key_id=named[0]) if len(named) == 1 else found


async def _possessed(
    possessions: Possessions, reader: Reader, organization_id: UUID, piece: Piece, inquiry: Inquiry
) -> PossessedKey:
    is_hint = piece.marker in inquiry.text and not piece.marker.startswith("[")
    pasted = PastedKey(piece.hint or piece.marker, piece.malformed, is_hint=is_hint)
    if piece.key is None or piece.public_id not in inquiry.may_look_up:
        return PossessedKey(pasted)
    possession, key_id = await possessions.of(piece.key, organization_id)
    day = None if key_id is None else await _changed_on(reader, key_id, possession)
    return PossessedKey(replace(pasted, possession=possession, changed_on=day), key_id)


async def _changed_on(reader: Reader, key_id: UUID, possession: Possession) -> datetime | None:
    """The day on which the key was deleted or its secret replaced: possession entitles to no more than the day."""
    if possession not in {Possession.DELETED, Possession.REPLACED}:
        return None
    record = await key_record(reader, key_id)
    at = None if record is None else record.deleted_at if possession is Possession.DELETED else record.rotated_at
    return None if at is None else at.replace(hour=0, minute=0, second=0, microsecond=0)
