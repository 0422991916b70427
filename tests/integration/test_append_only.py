"""The audit is append-only, both for the role of the processes and for the owner of the tables."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from psycopg import errors as postgres
from psycopg import sql
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import APP_ROLE, Connection, connection_arguments, open_pool
from app.lane.run import Lane, execute_lane
from tests.support.factories import Factory, ext
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

RECORDS = ("merge_record", "identify_record", "undo_record", "audit_entry")
"""Tables that hold nothing but the audit."""
UNDO = "undo_record SELECT workspace_id, id, id, now(), now(), 7, 8, '[]' FROM job WHERE workspace_id = %s AND id = %s"
CHANGES = {
    "merge_record": "changes = '[{}]'",
    "identify_record": "profile_id = 9",
    "undo_record": "undone_at = now()",
    "audit_entry": "api_key_id = gen_random_uuid()",
}
BLANKINGS = {
    "merge_record": "orphan_before = '{}', survivor_before = '{}', changes = '[]', deprecated_external_ids = '{}'",
    "undo_record": "changes = '[]'",
    "audit_entry": "external_id = NULL, new_external_id = NULL",
}
FACTS = {
    "batch": ("api_key_id = gen_random_uuid()", "path = '/users/identify'"),
    "job": (
        "outcome = 'same_profile'",
        "survivor_braze_id = orphan_braze_id",
        "orphan_id = 99",
        "kind = 'identify'",
    ),
}
"""What the audit takes from tables that are no audit themselves."""


@pytest.fixture(scope="module")
def owner(database_url: str) -> Iterator[Connection]:
    """A connection of the owner of the tables."""
    with closing(Connection.connect(database_url, **connection_arguments(Settings(), name="test"))) as connection:
        yield connection


@pytest.fixture(scope="module")
def factory(owner: Connection, database_url: str) -> Factory:
    """A workspace with a merge and an audit entry of every other kind."""
    factory = Factory(owner)
    for name in ("a", "b"):
        factory.profile(name)
    job_id = factory.job(ext("a"), ext("b"), search_keys=["a", "b"])
    with open_pool(Settings(database_url=database_url), name="test") as pool:
        execute_lane(pool, Settings(), Lane(workspace_id=factory.workspace_id, job_ids=[job_id], task_id=uuid7()))
    for record in ("identify_record VALUES (%s, %s, now(), 7, now())", UNDO):
        factory.rows(f"INSERT INTO {record} RETURNING 1", job_id)
    entry = "(workspace_id, id, action, path, braze_id, external_id) VALUES (%s, %s, 'rename', '/', 'x', 'a')"
    factory.rows(f"INSERT INTO audit_entry {entry} RETURNING 1", uuid7())
    return factory


@pytest.fixture(params=["the owner", APP_ROLE])
def session(request: pytest.FixtureRequest, factory: Factory, database_url: str) -> Iterator[Connection]:
    """A connection of the owner or of the role, bound to the workspace."""
    role = None if request.param == "the owner" else APP_ROLE
    arguments = connection_arguments(Settings(), name="test", role=role)
    with closing(Connection.connect(database_url, **arguments)) as connection:
        connection.execute(f"SET mergelane.workspace_id = {factory.workspace_id}".encode())
        yield connection


def state(factory: Factory) -> dict[str, list[object]]:
    """Return all rows of the audit and of the tables that it refers to."""
    rows = {}
    for table in (*RECORDS, *FACTS):
        query = sql.SQL("SELECT to_jsonb(each) AS row FROM {} AS each ORDER BY 1").format(sql.Identifier(table))
        rows[table] = [row["row"] for row in factory.connection.execute(query)]
    return rows


def refused(connection: Connection, statement: str) -> bool:
    """Return whether *statement* is refused."""
    try:
        connection.execute(statement.encode())
    except postgres.InsufficientPrivilege:
        return True
    return False


@pytest.mark.parametrize("table", RECORDS)
def test_no_record_is_changed_deleted_or_truncated(session: Connection, factory: Factory, table: str) -> None:
    before = state(factory)

    assert len(before[table]) == 1
    assert refused(session, f"UPDATE {table} SET {CHANGES[table]}")
    assert refused(session, f"DELETE FROM {table}")
    assert refused(session, f"TRUNCATE {table}")
    assert state(factory) == before


@pytest.mark.parametrize("table", BLANKINGS)
def test_only_the_function_for_it_can_blank_a_record(session: Connection, factory: Factory, table: str) -> None:
    before = state(factory)

    assert refused(session, f"UPDATE {table} SET {BLANKINGS[table]}")
    assert state(factory) == before


@pytest.mark.parametrize("table", CHANGES)
def test_the_setting_of_an_erasure_allows_only_blanking(session: Connection, factory: Factory, table: str) -> None:
    before = state(factory)
    session.execute("SET mergelane.audit_change = 'erasure'")

    assert refused(session, f"UPDATE {table} SET {CHANGES[table]}")
    assert refused(session, f"DELETE FROM {table}")
    assert refused(session, f"TRUNCATE {table}")
    assert state(factory) == before


@pytest.mark.parametrize(
    ("table", "change"), [(table, change) for table, changes in FACTS.items() for change in changes]
)
def test_no_fact_of_the_audit_in_other_tables_can_be_changed(
    session: Connection, factory: Factory, table: str, change: str
) -> None:
    before = state(factory)

    assert refused(session, f"UPDATE {table} SET {change}")
    assert state(factory) == before


@pytest.mark.parametrize("table", ["batch", "job", "workspace"])
def test_the_audit_is_not_deleted_with_the_rows_that_it_refers_to(
    session: Connection, factory: Factory, table: str
) -> None:
    before = state(factory)

    assert refused(session, f"TRUNCATE {table} CASCADE")
    if table != "workspace":
        assert refused(session, f"DELETE FROM {table}")
    assert state(factory) == before


def test_a_process_cannot_change_the_audit_by_the_settings_of_the_functions(
    factory: Factory, database_url: str
) -> None:
    before = state(factory)
    arguments = connection_arguments(Settings(), name="test", role=APP_ROLE)
    with closing(Connection.connect(database_url, **arguments)) as process:
        process.execute(f"SET mergelane.workspace_id = {factory.workspace_id}".encode())
        for way in ("erasure", "pruning"):
            process.execute(f"SET mergelane.audit_change = '{way}'".encode())
            for table in RECORDS:
                assert refused(process, f"DELETE FROM {table}")
                assert refused(process, f"UPDATE {table} SET workspace_id = workspace_id")
            assert refused(process, "DELETE FROM batch")

    assert state(factory) == before


def test_the_functions_reach_only_the_workspace_of_the_transaction(
    factory: Factory, owner: Connection, database_url: str
) -> None:
    stranger = Factory(owner).workspace_id
    before = state(factory)
    arguments = connection_arguments(Settings(), name="test", role=APP_ROLE)
    (job,) = factory.rows("SELECT job_id FROM merge_record WHERE workspace_id = %s")
    with closing(Connection.connect(database_url, **arguments)) as process:
        for scope in (str(stranger), ""):
            process.execute("SELECT set_config('mergelane.workspace_id', %s, false)", [scope])
            for named in (factory.workspace_id, stranger):
                process.execute("SELECT erase_audit_records(%s, %s::uuid[])", [named, [job["job_id"]]])
                process.execute("SELECT erase_audit_names(%s, %s::text[])", [named, ["x"]])
                process.execute("SELECT prune_old_batches(%s, '-1 day', 100)", [named])
                process.execute("SELECT prune_old_audit_entries(%s, '-1 day', 100)", [named])

    assert state(factory) == before
