"""The shape of a database's schema, and what of a change to it breaks programs that are older than the change."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, inspect

OF_ALEMBIC = "alembic_version"


class Column(NamedTuple):
    """A column. `may_be_left_out` says whether a row can be inserted without it."""

    type: str
    is_nullable: bool
    may_be_left_out: bool


class Constraint(NamedTuple):
    """A rule that refuses rows: its kind, its name, what it says, and the columns of a unique index."""

    kind: str
    name: str
    says: str
    columns: tuple[str, ...] = ()


class Table(NamedTuple):
    """A table's columns by their names, and its constraints."""

    columns: dict[str, Column]
    constraints: frozenset[Constraint]


Shape = dict[str, Table]


def shape_of(connection: Connection) -> Shape:
    """The shape of the database that this connection is to."""
    names = set(inspect(connection).get_table_names()) - {OF_ALEMBIC}
    return {name: _table(connection, name) for name in names}


def broken_by(before: Shape, after: Shape) -> list[str]:
    """What programs that were made for `before` can no longer do on `after`, in one sentence each."""
    found = []
    for name, table in before.items():
        if name not in after:
            found.append(f"the table {name} is gone")
            continue
        found += [f"{name}: {each}" for each in _broken_columns(table, after[name])]
        new = [
            each
            for each in after[name].constraints - table.constraints
            if not _is_of_new_column(each, table, after[name])
        ]
        found += [f"{name}: the new {each.kind} {each.name} may refuse rows that were fine before" for each in new]
    return sorted(found)


def _is_of_new_column(rule: Constraint, before: Table, after: Table) -> bool:
    """
    Whether the rule is a unique index with a column that programs of before leave empty: an empty value equals no
    other.
    """
    new = [name for name in rule.columns if name not in before.columns]
    return any(after.columns[name].is_nullable for name in new)


def _broken_columns(before: Table, after: Table) -> list[str]:
    found = [f"the column {name} is gone" for name in before.columns if name not in after.columns]
    for name, column in after.columns.items():
        old = before.columns.get(name)
        if old is None:
            if not column.may_be_left_out:
                found.append(f"the new column {name} must not be NULL and has no server default")
        elif old.type != column.type:
            found.append(f"the column {name} was {old.type} and is {column.type}")
        elif (old.is_nullable and not column.is_nullable) or (old.may_be_left_out and not column.may_be_left_out):
            found.append(f"the column {name} may no longer be left out")
    return found


def _names(columns: Sequence[str | None]) -> tuple[str, ...]:
    return tuple(name for name in columns if name is not None)


def _table(connection: Connection, name: str) -> Table:
    inspector = inspect(connection)
    columns = {
        str(each["name"]): Column(
            str(each["type"]),
            bool(each["nullable"]),
            bool(each["nullable"]) or each["default"] is not None or each.get("autoincrement") is True,
        )
        for each in inspector.get_columns(name)
    }
    rules = [
        *(Constraint("check", str(each["name"]), each["sqltext"]) for each in inspector.get_check_constraints(name)),
        *(
            Constraint("unique rule", str(each["name"]), str(each["column_names"]))
            for each in inspector.get_unique_constraints(name)
        ),
        *(
            Constraint("unique index", str(each["name"]), str(each["column_names"]), _names(each["column_names"]))
            for each in inspector.get_indexes(name)
            if each["unique"]
        ),
        *(
            Constraint("foreign key", str(each["name"]), f"{each['constrained_columns']} {each['referred_table']}")
            for each in inspector.get_foreign_keys(name)
        ),
    ]
    return Table(columns, frozenset(rules))
