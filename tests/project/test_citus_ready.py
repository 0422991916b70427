"""No statement uses a construct that Citus refuses: one set of statements runs there and on plain PostgreSQL."""

import ast
import re

import pytest

from tests.project.citus_migrations import RULES as MIGRATION_RULES
from tests.project.citus_migrations import find_refused_changes
from tests.project.citus_rules import RULES, find_refused
from tests.project.test_sql import MIGRATIONS, QUERIES, queries
from tests.project.tree import name_of, packaged, parsed

OF_WORKSPACE = " WHERE workspace_id = %(workspace_id)s"
OF_HOME = " WHERE home.workspace_id = %(workspace_id)s"
MOMENT = "(SELECT now() AS now OFFSET 0) AS moment"
#: Migrations before this one may have run on a plain database only.
FIRST = 46
#: Sessions of the migration and of one process, on the server that they are connected to.
OWN_SESSION = ("app/db/migrations/", "app/db/session_settings.py")


def test_no_query_breaks_a_rule() -> None:
    found = {(name, rule) for path in QUERIES for name, text in queries(path) for rule in find_refused(text)}

    assert sorted(f"{name} {rule}: {RULES[rule]}" for name, rule in found) == []


def test_no_migration_breaks_a_rule() -> None:
    found = {
        (path.name, rule)
        for path in MIGRATIONS
        if int(path.name[:4]) >= FIRST
        for rule in find_refused_changes(path.read_text(encoding="utf-8"))
    }

    assert sorted(f"{name} {rule}: {MIGRATION_RULES[rule]}" for name, rule in found) == []


