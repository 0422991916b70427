"""Alembic's entry: connects, takes the migration lock, and runs the revisions with timeouts set."""

from alembic import context
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from app.migrations import run_sql

#: A number of our own for pg_advisory_xact_lock: one migration at a time, whoever starts it.
MIGRATION_LOCK = 0x6D657267656C616E  # "mergelan"


def run() -> None:
    """Run the pending revisions, and see that the processes' role has what it needs, in one transaction.

    A migration that waits for a lock longer than lock_timeout gives up instead of blocking everybody behind it.
    """
    engine = create_engine(context.config.attributes["url"], poolclass=NullPool)
    with engine.connect() as connection, connection.begin():
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATION_LOCK})
        connection.execute(text("SET LOCAL lock_timeout = '4s'"))
        connection.execute(text("SET LOCAL statement_timeout = '60s'"))
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
            run_sql("access.sql", connection)


run()
