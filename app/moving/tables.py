"""The tables of a workspace, each with the statements that copy, compare and delete its rows.

The statements are those of sql/tables.sql, which PostgreSQL composes from its catalogue. `$1` is the workspace, `$2` a
list of buckets.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import psycopg
from psycopg.rows import dict_row

from app.db.queries import load_queries

QUERIES = load_queries(__package__, "tables.sql")
#: The parts of a table that are compared one by one, by a hash of the primary key. A part that differs is copied again.
BUCKETS = 4096

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedTable:
    """A table, and its statements."""

    name: str
    #: Whether rows of other tables reference its rows, so that these cannot be deleted and inserted again.
    is_referenced: bool
    digests: str
    copy_out: str
    copy_in: str
    delete_buckets: str
    create_moved: str
    copy_moved: str
    drop_moved: str
    delete_gone: str
    free_names: str | None
    #: None for a table whose columns are all in its key.
    update_changed: str | None
    insert_new: str
    protect: str
    unprotect: str
    delete_all: str


def list_tables(connection: Connection, workspace_id: int) -> Sequence[MovedTable]:
    """Return the tables with rows of workspaces, each after the tables that it references."""
    parameters = {"buckets": BUCKETS, "workspace_id": workspace_id}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(QUERIES["list_tables"], parameters, prepare=False).fetchall()
    names = {field.name for field in fields(MovedTable)}
    return [MovedTable(**{name: value for name, value in row.items() if name in names}) for row in rows]


def run_statement(connection: Connection, statement: str, *parameters: object) -> psycopg.Cursor[Any]:
    """Execute a statement of a table, with `$1` and further parameters, and return its cursor."""
    cursor = psycopg.RawCursor(connection, row_factory=dict_row)
    # PostgreSQL composed and quoted the text.
    return cursor.execute(statement.encode(), parameters or None, prepare=False)
