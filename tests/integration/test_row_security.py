"""The database itself isolates workspaces. The tests send queries without a filter as the processes do.

The list of tables is read from the catalogue, so a new table without a policy fails here.
"""

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit, urlunsplit

import pytest
from psycopg import errors as postgres
from psycopg import sql
from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from app import keys
from app.config import Settings
from app.db.connections import APP_ROLE, Connection, Pool, connection_arguments, lend_connection, open_pool
from app.db.transaction import open_transaction, run_in_transaction
from app.errors import DatabaseRefuses
from tests.support.every_table import furnish
from tests.support.factories import Factory
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

RELATIONS = """
    SELECT relname AS name FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = ANY(%s)
        AND EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'workspace_id')
    ORDER BY relname
"""
TABLES, VIEWS = ["r", "p"], ["v", "m"]


def relations(connection: Connection, kinds: list[str]) -> list[str]:
    """Return the tables or views whose rows belong to workspaces."""
    return [row["name"] for row in connection.execute(RELATIONS, [kinds])]


def count(connection: Connection, relation: str) -> int:
    """Return the number of visible rows of *relation* without a filter."""
    (row,) = connection.execute(sql.SQL("SELECT count(*) AS rows FROM {}").format(sql.Identifier(relation)))
    rows: int = row["rows"]
    return rows


def rows_of(factory: Factory, table: str) -> list[dict[str, object]]:
    """Return the rows of the factory's workspace in *table*, read by its owner."""
    query = sql.SQL("SELECT to_jsonb(each) AS row FROM {} AS each WHERE workspace_id = %s ORDER BY to_jsonb(each)")
    shown = factory.connection.execute(query.format(sql.Identifier(table)), [factory.workspace_id])
    return [row["row"] for row in shown]


@pytest.fixture(scope="module")
def owner(database_url: str) -> Iterator[Connection]:
    """A connection of the owner of the tables."""
    arguments = connection_arguments(Settings(), name="test")
    with closing(Connection.connect(database_url, **arguments)) as connection:
        yield connection


@pytest.fixture(scope="module")
def workspaces(owner: Connection, database_url: str) -> tuple[Factory, Factory]:
    """Two workspaces, A and B, with rows in every table."""
    a, b = Factory(owner), Factory(owner)
    with open_pool(Settings(database_url=database_url), name="test") as pool:
        furnish(a, pool)
        furnish(b, pool)
    return a, b


@pytest.fixture
def a(workspaces: tuple[Factory, Factory]) -> Factory:
    """The workspace that the transactions are bound to."""
    return workspaces[0]


@pytest.fixture
def b(workspaces: tuple[Factory, Factory]) -> Factory:
    """The other workspace."""
    return workspaces[1]


def test_every_table_of_workspaces_has_row_level_security_and_the_policy(owner: Connection) -> None:
    query = """
        SELECT relname AS name, relrowsecurity AS on, pg_get_expr(polqual, polrelid) AS condition, polcmd, polpermissive
        FROM pg_class LEFT JOIN pg_policy ON polrelid = pg_class.oid
        WHERE relname = ANY(%s) AND relnamespace = 'public'::regnamespace
    """
    found = owner.execute(query, [relations(owner, TABLES)]).fetchall()

    assert len(found) >= 15
    assert [row["name"] for row in found if not row["on"]] == []
    assert {row["condition"] for row in found} == {"(workspace_id = current_workspace())"}
    assert {(row["polcmd"], row["polpermissive"]) for row in found} == {("*", True)}


def test_a_query_without_a_filter_reads_only_the_workspace_of_the_transaction(
    pool: Pool, a: Factory, b: Factory
) -> None:
    tables, views = relations(a.connection, TABLES), relations(a.connection, VIEWS)
    own = {table: len(rows_of(a, table)) for table in tables}
    with open_transaction(pool, a.workspace_id) as tx:
        seen = {relation: count(tx.connection, relation) for relation in [*tables, *views]}

    assert {table for table in tables if not own[table] or not rows_of(b, table)} == set()
    of_views = {"workspace_job": own["job"], "workspace_profile": own["profile"], "held_lane": 0, "open_workspace": 1}
    assert seen == {**own, **of_views}


