"""Types and options of tables that differ between SQLite and PostgreSQL. The rest of it is in the backends."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Index,
    Integer,
    Select,
    Table,
    Text,
    TextClause,
    TypeDecorator,
)
from sqlalchemy.types import TypeEngine

Count = BigInteger().with_variant(Integer, "sqlite")
"""Whole numbers up to 2**63 - 1."""
LARGEST = 2**63 - 1

serial_table: Mapping[str, Any] = {"sqlite_autoincrement": True}
"""Options of a table whose numbers are never given again."""
sorted_table: Mapping[str, Any] = {"sqlite_with_rowid": False}
"""Options of a table of small rows, kept in the order of its key."""


class Prose(TypeDecorator[str]):
    """Text of anybody: what no database takes (a NUL, half of a surrogate pair) becomes a replacement character."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the text as it is kept, and looked for."""
        if value is None or (value.isascii() and "\0" not in value):
            return value
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


class Key(Prose):
    """Text that is looked up and put in order: in that of its code points, whatever the language of the database."""

    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """Return the type of the column."""
        return dialect.type_descriptor(Text(collation="C" if dialect.name == "postgresql" else None))


def partial_index(name: str, *columns: Column[Any], where: TextClause, unique: bool = False) -> Index:
    """Make an index of the rows for which `where` holds."""
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


def by_index(asked: Select[Any], table: Table, name: str) -> Select[Any]:
    """Have rows looked up in an index of few of them: SQLite does not know that they are few."""
    return asked.with_hint(table, f"INDEXED BY {name}", "sqlite")
