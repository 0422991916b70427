"""Migrations: numbered files of plain SQL, run in order by Alembic, each in one transaction."""

from importlib import resources

import psycopg
from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.pool import NullPool

from app.errors import SetupError


def upgrade(database_url: str) -> None:
    """Bring the database at *database_url* to the newest revision; running it again changes nothing.

    Several processes may call it at once: an advisory lock lets one migrate while the others wait. Raises SetupError
    when PostgreSQL cannot be reached, the URL cannot be read, or its user may not do what the schema needs.
    """
    try:
        command.upgrade(configuration(database_url), "head")
    except psycopg.errors.InsufficientPrivilege as error:
        reason = error.diag.message_primary
        raise SetupError(f"PostgreSQL does not let the user of DATABASE_URL migrate: {reason}") from error
    except OperationalError as error:
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
        raise SetupError("The package app.migrations holds no revision; install Mergelane again.")
    return head


def configuration(database_url: str) -> Config:
    """Return Alembic's configuration for *database_url*, with this package as its script folder."""
    config = Config()
    config.set_main_option("script_location", str(resources.files(__package__)))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = sqlalchemy_url(database_url)
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
    text = (resources.files(__package__) / "sql" / file).read_text(encoding="utf-8")
    driver_connection = (connection or op.get_bind()).connection.driver_connection
    if driver_connection is None:
        raise SetupError(f"The migration {file} has no connection to PostgreSQL.")
    driver_connection.execute(text)
