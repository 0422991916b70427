"""The role of the processes: created by a user that may, requested in an error otherwise, and checked at start."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db import migrations, startup
from app.db.connections import APP_ROLE, Connection, open_pool
from app.db.transaction import open_transaction
from app.errors import SetupError
from cli.database import connected
from tests.support.postgres import PostgresServer


def as_user(url: str, name: str) -> str:
    """Return *url* with *name* as its user."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{name}@{parts.netloc.rpartition('@')[2]}"))


def administer(url: str, *statements: str) -> None:
    """Run *statements* as the superuser of *url*."""
    with psycopg.connect(url, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())


@pytest.fixture
def tenant(empty_database_url: str) -> Iterator[str]:
    """The URL of an empty database whose owner has no other right, on a server that has the role."""
    name, database = f"mergelane_tenant_{uuid7().hex}", urlsplit(empty_database_url).path[1:]
    make = f"DO $$ BEGIN CREATE ROLE {APP_ROLE} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    administer(empty_database_url, make, f"CREATE ROLE {name} LOGIN", f"ALTER DATABASE {database} OWNER TO {name}")
    try:
        yield as_user(empty_database_url, name)
    finally:
        administer(empty_database_url, f"REASSIGN OWNED BY {name} TO CURRENT_USER", f"DROP OWNED BY {name}")
        administer(empty_database_url, f"DROP ROLE {name}")


def user_of(url: str) -> str:
    """Return the user of *url*."""
    return urlsplit(url).username or ""


def test_the_error_about_a_missing_role_names_who_can_grant_it(tenant: str, empty_database_url: str) -> None:
    for _ in range(2):  # the second time the schema exists, and the role is still missing
        with pytest.raises(SetupError, match=rf"GRANT {APP_ROLE} TO {user_of(tenant)};"):
            migrations.upgrade_schema(tenant)

    administer(empty_database_url, f"GRANT {APP_ROLE} TO {user_of(tenant)}")
    migrations.upgrade_schema(tenant)

    startup.require_schema(Settings(database_url=tenant))
    with open_pool(Settings(database_url=tenant), name="test") as pool, open_transaction(pool, 1) as tx:
        assert tx.execute("SELECT current_user AS me").fetchone() == {"me": APP_ROLE}
        assert tx.execute("SELECT count(*) AS rows FROM profile").fetchone() == {"rows": 0}


def test_an_owner_that_may_not_create_the_role_needs_an_administrator(own_postgres: PostgresServer) -> None:
    administer(own_postgres.url(), "CREATE ROLE plain LOGIN", "CREATE ROLE maker LOGIN CREATEROLE")
    administer(own_postgres.url(), "CREATE DATABASE plain OWNER plain", "CREATE DATABASE maker OWNER maker")
    plain, maker = (as_user(own_postgres.url(name), name) for name in ("plain", "maker"))

    with pytest.raises(SetupError, match=rf"CREATE ROLE {APP_ROLE} NOLOGIN; GRANT {APP_ROLE} TO plain;"):
        migrations.upgrade_schema(plain)
    migrations.upgrade_schema(maker)

    startup.require_schema(Settings(database_url=maker))


def test_a_migration_restores_lost_grants(connection: Connection, settings: Settings) -> None:
    connection.execute(f"DROP OWNED BY {APP_ROLE}".encode())
    with pytest.raises(SetupError, match="may not read the tables; run `mergelane migrate` as their owner"):
        startup.require_schema(settings)

    migrations.upgrade_schema(settings.database_url)

    startup.require_schema(settings)


def test_a_user_that_does_not_own_the_tables_cannot_administer(
    connection: Connection, settings: Settings, tenant: str
) -> None:
    name = user_of(tenant)
    connection.execute(f"GRANT {APP_ROLE} TO {name}".encode())
    url = as_user(settings.database_url, name)

    with (
        pytest.raises(SetupError, match="Use the user that owns the tables"),
        connected(settings, url, name="test") as administrator,
    ):
        administrator.execute("SELECT count(*) FROM api_key")


def test_a_migration_revokes_the_rights_that_a_restored_dump_granted_to_every_role(
    database_url: str, connection: Connection
) -> None:
    connection.execute("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO PUBLIC")

    migrations.upgrade_schema(database_url)

    query = "SELECT proname FROM pg_proc WHERE prosecdef AND has_function_privilege('public', oid, 'EXECUTE')"
    assert [row["proname"] for row in connection.execute(query)] == []


@pytest.fixture
def guest(own_postgres: PostgresServer) -> str:
    """The URL of an empty database on its own server, as a user without any right."""
    administer(own_postgres.url(), 'CREATE ROLE "gu est" LOGIN', "CREATE DATABASE plain")
    return as_user(own_postgres.url("plain"), "gu%20est")


def missing_statements(url: str) -> list[str]:
    """Return the statements that the error of a refused migration lists."""
    with pytest.raises(SetupError, match=r"lacks a privilege .* nothing was changed") as refused:
        migrations.upgrade_schema(url)
    found = re.search(r"run in this database: (.*) Then run", str(refused.value))
    assert found is not None
    return [statement.strip() for statement in re.findall(r"[^;]+;", found[1])]


def relations(url: str) -> list[str]:
    """Return the names of all relations in the schema public."""
    with psycopg.connect(url) as conn:
        rows = conn.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace").fetchall()
    return [row[0] for row in rows]


def test_missing_rights_of_a_migration_are_listed_before_any_change(own_postgres: PostgresServer, guest: str) -> None:
    administrator = own_postgres.url("plain")
    administer(administrator, "REVOKE ALL ON SCHEMA public FROM PUBLIC")

    statements = missing_statements(guest)

    assert relations(administrator) == []
    assert statements[0] == f"CREATE ROLE {APP_ROLE} NOLOGIN;"
    assert any("GRANT CREATE" in statement for statement in statements)
    administer(administrator, *statements)
    migrations.upgrade_schema(guest)
    startup.require_schema(Settings(database_url=guest))
    with open_pool(Settings(database_url=guest), name="test") as pool, open_transaction(pool, 1) as tx:
        assert tx.execute("SELECT count(*) AS rows FROM profile").fetchone() == {"rows": 0}


def test_a_user_that_does_not_own_the_tables_cannot_migrate(empty_database_url: str, tenant: str) -> None:
    migrations.upgrade_schema(empty_database_url)
    before = relations(empty_database_url)

    statements = missing_statements(tenant)

    assert statements == [f"GRANT {APP_ROLE} TO {user_of(tenant)};", f"GRANT postgres TO {user_of(tenant)};"]
    assert relations(empty_database_url) == before


def test_a_search_path_without_a_schema_is_refused(empty_database_url: str) -> None:
    with pytest.raises(SetupError, match="The search_path names no schema that exists"):
        migrations.upgrade_schema(f"{empty_database_url}&options=-csearch_path%3Dnowhere")
