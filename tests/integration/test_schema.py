"""A new database and databases migrated from the revisions 0023 and 0024 equal app/db/schema.sql."""

from pathlib import Path

import psycopg
import pytest

from app.db import migrations, schema_version
from app.errors import SetupError
from tests.support.schema_dump import HEADER, SCHEMA, dump_schema

#: Dumps of the schema at former revisions: at 0023 by the 23 former migrations, at 0024 by the first schema files.
DUMPS = Path(__file__).parent / "data"
FORMER, FIRST = DUMPS / "schema_0023.sql", DUMPS / "schema_0024.sql"
ROWS = """
    INSERT INTO workspace (name) VALUES ('kept');
    INSERT INTO profile (workspace_id, braze_id, created_at, updated_at, random_bucket)
    VALUES (1, 'aaaaaaaaaaaaaaaaaaaaaaaa', now(), now(), 1);
    INSERT INTO batch (workspace_id, id, path) VALUES (1, '00000000-0000-7000-8000-000000000001', '/users/merge');
    INSERT INTO job (workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys)
    VALUES (1, '00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000001', 0, 'merge', 0, '{}',
        '{}', '{}');
"""
COUNTS = "SELECT (SELECT count(*) FROM profile), (SELECT count(*) FROM job), (SELECT count(*) FROM batch)"


@pytest.fixture
def former_url(empty_database_url: str, database_url: str) -> str:
    """The URL of a database at 0023 with a few rows. *database_url* has created the role of its grants."""
    assert database_url
    with psycopg.connect(empty_database_url) as conn:
        conn.execute(FORMER.read_text(encoding="utf-8").encode())
        conn.execute("INSERT INTO alembic_version VALUES ('0023')")
        conn.execute(ROWS)
    return empty_database_url


@pytest.fixture
def first_url(empty_database_url: str, database_url: str) -> str:
    """The URL of a database at 0024 with a few rows."""
    assert database_url
    with psycopg.connect(empty_database_url) as conn:
        conn.execute(FIRST.read_text(encoding="utf-8").encode())
        conn.execute("INSERT INTO alembic_version VALUES ('0024')")
        conn.execute(ROWS)
    return empty_database_url


def comparable(url: str) -> bool:
    """Return whether the server has the major version that dumped schema.sql. Other versions print it differently."""
    with psycopg.connect(url) as conn:
        return conn.info.server_version // 10_000 == 18


def test_a_new_database_equals_the_committed_schema(database_url: str) -> None:
    if not comparable(database_url):
        pytest.skip("schema.sql is the dump of a PostgreSQL 18")

    assert HEADER + dump_schema(database_url) == SCHEMA.read_text(encoding="utf-8"), "run `make schema`"


def test_a_database_at_0023_becomes_equal_to_a_new_one(former_url: str, database_url: str) -> None:
    migrations.upgrade_schema(former_url)

    assert migrations.database_revision(former_url) == migrations.newest_revision()
    assert dump_schema(former_url) == dump_schema(database_url)
    with psycopg.connect(former_url) as conn:
        assert conn.execute(COUNTS).fetchone() == (1, 1, 1)


def test_a_database_at_0024_becomes_equal_to_a_new_one(first_url: str, database_url: str) -> None:
    migrations.upgrade_schema(first_url)

    assert migrations.database_revision(first_url) == migrations.newest_revision()
    assert dump_schema(first_url) == dump_schema(database_url)
    with psycopg.connect(first_url) as conn:
        assert conn.execute(COUNTS).fetchone() == (1, 1, 1)
        assert conn.execute("SELECT workspace_id FROM workspace_home").fetchall() == [(1,)]
        # Its profiles may have keys from the former rules of comparison.
        assert conn.execute("SELECT workspace_id FROM key_recomputation WHERE finished_at IS NULL").fetchall() == [(1,)]


