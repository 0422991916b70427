"""The doctor on settings that do not reach the sessions of the processes."""

from contextlib import closing

import psycopg
import pytest

from app.config import Settings
from app.db import migrations, session_settings
from app.db.connections import Connection
from cli.doctor.findings import Level
from cli.doctor.session import check_session
from tests.support.postgres import PostgresServer

HOSTILE = {"DateStyle": "SQL, DMY", "array_nulls": "off", "search_path": "nowhere, public"}


def test_the_settings_of_a_new_connection_are_fine(settings: Settings) -> None:
    (finding,) = check_session(settings)

    assert finding.level == Level.FINE


def test_settings_that_a_pooler_drops_are_wrong_and_the_statements_correct_them(
    connection: Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A pooler that ignores the options has this effect.
    monkeypatch.setattr(session_settings, "format_options", lambda _: "-c role=mergelane_app")
    name = f"mergelane_pooled_{connection.info.backend_pid}"
    connection.execute(f"CREATE ROLE {name} LOGIN IN ROLE mergelane_app".encode())
    for setting, value in HOSTILE.items():
        connection.execute(f"ALTER ROLE {name} SET {setting} = {value!r}".encode())
    pooled = Settings(database_url=settings.database_url.replace("postgres@", f"{name}@"))
    try:
        (finding,) = check_session(pooled)
        assert finding.level == Level.WRONG
        assert "array_nulls = 'off'" in finding.sentence
        assert "statement_timeout = '0'" in finding.sentence
        for statement in finding.remedy.partition(": ")[2].partition(" Then let")[0].split("; "):
            connection.execute(statement.encode())

        assert [each.level for each in check_session(pooled)] == [Level.FINE]
    finally:
        connection.execute(f"DROP ROLE {name}".encode())


def test_triggers_that_do_not_run_are_wrong(own_postgres: PostgresServer) -> None:
    migrations.upgrade_schema(own_postgres.url())
    with closing(psycopg.connect(own_postgres.url(), autocommit=True)) as administrator:
        administrator.execute("ALTER ROLE postgres SET session_replication_role = replica")
    (finding,) = check_session(Settings(database_url=own_postgres.url()))

    assert finding.level == Level.WRONG
    assert finding.sentence.startswith("session_replication_role is replica")
