"""Migrations: numbered files of plain SQL, run in order by Alembic, each in one transaction.

Code of the version before runs on while they do, so they only add: see docs/operations.md, "Migrations".
"""

import logging
import re
from importlib import resources
from typing import Any

from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import InsufficientPrivilege, LockNotAvailable
from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.pool import NullPool
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from app.errors import SetupError

LOG = logging.getLogger(__name__)

#: Seconds that a migration waits for a lock. Whoever comes after it waits behind it, so it gives up soon, lets them
#: pass, and tries again some seconds later, twice as many each time.
LOCK_TIMEOUT_S = 4.0
PAUSE_S = 2.0
TRIES = 6
HELD_UP = (
    "The migration tried {tries} times to lock a table and others were always in the way; nothing of it took effect."
    " Run it again at a quieter moment, or end the transaction that has been open for so long (pg_stat_activity)."
)
#: The end of a statement of a file whose statements run one by one.
END = re.compile(r";[ \t]*$", re.MULTILINE)


def upgrade(
    database_url: str, revision: str = "head", *, lock_timeout_s: float = LOCK_TIMEOUT_S, pause_s: float = PAUSE_S
) -> None:
    """Bring the database at *database_url* to *revision*, the newest by default; running it again changes nothing.

    Several processes may call it at once: an advisory lock lets one migrate while the others wait. Raises SetupError
    when PostgreSQL cannot be reached, the URL cannot be read, its user may not do what the schema needs, or others hold
    a table for too long.
    """
    retrying = Retrying(
        retry=retry_if_exception_type(LockNotAvailable),
        stop=stop_after_attempt(TRIES),
        wait=wait_exponential(multiplier=pause_s),
        before_sleep=_tell,
        reraise=True,
    )
    try:
        retrying(_upgrade, configuration(database_url, lock_timeout_s=lock_timeout_s), revision)
    except LockNotAvailable as error:
        raise SetupError(HELD_UP.format(tries=TRIES)) from error


def _upgrade(config: Config, revision: str) -> None:
    """Run the pending revisions once."""
    try:
        command.upgrade(config, revision)
    except InsufficientPrivilege as error:
        reason = error.diag.message_primary
        raise SetupError(f"PostgreSQL does not let the user of DATABASE_URL migrate: {reason}") from error
    except OperationalError as error:
        if isinstance(error.orig, LockNotAvailable):
            raise error.orig from error
        if error.connection_invalidated or getattr(error.orig, "sqlstate", None) is None:
            raise SetupError("PostgreSQL does not answer at DATABASE_URL; check the URL and that it runs.") from error
        raise


def current(database_url: str) -> str | None:
    """Return the revision that the database at *database_url* is at, or None for an empty one."""
    engine = create_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    with engine.connect() as connection:
        revision: str | None = MigrationContext.configure(connection).get_current_revision()
    return revision


def newest() -> str:
    """Return the newest revision that this code knows."""
    head = ScriptDirectory.from_config(configuration("postgresql://")).get_current_head()
    if head is None:
        raise SetupError("The package app.db.migrations holds no revision; install Mergelane again.")
    return head


def _tell(state: RetryCallState) -> None:
    """Log that a migration let others pass."""
    LOG.warning("The migration lets others pass and tries again", extra={"tries": state.attempt_number})


def configuration(database_url: str, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> Config:
    """Return Alembic's configuration for *database_url*, with this package as its script folder."""
    config = Config()
    config.set_main_option("script_location", str(resources.files(__package__)))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = sqlalchemy_url(database_url)
    config.attributes["lock_timeout_ms"] = round(lock_timeout_s * 1000)
    return config


def sqlalchemy_url(database_url: str) -> str:
    """Return *database_url* with psycopg named as its driver, as SQLAlchemy wants it.

    Raises SetupError when it cannot be read as a URL.
    """
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        raise SetupError(
            "DATABASE_URL cannot be read; write it as postgresql://user:password@host/database."
        ) from error
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def run_sql(file: str, connection: Connection | None = None) -> None:
    """Run the file *file* of the folder sql/, whole, within the revision's transaction or on *connection*.

    The text goes to the driver as it stands: no placeholder is looked for in it.
    """
    _driver_connection(file, connection).execute(_text(file))


def run_sql_alone(file: str) -> None:
    """Run the statements of the file *file* one by one, in no transaction, as CREATE INDEX CONCURRENTLY asks for.

    Each ends with a semicolon at the end of its line. What they wait for keeps nobody else waiting, so they may take
    long. When one fails the others before it stay done, so the file must bear to be run again from its beginning.
    """
    with op.get_context().autocommit_block():
        connection = _driver_connection(file)
        former = connection.execute("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")
        lock_timeout, statement_timeout = former.fetchone() or ("", "")
        set_both = "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false)"
        connection.execute(set_both, ["0", "0"])
        for statement in filter(str.strip, END.split(_text(file))):
            connection.execute(statement)
        connection.execute(set_both, [lock_timeout, statement_timeout])


def _text(file: str) -> str:
    """Return the text of a file of the folder sql/."""
    return (resources.files(__package__) / "sql" / file).read_text(encoding="utf-8")


def _driver_connection(file: str, connection: Connection | None = None) -> Any:
    """Return psycopg's own connection below *connection*, by default Alembic's, for the file *file*."""
    driver_connection = (connection or op.get_bind()).connection.driver_connection
    if driver_connection is None:
        raise SetupError(f"The migration {file} has no connection to PostgreSQL.")
    return driver_connection
