"""The role of the processes: made by who may, asked for in a sentence by who may not, and looked at at start."""

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
    """The URL of an empty database whose owner may nothing else, on a server that has the role already."""
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


def test_who_may_not_become_the_role_is_told_whom_to_ask(tenant: str, empty_database_url: str) -> None:
    for _ in range(2):  # the second time the schema itself is there, and the role is still missing
        with pytest.raises(SetupError, match=rf"GRANT {APP_ROLE} TO {user_of(tenant)};"):
            migrations.upgrade_schema(tenant)

    administer(empty_database_url, f"GRANT {APP_ROLE} TO {user_of(tenant)}")
    migrations.upgrade_schema(tenant)

    startup.require_schema(Settings(database_url=tenant))
    with open_pool(Settings(database_url=tenant), name="test") as pool, open_transaction(pool, 1) as tx:
        assert tx.execute("SELECT current_user AS me").fetchone() == {"me": APP_ROLE}
        assert tx.execute("SELECT count(*) AS rows FROM profile").fetchone() == {"rows": 0}


def test_the_role_is_made_by_an_administrator_where_the_owner_may_not(own_postgres: PostgresServer) -> None:
    administer(own_postgres.url(), "CREATE ROLE plain LOGIN", "CREATE ROLE maker LOGIN CREATEROLE")
    administer(own_postgres.url(), "CREATE DATABASE plain OWNER plain", "CREATE DATABASE maker OWNER maker")
    plain, maker = (as_user(own_postgres.url(name), name) for name in ("plain", "maker"))

    with pytest.raises(SetupError, match=rf"CREATE ROLE {APP_ROLE} NOLOGIN; GRANT {APP_ROLE} TO plain;"):
        migrations.upgrade_schema(plain)
    migrations.upgrade_schema(maker)

    startup.require_schema(Settings(database_url=maker))


def test_what_was_granted_may_get_lost_and_comes_back_with_a_migration(
    connection: Connection, settings: Settings
) -> None:
    connection.execute(f"DROP OWNED BY {APP_ROLE}".encode())
    with pytest.raises(SetupError, match="may not read the tables; run `mergelane migrate` as their owner"):
        startup.require_schema(settings)

    migrations.upgrade_schema(settings.database_url)

    startup.require_schema(settings)


def test_who_does_not_own_the_tables_does_not_administer(
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
