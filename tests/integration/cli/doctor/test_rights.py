"""The doctor compares all rights with those of a new database, and a migration corrects them."""

import subprocess
from collections.abc import Iterator

import psycopg
import pytest
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db import migrations, rights
from app.db.connections import APP_ROLE, Connection
from app.environment import child_environ
from cli.doctor.findings import Finding, Level
from cli.doctor.isolation import check_isolation
from cli.doctor.rights import check_rights
from cli.up.postgres_programs import postgres_installation
from tests.support.postgres import PostgresServer

#: What a role without any grant did with a database that was restored without privileges.
EMPTY_THE_LEDGER = (
    "SELECT * FROM all_workspaces()",
    "SELECT prune_batches(1, 'ffffffff-ffff-7fff-bfff-ffffffffffff', 100000)",
    "SELECT prune_audit_entries(1, 'ffffffff-ffff-7fff-bfff-ffffffffffff', 100000)",
)
#: Lists the rights of each role on each table, view, function and column, and on the schema.
ACCESS = """
    SELECT oid::regclass::text AS name, relacl::text AS acl FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
    UNION ALL
    SELECT oid::regprocedure::text, proacl::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT attrelid::regclass::text || '.' || attname, attacl::text FROM pg_attribute
    WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) AND attacl IS NOT NULL
    UNION ALL
    SELECT 'policy ' || polname || polrelid::regclass::text, pg_get_expr(polqual, polrelid) FROM pg_policy
"""


@pytest.fixture
def stranger(connection: Connection) -> Iterator[str]:
    """A role without any grant."""
    name = f"stranger_{uuid7().hex}"
    connection.execute(f"CREATE ROLE {name}".encode())
    yield name
    connection.execute(f"DROP OWNED BY {name}".encode())
    connection.execute(f"DROP ROLE {name}".encode())


def found(connection: Connection) -> Finding:
    """Return the only finding."""
    (finding,) = check_rights(connection)
    return finding


def test_a_new_database_has_the_rights_that_it_should_have(connection: Connection) -> None:
    assert found(connection).level == Level.FINE


def test_the_lists_name_every_table_and_every_function_with_the_owners_rights(connection: Connection) -> None:
    tables = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')"
    )
    functions = connection.execute(
        "SELECT oid::regprocedure::text AS name FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
    )

    assert {row["relname"] for row in tables} == set(rights.TABLES)
    assert {row["name"].replace(",", ", ") for row in functions} == set(rights.FUNCTIONS)


@pytest.mark.parametrize(
    ("damage", "statement"),
    [
        (
            "GRANT EXECUTE ON FUNCTION all_workspaces() TO PUBLIC",
            "REVOKE EXECUTE ON FUNCTION all_workspaces() FROM PUBLIC",
        ),
        ("GRANT SELECT ON profile TO PUBLIC", "REVOKE SELECT ON TABLE profile FROM PUBLIC"),
        ("GRANT DELETE ON job TO mergelane_app", "REVOKE DELETE ON TABLE job FROM mergelane_app"),
        ("GRANT UPDATE (label) ON api_key TO PUBLIC", "REVOKE UPDATE (label) ON TABLE api_key FROM PUBLIC"),
        ("REVOKE INSERT ON batch FROM mergelane_app", "GRANT INSERT ON TABLE batch TO mergelane_app"),
        ("REVOKE ALL ON workspace_job FROM mergelane_app", "GRANT SELECT ON TABLE workspace_job TO mergelane_app"),
        (
            "REVOKE UPDATE (digest) ON api_key FROM mergelane_app",
            "GRANT UPDATE (digest) ON TABLE api_key TO mergelane_app",
        ),
        (
            "REVOKE EXECUTE ON FUNCTION find_valid_keys(bytea[]) FROM mergelane_app",
            "GRANT EXECUTE ON FUNCTION find_valid_keys(bytea[]) TO mergelane_app",
        ),
    ],
)
def test_a_right_too_many_or_too_few_is_wrong_until_the_next_migration(
    connection: Connection, settings: Settings, damage: str, statement: str
) -> None:
    connection.execute(damage.encode())

    finding = found(connection)
    migrations.upgrade_schema(settings.database_url)

    assert finding.level == Level.WRONG
    assert f"`{statement}`" in finding.sentence
    assert found(connection).level == Level.FINE


def test_default_privileges_give_no_rights_on_new_tables(empty_database_url: str) -> None:
    with Connection.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC")
        connection.execute("ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO PUBLIC")
        migrations.upgrade_schema(empty_database_url)

        assert rights.find_differences(connection) == []