def test_an_older_command_and_a_migration_write_missing_rows_of_a_workspace(
    database_url: str,
) -> None:
    rows = "SELECT count(*) FROM workspace_home"
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("INSERT INTO workspace (name) VALUES ('older')")
        assert conn.execute(rows).fetchone() == conn.execute("SELECT count(*) FROM workspace").fetchone()
        conn.execute("DELETE FROM workspace_home")

        migrations.upgrade_schema(database_url)

        assert conn.execute(rows).fetchone() == conn.execute("SELECT count(*) FROM workspace").fetchone()


def test_a_conversion_that_fails_changes_nothing(former_url: str) -> None:
    before = dump_schema(former_url)
    with psycopg.connect(former_url) as conn:
        conn.execute("ALTER TABLE batch DROP CONSTRAINT run_of_duplicates")
        conn.execute("UPDATE batch SET source = 'duplicates'")
        conn.execute("ALTER TABLE batch ADD CONSTRAINT run_of_duplicates CHECK (run_id IS NOT NULL) NOT VALID")

    with pytest.raises(psycopg.errors.CheckViolation):
        migrations.upgrade_schema(former_url)

    assert migrations.database_revision(former_url) == "0023"
    with psycopg.connect(former_url) as conn:
        conn.execute("ALTER TABLE batch DROP CONSTRAINT run_of_duplicates")
        conn.execute(
            "ALTER TABLE batch ADD CONSTRAINT run_of_duplicates"
            " CHECK ((source = 'duplicates') = (run_id IS NOT NULL)) NOT VALID"
        )
    assert dump_schema(former_url) == before


def test_processes_refuse_a_database_at_0023_until_it_is_migrated(former_url: str) -> None:
    assert schema_version.find_mismatch("0023") == (
        f"The schema is at revision 0023, and this version of Mergelane needs {schema_version.required_revision()};"
        " run `mergelane migrate` first."
    )

    migrations.upgrade_schema(former_url)

    assert schema_version.find_mismatch(migrations.database_revision(former_url)) is None


def test_a_database_before_0023_is_refused_with_a_remedy(former_url: str) -> None:
    with psycopg.connect(former_url) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '0022'")
    before = dump_schema(former_url)

    with pytest.raises(SetupError) as refused:
        migrations.upgrade_schema(former_url)

    assert str(refused.value) == (
        "The schema is at revision 0022, and this version of Mergelane can migrate only from 0023 and later."
        ' Migrate to 0023 with an older version first: see "Migrations" in docs/operations.md.'
    )
    assert dump_schema(former_url) == before


def test_the_schema_has_all_files_of_the_folder() -> None:
    folder = SCHEMA.parent / "migrations" / "sql"
    others = {"access.sql", "homes.sql", f"from_{schema_version.OLDEST}.sql"}

    found = {path.name for path in folder.glob("*.sql") if not path.name[0].isdigit()}
    assert found == {*migrations.SCHEMA_FILES, *others}


def test_stored_push_tokens_belong_to_the_most_recently_updated_profile(first_url: str) -> None:
    with psycopg.connect(first_url) as conn:
        conn.execute(
            """
            INSERT INTO profile (workspace_id, id, braze_id, created_at, updated_at, random_bucket, push_tokens)
            SELECT 1, number, lpad(number::text, 24, '0'), now(), now() - make_interval(days => number), 1,
                '{"shop:t-1": {"app": "shop", "token": "t-1"}}'
            FROM generate_series(7, 9) AS number
            """
        )
        conn.execute("""UPDATE profile SET push_tokens = push_tokens || '{"shop:t-2": {}}' WHERE id = 9""")

    migrations.upgrade_schema(first_url)

    with psycopg.connect(first_url) as conn:
        query = "SELECT origin_id FROM push_token_report WHERE token_digest = sha256(%s::text::bytea)"
        reporters = [conn.execute(query, [key]).fetchall() for key in ("shop:t-1", "shop:t-2")]

    assert reporters == [[(7,)], [(9,)]]
