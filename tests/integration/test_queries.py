"""Every query of the application as PostgreSQL sees it: it prepares, and it keeps to one workspace."""

import re
from pathlib import Path

import pytest

from app.db import HEADING, Connection
from tests.support.factories import one_database_for_all

database_url = one_database_for_all()

ROOT = Path(__file__).parents[2]
FILES = [path for path in sorted(ROOT.glob("app/**/sql/*.sql")) if path.parent.parent.name != "migrations"]
QUERIES = {
    f"{path.relative_to(ROOT / 'app').as_posix()}:{name}": text
    for path in FILES
    for parts in [HEADING.split(path.read_text(encoding="utf-8"))[1:]]
    for name, text in zip(parts[::2], parts[1::2], strict=True)
}
FREE = {
    "lane/sql/lane.sql:the_time": "asks for the time alone",
    "profiles/sql/clock.sql:the_time": "asks for the time alone",
    "web/sql/health.sql:ping": "asks whether PostgreSQL answers",
    "sql/revisions.sql:revision": "asks for the schema's revision",
    "ledger/sql/work.sql:workspaces_with_pending_jobs": "gives the relay the list of workspaces",
    "ledger/sql/work.sql:workspaces_under_way": "gives the rescue the list of workspaces",
    "ledger/sql/work.sql:all_workspaces": "gives the pruning the list of workspaces",
    "profiles/sql/deletion.sql:be_patient": "sets a time limit alone",
    "segments/sql/segments.sql:try_pattern": "asks whether a text is a regular expression",
    "segments/sql/segments.sql:in_utc": "sets a time zone alone",
    "ledger/sql/retrying.sql:find_workspace": "is the operator's, who names a job by its id alone",
    **{name: "finds or names the workspace itself" for name in QUERIES if name.startswith("keys/")},
}
"""Queries without a workspace, with the reason: none of them shows a client anything."""
BOUND = sorted(QUERIES.keys() - FREE.keys())
TABLES = (
    "profile",
    "user_alias",
    "origin",
    "redirect",
    "deprecated_external_id",
    "batch",
    "job",
    "merge_record",
    "idempotency",
)
HISTORY = ("custom_event", "purchase", "session", "engagement")

ERASING = {f"profiles/sql/deletion.sql:delete_{table}" for table in ("events", "purchases", "sessions", "engagements")}
"""What ends the history of a person who is deleted for good."""


def numbered(text: str) -> str:
    """Return a query with $1, $2 … in place of the named values that psycopg takes."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
    return re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", text).replace("%%", "%")


def test_there_are_queries() -> None:
    assert len(QUERIES) > 20


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_prepares_on_the_newest_schema(connection: Connection, name: str) -> None:
    connection.execute(f"PREPARE it AS {numbered(QUERIES[name])}".encode())


@pytest.mark.parametrize("name", BOUND)
def test_every_query_is_told_its_workspace(name: str) -> None:
    assert "%(workspace_id)s" in QUERIES[name]


@pytest.mark.parametrize("name", BOUND)
def test_every_table_that_a_query_reads_is_told_the_workspace(name: str) -> None:
    bare = re.sub(r"--[^\n]*|'[^']*'", "", QUERIES[name])
    read = re.findall(rf"\b(?:FROM|JOIN|UPDATE|INTO)\s+({'|'.join(TABLES + HISTORY)})\b", bare)

    assert bare.count("workspace_id") >= len(read)


@pytest.mark.parametrize("name", sorted(QUERIES.keys() - ERASING))
def test_no_query_touches_history_that_is_there(name: str) -> None:
    assert not re.search(rf"\b(?:UPDATE|DELETE\s+FROM)\s+({'|'.join(HISTORY)})\b", QUERIES[name])


def test_the_named_exceptions_are_queries() -> None:
    assert FREE.keys() | ERASING <= QUERIES.keys()