@pytest.mark.parametrize(
    ("damage", "repair", "sentence"),
    [
        (
            "ALTER TABLE merge_record DISABLE TRIGGER protect_audit",
            "ALTER TABLE merge_record ENABLE TRIGGER ALL",
            "Triggers are disabled on `merge_record`",
        ),
        (
            "GRANT CREATE ON SCHEMA public TO PUBLIC",
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
            "may create objects in the schema public",
        ),
        (
            "GRANT pg_write_all_data TO mergelane_app",
            "REVOKE pg_write_all_data FROM mergelane_app",
            "member of pg_write_all_data",
        ),
        ("ALTER ROLE mergelane_app CREATEROLE", "ALTER ROLE mergelane_app NOCREATEROLE", "CREATEROLE"),
        (
            "ALTER FUNCTION all_workspaces() OWNER TO mergelane_app",
            "ALTER FUNCTION all_workspaces() OWNER TO CURRENT_USER",
            "Another role owns `all_workspaces()`",
        ),
    ],
)
def test_what_surrounds_the_rights_is_compared_too(
    own_postgres: PostgresServer, damage: str, repair: str, sentence: str
) -> None:
    migrations.upgrade_schema(own_postgres.url())
    with psycopg.connect(own_postgres.url(), autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
        connection.execute(damage.encode())
        findings = list(check_rights(connection))
        connection.execute(repair.encode())
        migrations.upgrade_schema(own_postgres.url())
        after = found(connection)

    assert Level.WRONG in {finding.level for finding in findings}
    assert sentence in " ".join(finding.sentence for finding in findings)
    assert after.level == Level.FINE


@pytest.mark.parametrize(
    ("policy", "on"), [("USING (true)", "profile"), ("FOR SELECT TO PUBLIC USING (workspace_id > 0)", "api_key")]
)
def test_another_policy_is_wrong(connection: Connection, settings: Settings, policy: str, on: str) -> None:
    """Policies are alternatives, so a second one opens the table."""
    connection.execute(f"CREATE POLICY second ON {on} {policy}".encode())

    (finding,) = check_isolation(connection, settings)

    assert finding.level == Level.WRONG
    assert on in finding.sentence


def test_rights_of_other_roles_are_reported(connection: Connection, stranger: str) -> None:
    connection.execute(f"GRANT SELECT ON profile TO {stranger}".encode())
    reads = found(connection)
    connection.execute(f"GRANT EXECUTE ON FUNCTION all_workspaces() TO {stranger}".encode())
    calls = found(connection)

    assert (reads.level, calls.level) == (Level.NOTICE, Level.WRONG)
    assert f"The role {stranger} has SELECT on Mergelane's objects, such as profile." in reads.sentence


def test_a_database_restored_without_privileges_has_the_rights_of_a_new_one(
    database_url: str, own_postgres: PostgresServer, connection: Connection
) -> None:
    """As in docs/operations.md: on another server, by another owner that is not a superuser."""
    programs = postgres_installation() / "bin"
    with psycopg.connect(own_postgres.url(), autocommit=True) as administrator:
        administrator.execute("CREATE ROLE new_owner LOGIN CREATEDB CREATEROLE")
        administrator.execute("CREATE DATABASE restored OWNER new_owner")
        administrator.execute("CREATE ROLE stranger LOGIN")
    owner, stranger = (
        own_postgres.url("restored").replace("postgres@", f"{name}@") for name in ("new_owner", "stranger")
    )
    dump = [programs / "pg_dump", "--format=custom", f"--dbname={database_url}"]
    restore = [programs / "pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", f"--dbname={owner}"]
    dumped = subprocess.run(dump, env=child_environ(), capture_output=True, check=True).stdout
    subprocess.run(restore, env=child_environ(), input=dumped, check=True)

    migrations.upgrade_schema(owner)

    with psycopg.connect(owner, row_factory=psycopg.rows.dict_row) as restored:
        after = access(restored, owner="new_owner")
        differences = rights.find_differences(restored)
    assert differences == []
    assert after == access(connection, owner="postgres")
    with psycopg.connect(stranger, autocommit=True) as connected:
        for statement in EMPTY_THE_LEDGER:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connected.execute(statement.encode())


def access(connection: Connection, *, owner: str) -> set[tuple[str, str]]:
    """Return the rights on each object, with a placeholder for its *owner*."""
    rows = connection.execute(ACCESS.encode()).fetchall()
    return {
        (
            row["name"],
            ",".join(
                sorted(
                    (row["acl"] or "")
                    .replace(f"{owner}=", "OWNER=")
                    .replace(f"/{owner}", "/OWNER")
                    .strip("{}")
                    .split(",")
                )
            ),
        )
        for row in rows
    }


def test_the_role_of_the_processes_is_not_a_member_of_other_roles(connection: Connection) -> None:
    assert (
        connection.execute("SELECT 1 FROM pg_auth_members WHERE member = to_regrole(%s)", [APP_ROLE]).fetchone() is None
    )
