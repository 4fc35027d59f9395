"""
Owns what a key that was pasted whole entitles to know: whether it is one of this organization, and how it stands.

A key of another organization, one that never was and one with a letter changed take the same steps and the same time:
form, tag, one read. Only one of this organization is hashed, of which its state is told whatever comes out.
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
    """Looks pasted keys up. The gate counts nothing: looking is no use of a key."""

    verifier: KeyVerifier
    reader: KeyReader
    server_keys: ServerKeys
    prefixes: tuple[str, ...]

    async def of(self, key: Secret, organization_id: UUID) -> tuple[Possession, UUID | None]:
        """What is told of the key, and its id where it is one of this organization."""
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
        # Good, or good but for the agent that a request would have to name.
        told = _STATES.get(verdict.outcome, Possession.WORKS)
        return told, None if told is Possession.UNKNOWN else UUID(hex=state.key_id)
