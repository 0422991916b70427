"""Alembic's entry: connects, takes the migration lock, and runs the revisions with timeouts set."""

from threading import Event

from alembic import context
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from app.db.migrations import run_sql

#: A number of our own for pg_advisory_lock: one migration at a time, whoever starts it.
MIGRATION_LOCK = 0x6D657267656C616E  # "mergelan"
#: Seconds between two tries to take it.
LOOK_S = 0.1
#: A statement that takes longer belongs into a file of its own that sets its own limit.
STATEMENT_TIMEOUT = "60s"


def run() -> None:
    """Run the pending revisions, each in one transaction, and see that the processes' role has what it needs.

    A migration that waits for a lock longer than lock_timeout gives up instead of blocking everybody behind it.
    """
    engine = create_engine(
        context.config.attributes["url"], poolclass=NullPool, connect_args={"application_name": "mergelane-migrate"}
    )
    with engine.connect() as connection:
        wait_for_turn(connection)
        timeouts = {"lock": f"{context.config.attributes['lock_timeout_ms']}ms", "statement": STATEMENT_TIMEOUT}
        set_both = "SELECT set_config('lock_timeout', :lock, false), set_config('statement_timeout', :statement, false)"
        connection.execute(text(set_both), timeouts)
        connection.commit()
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
        with connection.begin():
            run_sql("access.sql", connection)


def wait_for_turn(connection: Connection) -> None:
    """Take the migration lock, which the end of the connection gives back.

    It is asked for again and again: whoever waited in PostgreSQL itself would be an open transaction, and an index that
    is built CONCURRENTLY waits for the end of all of those, which would be waiting for each other.
    """
    pause = Event()
    while not connection.execute(text("SELECT pg_try_advisory_lock(:number)"), {"number": MIGRATION_LOCK}).scalar():
        connection.rollback()
        pause.wait(LOOK_S)
    connection.commit()


run()
