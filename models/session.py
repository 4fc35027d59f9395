"""Owns sign-in sessions: who is signed in, kept under a digest of the cookie's value."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from models.columns import instant, reference
from models.ids import new_id


class SignInSession(SQLModel, table=True):
    """A signed-in browser. `token_digest` is SHA-256 of the cookie's value: the value itself is nowhere."""

    __tablename__ = "sign_in_sessions"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    token_digest: str = Field(max_length=64, unique=True)
    person_id: UUID = reference("people.id", index=True)
    created_at: datetime = instant()
    last_seen_at: datetime = instant()
