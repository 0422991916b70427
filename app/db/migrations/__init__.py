"""Migrations: files of plain SQL that Alembic runs in order, each revision in one transaction.

An empty database gets the whole schema from SCHEMA_FILES, at the newest revision. A database at 0023, the last of the
23 revisions before the first schema, is converted to 0024 (docs/adr/0022-one-schema.md). Later revisions run while old
code is running, so they only add: see "Migrations" in docs/operations.md.
"""

import logging
import re
from importlib import resources
from typing import Any

import psycopg
from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import InsufficientPrivilege, ReadOnlySqlTransaction
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import InternalError, OperationalError
from sqlalchemy.pool import NullPool
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from app.database_url import complete_arguments, connection_failure, parse_database_url
from app.db.citus.distribute import Distribution
from app.db.queries import load_queries
from app.db.repetition import LOCK_ERRORS
from app.db.roles import find_missing_rights
from app.db.schema_version import OLDEST, explain_too_old
from app.db.session_settings import connection_parameters, override_environment
from app.errors import SetupError

LOG = logging.getLogger(__name__)

#: Seconds that a migration waits for a lock. Other sessions queue behind it, so it gives up soon and tries again later,
#: after a pause that doubles up to LONGEST_PAUSES times its first length. It is less than PostgreSQL's deadlock_timeout
#: of a second: of a migration and a request that wait for each other, the migration must give way.
LOCK_TIMEOUT_S = 0.5
PAUSE_S = 2.0
LONGEST_PAUSES = 5
TRIES = 16
LOCK_NOT_AVAILABLE = (
    "The migration could not lock a table in {tries} attempts, because other transactions use it; it changed nothing."
    " Run it again at a quieter time, or end the transaction that has been open for a long time (pg_stat_activity)."
)
OTHER_SCHEMA = (
    "The tables of Mergelane are in the schema {schema}, which only the search_path of the database or the user names."
    " Name it in DATABASE_URL: add options=-csearch_path%3D{schema} to the URL."
)
REVISION_QUERIES = load_queries("app.db", "revisions.sql")
#: The first statements of a connection wait for another migration.
UNLIMITED = {"statement_timeout": 0, "lock_timeout": 0, "idle_in_transaction_session_timeout": 0}
#: The files of the schema in the order in which a new database runs them. access.sql and the rights follow after every
#: migration.
SCHEMA_FILES = (
    "wakeups.sql",
    "workspaces.sql",
    "profiles.sql",
    "history.sql",
    "queue.sql",
    "ledger.sql",
    "runs.sql",
    "plans.sql",
    "audit.sql",
    "webhooks.sql",
    "duplicates.sql",
    "erasure.sql",
    "identities.sql",
    "system.sql",
    "moving.sql",
)
READ_ONLY = "PostgreSQL is read-only. Use the primary in DATABASE_URL, or allow writes."
NODE_AWAY = (
    "A node of Citus does not answer ({reason}). A migration changes the tables on all nodes: start the node, and run"
    " `mergelane migrate` again."
)
#: A function or view in these files, and who may not call a function. It ends with a semicolon before an empty line.
REPLACEABLE = re.compile(
    r"^(?:CREATE OR REPLACE (?:FUNCTION|VIEW)|REVOKE ALL ON FUNCTION)\s.*?;\n(?=\n|\Z)", re.MULTILINE | re.DOTALL
)
#: The end of a statement in a file whose statements run one by one.
END = re.compile(r";[ \t]*$", re.MULTILINE)


def upgrade_schema(
    database_url: str,
    *,
    lock_timeout_s: float = LOCK_TIMEOUT_S,
    pause_s: float = PAUSE_S,
    distribution: Distribution | None = None,
) -> int:
    """Migrate the database at *database_url* to the newest revision. Running it again changes nothing.

    A schema that a newer version has migrated stays as it is. With *distribution*, or when the tables are distributed
    already, Citus distributes the tables that are not. Returns the number of these tables.

    Several processes may call it at once: an advisory lock lets one migrate while the others wait. Raises SetupError
    when PostgreSQL cannot be reached, the URL is malformed, its user lacks a privilege, the database is at a revision
    before OLDEST, or other transactions hold a lock for too long.
    """
    retrying = Retrying(
        retry=retry_if_exception_type(LOCK_ERRORS),
        stop=stop_after_attempt(TRIES),
        wait=wait_exponential(multiplier=pause_s, max=LONGEST_PAUSES * pause_s),
        before_sleep=_log_retry,
        reraise=True,
    )
    try:
        parse_database_url(database_url)
    except ValueError as error:
        raise SetupError(f"DATABASE_URL: {error}") from None
    try:
        config = configuration(database_url, lock_timeout_s=lock_timeout_s)
        config.attributes["distribution"] = distribution
        retrying(_upgrade, config)
    except psycopg.errors.ConnectionException as error:
        raise SetupError(NODE_AWAY.format(reason=error.diag.message_primary)) from error
    except LOCK_ERRORS as error:
        raise SetupError(LOCK_NOT_AVAILABLE.format(tries=TRIES)) from error
    distributed: int = config.attributes.get("distributed", 0)
    return distributed


