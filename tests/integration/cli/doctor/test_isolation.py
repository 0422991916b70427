"""The doctor checks the isolation of workspaces."""

from collections.abc import Iterator

import psycopg
import pytest

from app.config import Settings
from app.db import migrations
from app.db.connections import APP_ROLE, Connection, connection_arguments
from cli.doctor import isolation
from cli.doctor.findings import Finding, Level
from tests.support.postgres import PostgresServer


def examined(connection: Connection, settings: Settings) -> Finding:
    """Return the only finding."""
    (finding,) = isolation.check_isolation(connection, settings)
    return finding


def test_a_migrated_database_is_fine(connection: Connection, settings: Settings) -> None:
    assert examined(connection, settings).level == Level.FINE


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE profile DISABLE ROW LEVEL SECURITY",
        "DROP POLICY own_workspace ON profile",
    ],
)
def test_a_table_without_its_policy_is_wrong(connection: Connection, settings: Settings, statement: str) -> None:
    connection.execute(statement.encode())

    finding = examined(connection, settings)

    assert finding.level == Level.WRONG
    assert "missing for profile." in finding.sentence


def test_a_role_that_lost_a_grant_is_wrong(connection: Connection, settings: Settings) -> None:
    connection.execute(f"DROP OWNED BY {APP_ROLE}".encode())

    finding = examined(connection, settings)

    assert finding.level == Level.WRONG
    assert finding.remedy == "Run `mergelane migrate` as their owner."


@pytest.fixture
def exempt(connection: Connection) -> Iterator[None]:
    """A database whose tables the role owns."""
    connection.execute(f"ALTER TABLE job OWNER TO {APP_ROLE}".encode())
    yield
    connection.execute("ALTER TABLE job OWNER TO CURRENT_USER")


@pytest.mark.usefixtures("exempt")
def test_a_role_that_owns_tables_is_wrong(connection: Connection, settings: Settings) -> None:
    found = list(isolation.check_isolation(connection, settings))

    assert "Row-level security does not bind" in found[-1].sentence


def test_a_role_that_is_missing_or_exempt_is_wrong(own_postgres: PostgresServer) -> None:
    settings = Settings(database_url=own_postgres.url())
    migrations.upgrade_schema(own_postgres.url())
    arguments = connection_arguments(settings, name="test")
    with Connection.connect(own_postgres.url(), **arguments) as connection:
        connection.execute(f"ALTER ROLE {APP_ROLE} BYPASSRLS".encode())
        bypassing = examined(connection, settings)
        connection.execute(f"DROP OWNED BY {APP_ROLE}".encode())
        connection.execute(f"DROP ROLE {APP_ROLE}".encode())
        missing = examined(connection, settings)

    assert bypassing.level == missing.level == Level.WRONG
    assert "Row-level security does not bind" in bypassing.sentence
    assert "The server has no role" in missing.sentence


def test_a_superuser_whose_switch_of_role_is_not_in_force_is_wrong(
    connection: Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pooler that drops the options of a connection has this effect."""
    dropping = {"row_factory": psycopg.rows.dict_row}
    monkeypatch.setattr(isolation, "connection_arguments", lambda *_, **__: dropping)

    finding = examined(connection, settings)

    assert finding.level == Level.WRONG
    assert "connect as postgres instead of the role" in finding.sentence
