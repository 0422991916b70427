"""The product works the same with any session settings of server, database, role and environment."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest

from app import keys
from app.config import Settings
from app.db import migrations
from app.db.connections import APP_ROLE, Connection, connection_arguments, open_pool
from app.db.session_settings import MEANING
from app.web import create_app
from app.web.resources import resources_of
from cli.database import connected
from cli.doctor.examination import run_checks
from fuzz.lanes import Worker
from tests.support.flask_caller import Caller
from tests.support.postgres import PostgresServer

#: A value for each setting that would change the meaning of statements.
HOSTILE = {
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "iso_8601",
    "TimeZone": "Pacific/Kiritimati",
    "client_encoding": "SQL_ASCII",
    "standard_conforming_strings": "off",
    "transform_null_equals": "on",
    "array_nulls": "off",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "default_transaction_isolation": "serializable",
    "exit_on_error": "on",
    "search_path": "nowhere",
    "mergelane.workspace_id": "7",
    "mergelane.audit_change": "pruning",
}
#: Settings that the product does not override, with values under which it works.
OTHERS = {
    "xmloption": "document",
    "lc_numeric": "C",
    "row_security": "off",
    "default_transaction_deferrable": "on",
    "quote_all_identifiers": "on",
    "client_min_messages": "error",
    "jit": "off",
    "statement_timeout": "1",
    "lock_timeout": "1",
    "plan_cache_mode": "force_custom_plan",
}
ENVIRONMENT = {
    "PGDATESTYLE": "SQL, DMY",
    "PGTZ": "Pacific/Kiritimati",
    "PGCLIENTENCODING": "LATIN1",
    "PGOPTIONS": "-c transform_null_equals=on -c array_nulls=off",
    "PGGEQO": "off",
}


def test_a_hostile_value_of_every_setting_is_tried() -> None:
    assert HOSTILE.keys() == MEANING.keys()


def in_database(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as administrator:
        for name, value in {**HOSTILE, **OTHERS}.items():
            database = administrator.info.dbname
            administrator.execute(f"ALTER DATABASE {database} SET {name} = {value!r}".encode())


def in_role(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as administrator:
        for name, value in {**HOSTILE, **OTHERS}.items():
            user = administrator.info.user
            administrator.execute(f"ALTER ROLE {user} SET {name} = {value!r}".encode())


def in_file(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as administrator:
        for name, value in {**HOSTILE, **OTHERS}.items():
            administrator.execute(f"ALTER SYSTEM SET {name} = {value!r}".encode())
        administrator.execute("SELECT pg_reload_conf()")


@dataclass(frozen=True)
class Installation:
    """A caller and a worker on one database."""

    caller: Caller
    worker: Worker
    settings: Settings


@pytest.fixture
def install() -> Iterator[Callable[[str], Installation]]:
    """A function that migrates the database at a URL, and opens web and a worker on it."""
    close: list[Callable[[], object]] = []

    def make(url: str) -> Installation:
        migrations.upgrade_schema(url)
        settings = Settings(database_url=url, identify_wait_s=0, statement_timeout_ms=30_000)
        with connected(settings, url, name="cli") as connection:
            key_id, secret = keys.create_key(connection, workspace="shop", label="test", permissions=["*"])
        flask = create_app(settings)
        pool = open_pool(settings, name="test-worker")
        close.extend((resources_of(flask).close, pool.close))
        caller = Caller(flask, secret=secret, key_id=key_id, workspace_id=1, workspace="shop")
        return Installation(caller, Worker(pool, settings), settings)

    yield make
    for each in close:
        each()


def use(installation: Installation) -> None:
    """Track, merge, list, undo and examine, and compare with what was sent."""
    caller, born = installation.caller, "2026-02-03T04:05:06.789000+00:00"
    attributes = [
        {"external_id": "o", "first_name": "Zoë 名\\'", "dob": "1990-04-05", "score": 0.1234567890123456, "on": born},
        {"external_id": "s", "tags": ["NULL", "b\\n"]},
    ]
    purchase = {"external_id": "o", "product_id": "p", "currency": "EUR", "price": 1234.56, "time": born}
    tracked = caller.post("/users/track", {"attributes": attributes, "purchases": [purchase]})
    assert tracked.status_code == 201, tracked.text
    pair = {"identifier_to_merge": {"external_id": "o"}, "identifier_to_keep": {"external_id": "s"}}
    merged = caller.post("/users/merge", {"merge_updates": [pair]})
    assert merged.status_code == 202, merged.text
    installation.worker.work()
    (user,) = caller.post("/users/export/ids", {"external_ids": ["s"]}).json["users"]
    listed = caller.get("/merge/jobs").json["jobs"]
    batch = caller.get(f"/merge/batches/{merged.json['batch_id']}").json

    assert (user["first_name"], user["dob"]) == ("Zoë 名\\'", "1990-04-05")
    assert user["custom_attributes"]["score"] == 0.1234567890123456
    assert user["custom_attributes"]["tags"] == ["NULL", "b\\n"]
    assert user["total_revenue"] == 1234.56
    assert [job["outcome"] for job in listed] == [job["outcome"] for job in batch["jobs"]] == ["merged"]
    assert listed[0]["finished_at"].endswith(("Z", "+00:00"))
    assert caller.get("/audit").json["entries"][0]["action"] == "merge"
    assert installation.caller.get("/health/ready").status_code == 200
    levels = {finding.check: finding for finding in run_checks(installation.settings)}
    for check in ("postgres", "schema", "row security", "session settings", "waiting jobs", "clock"):
        assert levels[check].level == "fine", levels[check]


@pytest.mark.parametrize("alter", [in_database])
def test_settings_of_the_database_do_not_matter(
    empty_database_url: str, install: Callable[[str], Installation], alter: Callable[[str], None]
) -> None:
    alter(empty_database_url)

    use(install(empty_database_url))


@pytest.mark.parametrize("alter", [in_role, in_file])
def test_settings_of_the_role_and_of_the_server_do_not_matter(
    own_postgres: PostgresServer, install: Callable[[str], Installation], alter: Callable[[str], None]
) -> None:
    alter(own_postgres.url())

    use(install(own_postgres.url()))


def test_variables_of_the_environment_do_not_matter(
    empty_database_url: str, install: Callable[[str], Installation], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)

    use(install(empty_database_url))


@pytest.mark.parametrize("role", [None, APP_ROLE])
@pytest.mark.parametrize("name", MEANING)
def test_each_setting_is_effective_in_each_connection(database_url: str, name: str, role: str | None) -> None:
    with psycopg.connect(database_url, autocommit=True) as administrator:
        database = administrator.info.dbname
        administrator.execute(f"ALTER DATABASE {database} SET {name} = {HOSTILE[name]!r}".encode())
    arguments = connection_arguments(Settings(), name="test", role=role)
    query = "SELECT current_setting(%s) AS found, set_config(%s, %s, false) AS expected"
    with Connection.connect(database_url, **arguments) as connection:
        (row,) = connection.execute(query, [name, name, MEANING[name]]).fetchall()

    assert row["found"] == row["expected"]