def _upgrade(config: Config) -> None:
    try:
        command.upgrade(config, "head")
    except InsufficientPrivilege as error:
        reason = error.diag.message_primary
        raise SetupError(f"The user of DATABASE_URL lacks a privilege that the migration needs: {reason}") from error
    except ReadOnlySqlTransaction as error:
        raise SetupError(READ_ONLY) from error
    except InternalError as error:
        if isinstance(error.orig, ReadOnlySqlTransaction):
            raise SetupError(READ_ONLY) from error
        raise
    except OperationalError as error:
        if isinstance(error.orig, LOCK_ERRORS):
            raise error.orig from error
        if error.connection_invalidated or getattr(error.orig, "sqlstate", None) is None:
            reason = connection_failure(error.orig) if isinstance(error.orig, psycopg.Error) else "no answer"
            raise SetupError(
                f"Cannot connect to PostgreSQL at DATABASE_URL: {reason}. Check the URL and that PostgreSQL is running."
            ) from error
        raise


def database_revision(database_url: str) -> str | None:
    """Return the revision of the database at *database_url*, or None for an empty one."""
    with migration_engine(database_url).connect() as connection:
        revision: str | None = MigrationContext.configure(connection).get_current_revision()
    return revision


def newest_revision() -> str:
    """Return the newest revision of this version of Mergelane."""
    head = ScriptDirectory.from_config(configuration("postgresql://")).get_current_head()
    if head is None:
        raise SetupError("The package app.db.migrations has no revision. Install Mergelane again.")
    return head


def _log_retry(state: RetryCallState) -> None:
    LOG.warning("migration_waits_for_lock", extra={"tries": state.attempt_number})


def configuration(database_url: str, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> Config:
    """Return Alembic's configuration for *database_url*, with this package as the script folder."""
    config = Config()
    config.set_main_option("script_location", str(resources.files(__package__)))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = database_url
    config.attributes["lock_timeout_ms"] = round(lock_timeout_s * 1000)
    return config


def migration_engine(database_url: str) -> Engine:
    """Return an engine whose connections libpq opens, as those of every process, with our session settings.

    SQLAlchemy would parse the URL in a way of its own.
    """
    own = {"application_name": "mergelane-migrate", **connection_parameters(UNLIMITED)}
    arguments = complete_arguments(database_url, own)

    def connect() -> psycopg.Connection[Any]:
        connection = psycopg.connect(database_url, autocommit=True, **arguments)
        try:
            override_environment(connection)
        except BaseException:
            connection.close()
            raise
        connection.autocommit = False
        return connection

    return create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)


def require_rights(connection: Connection) -> None:
    """Raise SetupError, with the statements for an administrator, if the user lacks a privilege of the migration."""
    if sentence := find_missing_rights(driver_connection("rights", connection)):
        raise SetupError(sentence)


def prepare_database(connection: Connection) -> None:
    """Bring a database that Alembic's revisions cannot start from to one of them, in the transaction of *connection*.

    An empty database gets the tables of SCHEMA_FILES and the newest revision; a database at OLDEST is converted to the
    first revision. Any other stays as it is. Raises SetupError for a revision before OLDEST.
    """
    context = MigrationContext.configure(connection)
    revision = context.get_current_revision()
    if sentence := explain_too_old(revision):
        raise SetupError(sentence)
    if revision is None:
        _require_no_other_schema(connection)
        for file in SCHEMA_FILES:
            run_sql(file, connection)
        context.stamp(ScriptDirectory.from_config(configuration("postgresql://")), "head")
    elif revision == OLDEST:
        run_sql(f"from_{OLDEST}.sql", connection)


def _require_no_other_schema(connection: Connection) -> None:
    """Raise SetupError if the database has our tables where its search_path says, which is not followed any more."""
    query = driver_connection("schema", connection).execute(REVISION_QUERIES["find_other_schema"].encode())
    if (other := query.fetchone()) is not None:
        raise SetupError(OTHER_SCHEMA.format(schema=other[0]))


def replace_functions(connection: Connection) -> None:
    """Create the functions and views of SCHEMA_FILES again, if the database of *connection* is at our newest revision.

    So a revision changes tables only. These statements can be repeated, and old code keeps working.
    """
    if MigrationContext.configure(connection).get_current_revision() != newest_revision():
        return
    for file in SCHEMA_FILES:
        for statement in REPLACEABLE.findall(_text(file)):
            driver_connection(file, connection).execute(statement)


def run_sql(file: str, connection: Connection | None = None) -> None:
    """Run the whole file *file* of the folder sql/ in the revision's transaction, or on *connection*.

    The text goes to the driver without parameters, so a % in it is no placeholder.
    """
    driver_connection(file, connection).execute(_text(file))


def run_sql_alone(file: str) -> None:
    """Run the statements of the file *file* one by one without a transaction, as CREATE INDEX CONCURRENTLY requires.

    Each statement ends with a semicolon at the end of its line. They block no other session, so they have no timeouts.
    When a statement fails, those before it keep their effect, so it must be possible to run the whole file again.
    """
    with op.get_context().autocommit_block():
        connection = driver_connection(file)
        former = connection.execute("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")
        lock_timeout, statement_timeout = former.fetchone() or ("", "")
        set_both = "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false)"
        connection.execute(set_both, ["0", "0"])
        for statement in filter(str.strip, END.split(_text(file))):
            connection.execute(statement)
        connection.execute(set_both, [lock_timeout, statement_timeout])


def _text(file: str) -> str:
    return (resources.files(__package__) / "sql" / file).read_text(encoding="utf-8")


def driver_connection(file: str, connection: Connection | None = None) -> Any:
    """Return the psycopg connection below *connection*, which is Alembic's by default."""
    driver_connection = (connection or op.get_bind()).connection.driver_connection
    if driver_connection is None:
        raise SetupError(f"The migration {file} has no connection to PostgreSQL. Run it again.")
    return driver_connection
