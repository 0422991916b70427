"""No new query uses a construct that Citus refuses, so that workspaces can be distributed over servers one day.

The queries that use one today are in citus_exceptions.txt, one query and one rule a line. That list may only shrink.
"""

from pathlib import Path

import pytest

from tests.project.citus_rules import RULES, find_refused
from tests.project.test_sql import QUERIES, queries

OF_WORKSPACE = " WHERE workspace_id = %(workspace_id)s"
EXCEPTIONS = Path(__file__).with_name("citus_exceptions.txt")


def exceptions() -> set[tuple[str, str]]:
    """Return the listed exceptions: the name of a query and the rule that it breaks."""
    lines = EXCEPTIONS.read_text(encoding="utf-8").splitlines()
    pairs = [line.split() for line in lines if line and not line.startswith("#")]
    assert pairs == sorted(pairs), f"sort {EXCEPTIONS.name}"
    return {(name, rule) for name, rule in pairs}


def findings() -> set[tuple[str, str]]:
    """Return for each query of the product the rules that it breaks."""
    return {(name, rule) for path in QUERIES for name, text in queries(path) for rule in find_refused(text)}


def test_no_query_breaks_a_rule_beyond_the_listed_exceptions() -> None:
    new = findings() - exceptions()

    assert sorted(f"{name} {rule}: {RULES[rule]}" for name, rule in new) == []


def test_every_listed_exception_is_still_needed() -> None:
    obsolete = exceptions() - findings()

    assert sorted(f"delete the line: {name} {rule}" for name, rule in obsolete) == []


def test_every_listed_rule_exists() -> None:
    assert {rule for _, rule in exceptions()} <= RULES.keys()


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("UPDATE job SET a = clock_timestamp() WHERE workspace_id = %(workspace_id)s", "volatile-in-update"),
        ("UPDATE job SET a = coalesce(a, now()) WHERE workspace_id = %(workspace_id)s", "stable-in-case"),
        (
            "UPDATE job SET a = b + make_interval(secs => c) WHERE workspace_id = %(workspace_id)s",
            "column-interval-in-update",
        ),
        ("INSERT INTO job (a) VALUES (%(a)s) ON CONFLICT (a) DO UPDATE SET a = now()", "stable-in-do-update"),
        ("INSERT INTO job (a) SELECT a FROM unnest(%(a)s) AS a", "insert-without-table"),
        ("WITH x AS (INSERT INTO job (a) VALUES (1) RETURNING a) SELECT a FROM x", "insert-in-with"),
        ("SELECT a FROM job WHERE id = %(id)s", "no-workspace"),
        ("SELECT a FROM job JOIN batch USING (id) WHERE job.workspace_id = %(workspace_id)s", "no-workspace"),
        (
            "SELECT EXISTS (SELECT 1 FROM batch WHERE batch.workspace_id = job.workspace_id) FROM job" + OF_WORKSPACE,
            "no-workspace",
        ),
        ("SELECT a FROM job WHERE workspace_id = %(workspace_id)s OR a = 1", "no-workspace"),
        ("SELECT a FROM job WHERE workspace_id = %(workspace_id)s UNION ALL SELECT 1", "union-without-table"),
        (
            "WITH x AS (DELETE FROM sign_in WHERE workspace_id = %(workspace_id)s) UPDATE api_key SET a = 1",
            "reference-and-distributed",
        ),
        ("INSERT INTO webhook (a) VALUES (1) RETURNING webhook.a", "qualified-returning"),
        ("SELECT set_config('a', 'b', true)", "set-config"),
        ("SELECT pg_advisory_xact_lock(%(key)s)", "advisory-lock"),
        ("COPY job FROM STDIN", "copy"),
    ],
)
def test_each_rule_finds_its_construct(statement: str, rule: str) -> None:
    assert find_refused(statement) == {rule}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE job SET a = statement_timestamp() WHERE workspace_id = %(workspace_id)s",
        "INSERT INTO job (a) VALUES (%(a)s) ON CONFLICT (a) DO UPDATE SET a = excluded.a",
        "INSERT INTO job (a) SELECT x FROM batch, unnest(%(a)s) AS x WHERE batch.workspace_id = %(workspace_id)s",
        "SELECT 1 FROM job AS a JOIN batch AS b USING (id, workspace_id) WHERE a.workspace_id = %(workspace_id)s",
        "SELECT a LIKE 'b%%' FROM job WHERE workspace_id = %(workspace_id)s::integer",
        "SELECT a FROM api_key WHERE digest = %(digest)s",
        "SELECT 1",
    ],
)
def test_other_statements_pass(statement: str) -> None:
    assert find_refused(statement) == set()
