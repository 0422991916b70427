"""Alembic's entry point: connects, takes the migration lock, and runs the pending revisions with timeouts."""

from threading import Event
from typing import Any

import psycopg
from alembic import context
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from app.db.citus.distribute import (
    Distribution,
    create_role_on_nodes,
    distribute,
    prepare_session,
    require_distributable,
)
from app.db.distribution import is_distributed
from app.db.migrations import (
    driver_connection,
    migration_engine,
    prepare_database,
    replace_functions,
    require_rights,
    run_sql,
)
from app.db.rights import correct_rights
from app.db.schema_version import explain_newer
from app.errors import SetupError

#: The number of our advisory lock. It lets one process migrate at a time.
MIGRATION_LOCK = 0x6D657267656C616E  # "mergelan"
#: Seconds between two attempts to take the lock.
LOCK_POLL_S = 0.1
#: A statement that needs longer sets its own limit in its file.
STATEMENT_TIMEOUT = "60s"
BACKEND = text("SELECT pg_backend_pid()")
POOLED = (
    "DATABASE_URL leads to a pooler in transaction mode, and a migration needs a session: it holds a lock. Use the"
    " address of PostgreSQL itself for `mergelane migrate`."
)


def run() -> None:
    """Run the pending revisions, each in one transaction; then replace the functions and correct the rights.

    A schema that a newer version has migrated stays as it is.
    """
    with migration_engine(context.config.attributes["url"]).connect() as connection:
        require_session(connection)
        wait_for_lock(connection)
        timeouts = {"lock": f"{context.config.attributes['lock_timeout_ms']}ms", "statement": STATEMENT_TIMEOUT}
        set_both = "SELECT set_config('lock_timeout', :lock, false), set_config('statement_timeout', :statement, false)"
        connection.execute(text(set_both), timeouts)
        connection.commit()
        distribution: Distribution | None = context.config.attributes.get("distribution")
        with connection.begin():
            require_rights(connection)
            raw = driver_connection("distribution", connection)
            if distribution is not None:
                require_distributable(raw, distribution)
            if distributed := is_distributed(raw):
                prepare_session(raw)
            if explain_newer(MigrationContext.configure(connection).get_current_revision()):
                return
            prepare_database(connection)
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
        with connection.begin():
            replace_functions(connection)
            run_sql("homes.sql", connection)
            create_role_on_nodes(raw)
            run_sql("access.sql", connection)
            correct_rights(raw)
        if distributed or distribution is not None:
            _distribute(raw, distribution or Distribution())


def _distribute(connection: psycopg.Connection[Any], distribution: Distribution) -> None:
    """Distribute what is not distributed. It copies all rows, so no timeout ends it."""
    prepare_session(connection)
    connection.execute("SET statement_timeout = 0")
    connection.commit()
    with connection.transaction():
        context.config.attributes["distributed"] = distribute(connection, distribution)


def require_session(connection: Connection) -> None:
    """Raise SetupError behind a pooler in transaction mode.

    It lends the server's side of *connection* to other clients between two transactions, with the migration lock and
    the timeouts.
    """
    mine = connection.execute(BACKEND).scalar()
    connection.commit()
    driver_connection: Any = connection.connection.driver_connection
    if driver_connection.info.backend_pid == mine:
        return  # no pooler
    with connection.engine.connect() as other:
        if other.execute(BACKEND).scalar() == mine:
            raise SetupError(POOLED)


def wait_for_lock(connection: Connection) -> None:
    """Take the migration lock. PostgreSQL releases it when the connection ends.

    The lock is polled. A session that waits for it in PostgreSQL has an open transaction, and CREATE INDEX CONCURRENTLY
    in the session with the lock waits for all open transactions: the two would wait for each other.
    """
    pause = Event()
    while not connection.execute(text("SELECT pg_try_advisory_lock(:number)"), {"number": MIGRATION_LOCK}).scalar():
        connection.rollback()
        pause.wait(LOCK_POLL_S)
    connection.commit()


run()
