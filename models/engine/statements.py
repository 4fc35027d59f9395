"""Statements that several tables need: INSERT … ON CONFLICT, and DELETE in small numbers beside other writers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, delete, inspect, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from models.engine.database_address import POSTGRESQL


def dialect_of(session: AsyncSession) -> str:
    """The name of the session's database system, SQLITE or POSTGRESQL."""
    return session.get_bind().dialect.name


def upsert(table: type[SQLModel] | Table, dialect: str) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that takes `on_conflict_do_update` or `on_conflict_do_nothing`."""
    return postgresql.insert(table) if dialect == POSTGRESQL else sqlite.insert(table)


async def delete_rows(
    session: AsyncSession,
    table: type[SQLModel],
    *conditions: ColumnElement[bool],
    oldest_by: Any = None,
    at_most: int | None = None,
    returning: Sequence[Any] = (),
) -> Sequence[Row[Any]]:
    """
    Deletes rows that meet all conditions; returns the columns named, of each row deleted.

    With `oldest_by` and `at_most`, those whose value is the lowest, up to that number. Rows that another transaction
    has locked stay: a transaction that waits for nobody is part of no deadlock.
    """
    key: Sequence[ColumnElement[Any]] = inspect(table).primary_key
    chosen = select(*key).where(*conditions).order_by(oldest_by).limit(at_most).with_for_update(skip_locked=True).cte()
    dropped = delete(table).where(tuple_(*key).in_(select(*chosen.c))).returning(*(returning or key))
    return (await session.execute(dropped.execution_options(synchronize_session=False))).all()


async def drop_before(session: AsyncSession, column: Any, moment: datetime, *, at_most: int | None = None) -> int:
    """
    Deletes rows whose instant in the column is before the moment, the oldest first, up to `at_most`.

    `column` is an attribute of a table's class, such as `Ticket.created_at`. Returns the number of rows.
    """
    return len(await delete_rows(session, column.class_, column < moment, oldest_by=column, at_most=at_most))
