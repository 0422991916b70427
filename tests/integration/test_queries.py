"""Every query of the application as PostgreSQL sees it: it prepares, and it keeps to one workspace."""

import re

import pytest

from app.db.connections import Connection
from tests.integration.queries import BOUND, FREE, QUERIES, numbered
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

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
    "webhook",
    "webhook_watch",
    "webhook_delivery",
    "duplicate_policy",
    "duplicate_exclusion",
    "duplicate_run",
)
HISTORY = ("custom_event", "purchase", "session", "engagement")

ERASING = {
    f"users/sql/erasures.sql:{query}_{kind}"
    for query in ("delete_all", "delete_next", "delete_rest_of")
    for kind in ("events", "purchases", "sessions", "engagements")
}
"""Queries that delete the history of an erased profile."""


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
