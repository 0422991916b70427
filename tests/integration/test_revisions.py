"""Revisions: a process knows whether the schema is the one that it needs."""

import logging

import pytest

from app.config import Settings
from app.db import Connection, connection_arguments, migrations, schema_version
from app.errors import SetupError


def stand_at(connection: Connection, revision: str) -> None:
    """Let the schema look as if its last migration had been *revision*."""
    connection.execute("UPDATE alembic_version SET version_num = %s", [revision])


def test_what_is_needed_is_the_newest_migration() -> None:
    assert schema_version.needed() == migrations.newest()


def test_a_migrated_database_is_at_what_is_needed(connection: Connection, settings: Settings) -> None:
    assert schema_version.current(connection) == schema_version.needed()
    schema_version.require(settings)


def test_rows_of_any_kind_will_do(database_url: str) -> None:
    arguments = connection_arguments(Settings(), name="test") | {"row_factory": None}
    with Connection.connect(database_url, **arguments) as connection:
        assert schema_version.current(connection) == schema_version.needed()


def test_an_older_schema_is_refused_with_the_way_out(connection: Connection, settings: Settings) -> None:
    stand_at(connection, "0001")

    with pytest.raises(SetupError) as refused:
        schema_version.require(settings)

    assert str(refused.value) == (
        f"The schema is at revision 0001, and this version of Mergelane needs {schema_version.needed()};"
        " run `mergelane migrate` first."
    )


def test_a_newer_schema_is_accepted(connection: Connection, settings: Settings) -> None:
    stand_at(connection, "9999")

    schema_version.require(settings)


def test_an_empty_database_is_refused(empty_database_url: str) -> None:
    with pytest.raises(SetupError, match=r"^The database has no schema, and this version of Mergelane needs"):
        schema_version.require(Settings(database_url=empty_database_url))


def test_an_unset_database_is_refused() -> None:
    with pytest.raises(SetupError, match="DATABASE_URL is not set"):
        schema_version.require(Settings())


def test_a_database_that_is_away_is_waited_for_later(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    schema_version.require(Settings(database_url="postgresql://127.0.0.1:1/nowhere"))

    assert "could not be checked" in caplog.text