def strings_with(pattern: str) -> set[str]:
    """Return the places of the strings in modules that match *pattern*."""
    return {
        f"{name_of(path)}:{node.lineno}"
        for path in packaged("*.py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str | bytes)
        and re.search(pattern, str(node.value))
    }


def test_no_statement_in_a_module_is_for_one_server() -> None:
    """A lock or a setting of the session does not reach the server of the workspace."""
    found = strings_with(r"\b(?:set_config|pg_(?:try_)?advisory_\w+)\(")

    assert {place for place in found if not place.startswith(OWN_SESSION)} == set()


def test_a_setting_of_a_transaction_is_a_separate_message() -> None:
    """Citus repeats the whole text of the message on the server of the workspace."""
    assert strings_with(r";\s*SET LOCAL") == set()


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("UPDATE job SET a = clock_timestamp()" + OF_WORKSPACE, "volatile-in-update"),
        ("UPDATE job SET a = coalesce(a, now())" + OF_WORKSPACE, "stable-in-case"),
        (
            "UPDATE job SET a = CASE WHEN b THEN c ELSE (SELECT d FROM batch WHERE batch.workspace_id ="
            " %(workspace_id)s) END" + OF_WORKSPACE,
            "stable-in-case",
        ),
        (
            "UPDATE job SET a = b.c FROM (SELECT now() AS c) AS b WHERE job.workspace_id = %(workspace_id)s",
            "merged-subquery",
        ),
        ("UPDATE job SET a = b + make_interval(secs => c)" + OF_WORKSPACE, "stable-with-column"),
        ("UPDATE job SET a = b + interval '1 day'" + OF_WORKSPACE, "stable-with-column"),
        ("DELETE FROM job" + OF_WORKSPACE + " AND now() > a + interval '1 day'", "stable-with-column"),
        ("UPDATE job SET a = date_trunc('day', b)" + OF_WORKSPACE, "stable-with-column"),
        ("INSERT INTO job (a) VALUES (%(a)s) ON CONFLICT (a) DO UPDATE SET a = now()", "stable-in-do-update"),
        ("UPDATE job SET a = CASE b WHEN 'c' THEN d END" + OF_WORKSPACE, "simple-case-in-write"),
        (
            "DELETE FROM job" + OF_WORKSPACE + " AND (a, b) IN (SELECT a, b FROM batch" + OF_WORKSPACE + ")",
            "row-in-write",
        ),
        ("UPDATE job SET a = (%(b)s::bigint[])[1]" + OF_WORKSPACE, "subscript-in-update"),
        (
            "INSERT INTO job (workspace_id, a) SELECT %(workspace_id)s, a FROM unnest(%(a)s) AS a",
            "insert-without-table",
        ),
        (
            "INSERT INTO job (workspace_id, a) SELECT %(workspace_id)s, a FROM batch" + OF_WORKSPACE,
            "insert-without-table",
        ),
        (
            "INSERT INTO profile (workspace_id, a) SELECT %(workspace_id)s, a FROM unnest(%(a)s) AS a",
            "identity-without-returning",
        ),
        ("WITH x AS (INSERT INTO job (a) VALUES (1) RETURNING a) SELECT a FROM x", "insert-in-with"),
        (
            "WITH x AS (DELETE FROM batch" + OF_WORKSPACE + " RETURNING workspace_id)"
            " INSERT INTO job (workspace_id) SELECT home.workspace_id FROM workspace_home AS home" + OF_HOME,
            "insert-in-with",
        ),
        ("INSERT INTO audit_entry (workspace_id, id) VALUES (%(workspace_id)s, %(id)s)", "volatile-default"),
        ("INSERT INTO webhook (a) VALUES (1) RETURNING webhook.a", "returning-without-alias"),
        (
            "INSERT INTO job (workspace_id) SELECT home.workspace_id FROM workspace_home AS home"
            + OF_HOME
            + " RETURNING a",
            "returning-without-alias",
        ),
        ("SELECT a FROM job WHERE id = %(id)s", "no-workspace"),
        ("SELECT a FROM job JOIN batch USING (id) WHERE job.workspace_id = %(workspace_id)s", "no-workspace"),
        (
            "SELECT EXISTS (SELECT 1 FROM batch WHERE batch.workspace_id = job.workspace_id) FROM job" + OF_WORKSPACE,
            "no-workspace",
        ),
        ("SELECT a FROM job WHERE workspace_id = %(workspace_id)s OR a = 1", "no-workspace"),
        ("SELECT id FROM held_lane" + OF_WORKSPACE, "view-of-joins"),
        ("SELECT a FROM job WHERE workspace_id = %(workspace_id)s UNION ALL SELECT 1", "union-without-table"),
        (
            "WITH x AS (DELETE FROM sign_in WHERE workspace_id = %(workspace_id)s) UPDATE api_key SET a = 1",
            "reference-and-distributed",
        ),
        ("SELECT set_config('a', 'b', true)", "set-config"),
        ("SELECT pg_advisory_xact_lock(%(key)s)", "server-of-session"),
        ("SELECT pg_current_snapshot()", "server-of-session"),
        ("UPDATE job SET a = pg_current_snapshot()" + OF_WORKSPACE, "server-of-session"),
        ("COPY job FROM STDIN", "copy"),
    ],
)
def test_each_rule_finds_its_construct(statement: str, rule: str) -> None:
    assert find_refused(statement) == {rule}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE job SET a = statement_timestamp() + make_interval(secs => %(a)s)" + OF_WORKSPACE,
        "UPDATE job SET a = coalesce(a, moment.now) FROM " + MOMENT + " WHERE job.workspace_id = %(workspace_id)s",
        "UPDATE job SET a = coalesce((%(b)s::bigint[])[1], a)" + OF_WORKSPACE,
        "INSERT INTO job (a) VALUES (%(a)s) ON CONFLICT (a) DO UPDATE SET a = excluded.a",
        "INSERT INTO job (workspace_id, a) SELECT home.workspace_id, x FROM workspace_home AS home"
        " CROSS JOIN unnest(%(a)s) AS x" + OF_HOME,
        "INSERT INTO profile AS a (workspace_id, b) SELECT %(workspace_id)s, b FROM unnest(%(b)s) AS b RETURNING id",
        "SELECT 1 FROM job AS a JOIN batch AS b USING (id, workspace_id) WHERE a.workspace_id = %(workspace_id)s",
        "SELECT a LIKE 'b%%' FROM job WHERE workspace_id = %(workspace_id)s::integer",
        "SELECT pg_advisory_xact_lock(%(key)s) FROM workspace_home" + OF_WORKSPACE,
        "SELECT pg_current_snapshot() FROM workspace_home" + OF_WORKSPACE,
        "SELECT a FROM api_key WHERE digest = %(digest)s",
        "SELECT 1",
    ],
)
def test_other_statements_pass(statement: str) -> None:
    assert find_refused(statement) == set()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("ALTER TABLE job ADD COLUMN a integer, ADD CONSTRAINT b CHECK (a > 0) NOT VALID;", "constraint-with-column"),
        ("ALTER TABLE job ALTER COLUMN a SET STATISTICS 0;", "statistics"),
        ("ALTER TABLE origin ALTER COLUMN profile_id SET (n_distinct = -0.5);", "statistics"),
        ("ALTER TABLE job DISABLE TRIGGER wake_relay;", "disabled-trigger"),
        ("CREATE TABLE a (workspace_id integer NOT NULL, b text UNIQUE);", "key-without-workspace"),
        ("CREATE TABLE a (workspace_id integer NOT NULL, b text, PRIMARY KEY (b));", "key-without-workspace"),
        ("CREATE UNIQUE INDEX a ON job (b);", "key-without-workspace"),
    ],
)
def test_each_rule_of_migrations_finds_its_construct(change: str, rule: str) -> None:
    assert find_refused_changes(change) == {rule}


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE job ADD COLUMN a integer;\nALTER TABLE job ADD CONSTRAINT b CHECK (a > 0) NOT VALID;",
        "CREATE TABLE a (workspace_id integer PRIMARY KEY REFERENCES workspace);",
        "CREATE TABLE a (workspace_id integer NOT NULL, b text, PRIMARY KEY (workspace_id, b));",
        "CREATE UNIQUE INDEX a ON job (workspace_id, b);",
        "CREATE TABLE process_note (id uuid PRIMARY KEY);",
    ],
)
def test_other_changes_pass(change: str) -> None:
    assert find_refused_changes(change) == set()
