"""A process checks at its start that the schema is not too old."""

import logging

import pytest

from app.config import Settings
from app.db import migrations, schema_version, startup
from app.db.connections import Connection, connection_arguments
from app.errors import SetupError


def set_revision(connection: Connection, revision: str) -> None:
    connection.execute("UPDATE alembic_version SET version_num = %s", [revision])


def test_the_needed_revision_is_the_newest_migration() -> None:
    assert schema_version.required_revision() == migrations.newest_revision()


def test_a_migrated_database_has_the_needed_revision(connection: Connection, settings: Settings) -> None:
    assert schema_version.current_revision(connection) == schema_version.required_revision()
    startup.require_schema(settings)


def test_the_row_factory_of_the_connection_does_not_matter(database_url: str) -> None:
    arguments = connection_arguments(Settings(), name="test") | {"row_factory": None}
    with Connection.connect(database_url, **arguments) as connection:
        assert schema_version.current_revision(connection) == schema_version.required_revision()


def test_an_older_schema_is_refused_with_a_remedy(connection: Connection, settings: Settings) -> None:
    set_revision(connection, "0023")

    with pytest.raises(SetupError) as refused:
        startup.require_schema(settings)

    assert str(refused.value) == (
        f"The schema is at revision 0023, and this version of Mergelane needs {schema_version.required_revision()};"
        " run `mergelane migrate` first."
    )


def test_a_schema_too_old_to_migrate_is_refused_with_another_remedy(connection: Connection, settings: Settings) -> None:
    set_revision(connection, "0001")

    with pytest.raises(SetupError, match=r"^The schema is at revision 0001, .* Migrate to 0023 with an older version"):
        startup.require_schema(settings)


def test_a_newer_schema_is_accepted(connection: Connection, settings: Settings) -> None:
    set_revision(connection, "9999")

    startup.require_schema(settings)


def test_an_empty_database_is_refused(empty_database_url: str) -> None:
    with pytest.raises(SetupError, match=r"^The database has no schema, and this version of Mergelane needs"):
        startup.require_schema(Settings(database_url=empty_database_url))


def test_an_unset_database_is_refused() -> None:
    with pytest.raises(SetupError, match="DATABASE_URL is not set"):
        startup.require_schema(Settings())


def test_a_process_starts_while_the_database_does_not_answer(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    startup.wait_for_schema(Settings(database_url="postgresql://127.0.0.1:1/nowhere"), process="test")

    assert "schema_not_checked" in caplog.text
