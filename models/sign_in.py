"""Owns failed sign-ins, which throttle the next ones."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from models.columns import instant
from models.ids import new_id


class SignInFailure(SQLModel, table=True):
    """
    An attempt that did not succeed, or has not yet: it is written before the password is looked at and taken back on
    success, so that attempts made at the same time count. The account is a keyed digest of the address, known or not;
    the device is the id in the signed cookie of a browser that this account was signed in on before, else null.
    """

    __tablename__ = "sign_in_failures"
    __table_args__ = (
        Index("ix_sign_in_failures_account_at", "account", "at"),
        Index("ix_sign_in_failures_ip_address_at", "ip_address", "at"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    account: str = Field(max_length=64)
    ip_address: str = Field(max_length=45)
    device: str | None = Field(default=None, max_length=64)
    at: datetime = instant(index=True)
