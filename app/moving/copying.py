"""Makes the rows of a workspace in another database equal to those of this one, by copying the buckets that differ.

It can be interrupted at any row and repeated: the next pass copies what still differs. Rows that other tables reference
are updated in place; other rows are deleted and inserted.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from app.db.queries import load_queries
from app.errors import SetupError
from app.moving.comparison import find_differing, read_digests
from app.moving.tables import Connection, MovedTable, list_tables, run_statement

QUERIES = load_queries(__package__, "workspaces.sql")
LOG = logging.getLogger(__name__)

#: Lets the owner of the tables change audits and closed workspaces.
AS_MOVER = b"SET LOCAL mergelane.audit_change = 'moving'"
SNAPSHOT = b"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"


@contextmanager
def changing(connection: Connection) -> Iterator[None]:
    """Run the block in a transaction that may change a closed workspace."""
    with connection.transaction():
        connection.execute(AS_MOVER, prepare=False)
        yield


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """Run the block in a transaction that sees all rows as of one moment."""
    with connection.transaction():
        connection.execute(SNAPSHOT, prepare=False)
        yield


@contextmanager
def _arriving(target: Connection, workspace_id: int) -> Iterator[None]:
    """Run the block in a transaction that keeps the workspace closed. Raises SetupError when it is open."""
    with changing(target):
        if target.execute(QUERIES["hold_arriving"], {"workspace_id": workspace_id}).fetchone() is None:
            raise SetupError("Another command has opened or deleted the workspace in the other cell. Run this again.")
        yield


def copy_differences(source: Connection, target: Connection, workspace_id: int) -> int:
    """Make the rows in *target* equal to those in one snapshot of *source*; return how many rows were sent.

    Both connections are those of owners, in autocommit mode. A table is committed by itself: deletions from children to
    parents, then the rest from parents to children. So references hold at each commit.
    """
    with snapshot(source):
        tables = list_tables(source, workspace_id)
        changes = list(_find_changes(source, target, tables, workspace_id))
        sent = 0
        for change in reversed(changes):
            with _arriving(target, workspace_id):
                sent += change.delete()
        for change in changes:
            with _arriving(target, workspace_id):
                sent += change.write()
    return sent


class _Change:
    """The buckets of a table that differ."""

    def __init__(
        self, source: Connection, target: Connection, table: MovedTable, workspace_id: int, buckets: Sequence[int]
    ) -> None:
        self._source = source
        self._target = target
        self._table = table
        self._workspace_id = workspace_id
        self._buckets = list(buckets)

    def delete(self) -> int:
        """Delete what the source does not have. Rows that others reference are sent first; return their number."""
        if not self._table.is_referenced:
            run_statement(self._target, self._table.delete_buckets, self._workspace_id, self._buckets)
            return 0
        run_statement(self._target, self._table.drop_moved)
        run_statement(self._target, self._table.create_moved)
        sent = self._send(self._table.copy_moved)
        run_statement(self._target, self._table.delete_gone, self._workspace_id, self._buckets)
        return sent

    def write(self) -> int:
        """Insert and update what differs; return the number of rows that were sent for it."""
        if not self._table.is_referenced:
            return self._send(self._table.copy_in)
        for statement in (self._table.free_names, self._table.update_changed):
            if statement is not None:
                run_statement(self._target, statement, self._workspace_id)
        run_statement(self._target, self._table.insert_new)
        run_statement(self._target, self._table.drop_moved)
        return 0

    def _send(self, copy_in: str) -> int:
        """Copy the rows of the buckets from the source; return their number."""
        buckets = ",".join(map(str, self._buckets))
        copy_out = self._table.copy_out.replace("{buckets}", f"'{{{buckets}}}'::integer[]")
        cursor = self._target.cursor()
        with self._source.cursor().copy(copy_out.encode()) as rows, cursor.copy(copy_in.encode()) as copied:
            for data in rows:
                copied.write(data)
        LOG.info("rows_copied", extra={"table": self._table.name, "rows": cursor.rowcount})
        return cursor.rowcount


def _find_changes(
    source: Connection, target: Connection, tables: Sequence[MovedTable], workspace_id: int
) -> Iterator[_Change]:
    """Yield the changes of the tables that differ, in the order of *tables*."""
    for table in tables:
        of_source = read_digests(source, table, workspace_id)
        of_target = read_digests(target, table, workspace_id)
        if buckets := find_differing(of_source, of_target):
            yield _Change(source, target, table, workspace_id, buckets)