def test_without_a_workspace_no_row_is_visible(pool: Pool, a: Factory) -> None:
    run_in_transaction(pool, a.workspace_id, lambda tx: count(tx.connection, "profile"))
    with lend_connection(pool) as connection:
        seen = {each: count(connection, each) for each in relations(a.connection, [*TABLES, *VIEWS])}

    assert set(seen.values()) == {0}


def columns_of(connection: Connection, table: str) -> sql.Composed:
    """Return the columns of *table* that are not generated."""
    query = """
        SELECT attname AS name FROM pg_attribute
        WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    """
    return sql.SQL(", ").join(sql.Identifier(row["name"]) for row in connection.execute(query, [table]))


def attempt(pool: Pool, workspace_id: int | None, statement: sql.Composed, *values: object) -> int | None:
    """Return the number of rows that *statement* changed, sent as by a process, or None if it was refused."""
    try:
        if workspace_id is None:
            with lend_connection(pool) as connection:
                return connection.execute(statement, values).rowcount
        with open_transaction(pool, workspace_id) as tx:
            return tx.connection.execute(statement, values).rowcount
    except DatabaseRefuses:
        return None


@pytest.mark.parametrize("scope", ["another workspace", "none"])
def test_rows_of_another_workspace_cannot_be_added_changed_or_deleted(
    pool: Pool, a: Factory, b: Factory, scope: str
) -> None:
    workspace_id = a.workspace_id if scope == "another workspace" else None
    change = sql.SQL("UPDATE {0} SET workspace_id = workspace_id WHERE workspace_id = %s")
    insert = sql.SQL(
        "INSERT INTO {0} ({1}) OVERRIDING SYSTEM VALUE SELECT {1} FROM jsonb_populate_record(NULL::{0}, %s)"
    )
    delete = sql.SQL("DELETE FROM {0} WHERE workspace_id = %s")
    for table in relations(a.connection, TABLES):
        name, before = sql.Identifier(table), rows_of(b, table)

        assert attempt(pool, workspace_id, change.format(name), b.workspace_id) in {0, None}, table
        assert attempt(pool, workspace_id, delete.format(name), b.workspace_id) in {0, None}, table
        inserted = insert.format(name, columns_of(a.connection, table))
        assert attempt(pool, workspace_id, inserted, Jsonb(before[0])) is None, table
        assert rows_of(b, table) == before


def test_no_row_can_be_moved_to_another_workspace(pool: Pool, a: Factory, b: Factory) -> None:
    for table in relations(a.connection, TABLES):
        statement = sql.SQL("UPDATE {} SET workspace_id = %s").format(sql.Identifier(table))

        assert attempt(pool, a.workspace_id, statement, b.workspace_id) is None, table


def test_statements_that_policies_do_not_cover_are_refused(pool: Pool, a: Factory) -> None:
    for table in relations(a.connection, TABLES):
        assert attempt(pool, a.workspace_id, sql.SQL("TRUNCATE {} CASCADE").format(sql.Identifier(table))) is None
        assert attempt(pool, a.workspace_id, sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(table))) is None


@pytest.mark.parametrize("statement", ["RESET ROLE", "RESET ALL", "DISCARD ALL"])
def test_a_connection_that_is_reset_works_as_the_role_again(pool: Pool, a: Factory, statement: str) -> None:
    with pool.connection() as connection:
        connection.execute(statement.encode())
        (row,) = connection.execute("SELECT current_user AS me").fetchall()

        assert row["me"] == APP_ROLE
        assert count(connection, "profile") == 0
    assert rows_of(a, "profile")


@pytest.fixture
def login(owner: Connection, database_url: str) -> Iterator[str]:
    """The URL of a user whose only right is to become the role."""
    name = f"mergelane_login_{uuid7().hex}"
    owner.execute(f"CREATE ROLE {name} LOGIN IN ROLE {APP_ROLE}".encode())
    parts = urlsplit(database_url)
    try:
        yield urlunsplit(parts._replace(netloc=f"{name}@{parts.netloc.rpartition('@')[2]}"))
    finally:
        owner.execute(f"DROP ROLE {name}".encode())


