"""The column types that every table shares: aware UTC instants, references between tables, and text from outside."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, String, TypeDecorator
from sqlmodel import Field, SQLModel

IP_ADDRESS_LENGTH_AT_MOST = 45
EXTERNAL_ID_LENGTH_AT_MOST = 255
"""In characters, of a host product's own id."""
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


# Every constraint has the same name on each database, so that migrations can refer to it.
SQLModel.metadata.naming_convention = NAMING_CONVENTION


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant in UTC. SQLite has no zones: there it is stored as UTC and read back as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant must carry its time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def storable(text: str, at_most: int) -> str:
    """
    The text in a form that every database accepts: at most `at_most` characters, with U+FFFD instead of NUL and of half
    a surrogate pair. PostgreSQL refuses all three.
    """
    text = text[:at_most]
    if text.isascii():
        return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    whole = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-16-le", "surrogatepass")
    return whole.decode("utf-16-le", "replace")


class OutsideText(TypeDecorator[str]):
    """
    Text that comes from outside, such as a user agent. A text that does not fit is cut, so that it never fails a write.

    Don't use it for a text that rows are looked up by: a cut text could equal another one.
    """

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value, self.length)


def outside_text(length: int, *, primary_key: bool = False) -> Any:
    """Required text from outside, clipped to the length."""
    return Field(sa_type=OutsideText(length), nullable=False, primary_key=primary_key)


def optional_outside_text(length: int) -> Any:
    """Text from outside that may be missing, clipped to the length."""
    return Field(default=None, sa_type=OutsideText(length), nullable=True)


def instant(*, index: bool = False) -> Any:
    """A required instant."""
    return Field(sa_type=UtcDateTime, nullable=False, index=index)


def optional_instant() -> Any:
    """An instant that may be missing."""
    return Field(default=None, sa_type=UtcDateTime, nullable=True)


def reference(target: str, *, primary_key: bool = False, index: bool = False) -> Any:
    """A required foreign key; without an action, so that nothing is deleted by accident."""
    return Field(foreign_key=target, nullable=False, primary_key=primary_key, index=index)


def optional_reference(target: str) -> Any:
    """A foreign key that may be missing."""
    return Field(default=None, foreign_key=target, nullable=True)
