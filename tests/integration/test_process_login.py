"""The login of the processes: created by a migration, with the rights of the processes' role and no others."""

import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db import startup
from app.db.connections import APP_ROLE, Connection, open_pool
from app.db.roles import ensure_login
from app.db.transaction import open_transaction
from app.errors import SetupError
from cli.database import connected
from tests.support.processes import Process


def as_user(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{name}@{parts.netloc.rpartition('@')[2]}"))


@pytest.fixture
def login(connection: Connection) -> Iterator[str]:
    """The name of a login, dropped after the test if it exists."""
    name = f"login_{uuid7().hex}"
    yield name
    connection.execute(f"DROP ROLE IF EXISTS {name}".encode())


def password_of(connection: Connection, name: str) -> str:
    (row,) = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [name])
    return row["rolpassword"] or ""


def migrate(folder: Path, **environ: str) -> tuple[int | None, str]:
    """Run `mergelane migrate` to its end, and return its status and output."""
    process = Process.of("migrate", [sys.executable, "-m", "cli", "migrate"], folder=folder, environ=environ).start()
    return process.ended(), process.log


def test_a_migration_creates_the_login_and_sets_its_password(
    connection: Connection, settings: Settings, login: str, tmp_path: Path
) -> None:
    environ = {"DATABASE_URL": settings.database_url, "MERGELANE_PROCESS_USER": login}
    digests = []
    for password in ("p@ss/w%rd '\\", "another"):
        status, said = migrate(tmp_path, **environ, MERGELANE_PROCESS_PASSWORD=password)
        assert status == 0, said
        digests.append(password_of(connection, login))

    assert [digest.partition("$")[0] for digest in digests] == ["SCRAM-SHA-256"] * 2
    assert digests[0] != digests[1]


def test_without_a_password_a_migration_creates_no_login(
    connection: Connection, settings: Settings, login: str, tmp_path: Path
) -> None:
    migrate(tmp_path, DATABASE_URL=settings.database_url, MERGELANE_PROCESS_USER=login)

    assert connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [login]).fetchone() is None


def test_the_processes_work_with_the_login_and_cannot_become_the_owner(
    connection: Connection, settings: Settings, login: str
) -> None:
    for _ in range(2):
        ensure_login(connection, login, "")
    url = as_user(settings.database_url, login)

    startup.require_schema(Settings(database_url=url))
    with open_pool(Settings(database_url=url), name="test") as pool, open_transaction(pool, 1) as tx:
        assert tx.execute("SELECT session_user AS login, current_user AS role").fetchone() == {
            "login": login,
            "role": APP_ROLE,
        }
    with psycopg.connect(url) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("SET ROLE postgres")
    with (
        pytest.raises(SetupError, match="Use the user that owns the tables"),
        connected(settings, url, name="test") as administrator,
    ):
        administrator.execute("SELECT count(*) FROM api_key")


@pytest.mark.parametrize("right", ["SUPERUSER", "CREATEROLE", "BYPASSRLS"])
def test_a_user_with_more_rights_does_not_become_the_login(connection: Connection, login: str, right: str) -> None:
    connection.execute(f"CREATE ROLE {login} LOGIN {right}".encode())

    with pytest.raises(SetupError, match="has more rights than the processes need"):
        ensure_login(connection, login, "secret")

    assert password_of(connection, login) == ""


def test_an_owner_without_the_right_names_the_statements_for_an_administrator(
    connection: Connection, settings: Settings, login: str
) -> None:
    owner = f"{login}_owner"
    connection.execute(f"CREATE ROLE {owner} LOGIN".encode())
    try:
        with psycopg.connect(as_user(settings.database_url, owner), autocommit=True) as plain:
            with pytest.raises(SetupError, match=f'Have an administrator run: CREATE ROLE "{login}" LOGIN PASSWORD'):
                ensure_login(plain, login, "secret")
            ensure_login(connection, login, "")
            ensure_login(plain, login, "secret")  # the administrator's password stays

            assert password_of(connection, login) == ""
    finally:
        connection.execute(f"DROP ROLE {owner}".encode())
