"""PostgreSQL can prepare every query of the application, and every query reads one workspace."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from app.config import Settings
from app.db.connections import Connection, connection_arguments
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


@pytest.fixture(scope="module")
def shared(database_url: str) -> Iterator[Connection]:
    """A connection for all queries, because a new one first reads the whole catalog."""
    with closing(Connection.connect(database_url, **connection_arguments(Settings(), name="test"))) as connection:
        yield connection


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_prepares_on_the_newest_schema(shared: Connection, name: str) -> None:
    shared.execute(f"PREPARE it AS {numbered(QUERIES[name])}".encode(), prepare=False)
    shared.execute("DEALLOCATE it", prepare=False)


def test_every_query_has_the_workspace_as_a_parameter() -> None:
    assert [name for name in BOUND if "%(workspace_id)s" not in QUERIES[name]] == []


def test_every_table_of_a_query_is_filtered_by_the_workspace() -> None:
    def is_filtered(query: str) -> bool:
        bare = re.sub(r"--[^\n]*|'[^']*'", "", query)
        read = re.findall(rf"\b(?:FROM|JOIN|UPDATE|INTO)\s+({'|'.join(TABLES + HISTORY)})\b", bare)
        return bare.count("workspace_id") >= len(read)

    assert [name for name in BOUND if not is_filtered(QUERIES[name])] == []


def test_no_query_updates_or_deletes_history() -> None:
    touching = re.compile(rf"\b(?:UPDATE|DELETE\s+FROM)\s+({'|'.join(HISTORY)})\b")

    assert [name for name in sorted(QUERIES.keys() - ERASING) if touching.search(QUERIES[name])] == []


def test_the_named_exceptions_are_queries() -> None:
    assert FREE.keys() | ERASING <= QUERIES.keys()
