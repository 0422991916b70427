"""Switches off the triggers that guard the audit, so that a test can damage its rows or change their times."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

GUARDED = ("merge_record", "identify_record", "undo_record", "audit_entry", "batch", "job")


@contextmanager
def unguarded(connection: psycopg.Connection[object]) -> Iterator[None]:
    """Disable the triggers that guard the audit during the block; *connection* must be that of the owner."""
    for table in GUARDED:
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
    try:
        yield
    finally:
        for table in GUARDED:
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER".encode())
