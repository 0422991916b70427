"""Keys are in tables that each node of Citus has. Requests record their use while others are created."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from uuid_utils import uuid7

from app import keys
from app.config import Settings
from app.errors import SetupError
from cli.database import connected
from tests.support.citus import CitusDatabases

USE = "SELECT save_key_use(%(workspace_id)s, %(id)s, 0::double precision)"


def test_creation_and_use_of_keys_do_not_deadlock(citus_databases: CitusDatabases) -> None:
    with citus_databases.lend(citus_databases.create()) as url:
        settings = Settings(database_url=url, database_distributed=True)

        def create(*_: object) -> object:
            with connected(settings, url, name="test") as connection:
                return keys.ensure_key(connection, key=f"key-{uuid7()}", workspace=f"test-{uuid7()}")

        key_id = create()
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT workspace_id FROM api_key").fetchone()
        assert row is not None

        def use(*_: object) -> object:
            with psycopg.connect(url) as connection:
                return connection.execute(USE, {"workspace_id": row[0], "id": key_id}).fetchone()

        with ThreadPoolExecutor(8) as threads:
            created, used = threads.map(create, range(20)), threads.map(use, range(20))
            assert len([*created, *used]) == 40


def test_a_command_without_the_setting_of_the_distribution_names_it(citus_databases: CitusDatabases) -> None:
    not_set = pytest.raises(SetupError, match=r"DATABASE_DISTRIBUTED is off.* Set DATABASE_DISTRIBUTED=on")
    lent = citus_databases.lend(citus_databases.create())
    with lent as url, not_set, connected(Settings(database_url=url), url, name="test") as connection:
        keys.ensure_key(connection, key=f"key-{uuid7()}", workspace="default")
