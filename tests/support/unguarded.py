"""Damage done to the audit, or time passed for it, by a test: what guards it is off for as long as that lasts."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

GUARDED = ("merge_record", "identify_record", "undo_record", "audit_entry", "batch", "job")


@contextmanager
def unguarded(connection: psycopg.Connection[object]) -> Iterator[None]:
    """Switch off on *connection*, which is the owner's, what refuses to change the audit."""
    for table in GUARDED:
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
    try:
        yield
    finally:
        for table in GUARDED:
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER".encode())