@pytest.fixture
def own_login(login: str) -> Iterator[Connection]:
    """A connection of this user, opened as the processes do."""
    arguments = connection_arguments(Settings(), name="test", role=APP_ROLE)
    with closing(Connection.connect(login, **arguments)) as connection:
        yield connection


def test_a_separate_login_cannot_become_the_owner(own_login: Connection, a: Factory) -> None:
    (row,) = a.connection.execute("SELECT current_user AS me").fetchall()
    for statement in (f"SET ROLE {row['me']}", f"SET SESSION AUTHORIZATION {row['me']}"):
        with pytest.raises(postgres.InsufficientPrivilege):
            own_login.execute(statement.encode())

    own_login.execute("SET ROLE NONE")

    assert count(own_login, "profile") == 0
    assert rows_of(a, "profile")


def test_a_separate_login_is_enough_for_a_merge(owner: Connection, login: str) -> None:
    factory = Factory(owner)
    with open_pool(Settings(database_url=login), name="test") as pool:
        furnish(factory, pool)

    (job,) = factory.rows("SELECT outcome FROM job WHERE workspace_id = %s")
    assert job["outcome"] == "merged"


def test_a_query_of_an_administrator_who_is_not_the_owner_is_refused(login: str) -> None:
    arguments = connection_arguments(Settings(), name="test")
    with (
        closing(Connection.connect(login, **arguments)) as connection,
        pytest.raises(postgres.InsufficientPrivilege, match="row-level security"),
    ):
        count(connection, "profile")


def test_a_few_functions_run_as_the_owner_and_only_the_role_may_call_them(owner: Connection) -> None:
    query = """
        SELECT proname AS name, proconfig AS config, has_function_privilege('public', oid, 'EXECUTE') AS anybody
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef
    """
    found = owner.execute(query).fetchall()

    assert {row["name"] for row in found} == {
        "find_valid_keys",
        "renew_key_digest",
        "save_key_use",
        "paused_workspaces",
        "workspaces_with_cancellations",
        "publishable_workspaces",
        "publishable_workspaces_from",
        "workspaces_with_pending_jobs",
        "next_job_due_at",
        "next_webhook_work_at",
        "workspaces_with_published_jobs",
        "workspaces_to_rescue",
        "all_workspaces",
        "workspaces_with_due_deliveries",
        "analyze_changed_tables",
        "count_jobs_by_workspace",
        "count_plans",
        "erase_audit_records",
        "erase_audit_names",
        "prune_batches",
        "prune_old_batches",
        "prune_old_audit_entries",
        "prune_audit_entries",
        "workspaces_with_duplicates_to_merge",
        "workspaces_to_recompute",
        "workspaces_with_erasures",
        "workspaces_with_identity_changes",
        "renew_statistics",
        "workspaces_with_runs",
        "prune_old_runs",
        "workspaces_to_sum",
    }
    assert [row["config"] for row in found] == [["search_path=pg_catalog, pg_temp"]] * len(found)
    assert {row["anybody"] for row in found} == {False}


def test_a_key_is_found_by_its_digest_and_no_other_key_is_returned(pool: Pool, owner: Connection) -> None:
    secrets = [keys.create_key(owner, workspace=name, label="x", permissions=["*"])[1] for name in ("mine", "yours")]

    with lend_connection(pool) as connection:
        holders = [keys.find_key_holder(connection, secret) for secret in secrets]
        nobody = keys.find_key_holder(connection, "unknown")

    assert len({holder.workspace_id for holder in holders if holder}) == len(secrets)
    assert nobody is None


def test_a_digest_is_renewed_within_its_workspace(pool: Pool, owner: Connection) -> None:
    _, secret = keys.create_key(owner, workspace="mine", label="x", permissions=["*"], peppers=("an-older-pepper",))

    with lend_connection(pool) as connection:
        before = keys.find_key_holder(connection, secret, peppers=("a-newer-pepper", "an-older-pepper"))
        after = keys.find_key_holder(connection, secret, peppers=("a-newer-pepper",))

    assert before is not None
    assert after == before
