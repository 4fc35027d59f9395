"""
Finds out what a person who pastes a complete key may learn: whether it is a key of this organization, and its state.

Another organization's key, an invented one and a mistyped one take the same steps and the same time: form, tag, one
read. Only a key of this organization is hashed; its state is reported whatever the result of the hash is.
"""

from dataclasses import dataclass
from uuid import UUID

from assistant.facts.facts import Possession
from keys.outcomes import Outcome
from keys.token import Secret, ServerKeys, parse, verify_tag
from keys.verification.verdict import RequestedAgent
from keys.verification.verifier import KeyVerifier
from models.key_lookup import DatabaseUnavailable, KeyReader

_STATES = {
    Outcome.DELETED_KEY: Possession.DELETED,
    Outcome.REPLACED_SECRET: Possession.REPLACED,
    Outcome.INVALID_KEY: Possession.UNKNOWN,
    Outcome.MALFORMED_KEY: Possession.UNKNOWN,
    Outcome.UNAVAILABLE: Possession.UNCLEAR,
}


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
