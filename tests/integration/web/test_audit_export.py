"""The export of the audit: all entries of one snapshot, in bounded memory."""

import csv
import tracemalloc
from collections.abc import Callable
from io import StringIO
from typing import Any

import orjson
import psycopg
import pytest
from flask import Flask
from uuid_utils.compat import uuid7

from app.audit.export import COLUMNS
from app.audit.queries import CHUNK
from app.config import Settings
from app.db.connections import Pool
from app.errors import DatabaseUnavailable
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext
from tests.support.many_merges import insert_merges
from tests.support.profiles import track
from tests.support.undos import merge_one, rename, undo_one

Json = dict[str, Any]


def lines(caller: Caller, **query: str) -> list[Json]:
    """Return the entries of an export as JSON Lines."""
    response = caller.get("/audit/export", **query)
    assert response.status_code == 200, response.text
    assert response.content_type == "application/jsonl"
    return [orjson.loads(line) for line in response.data.splitlines()]


@pytest.fixture
def eventful(caller: Caller, pool: Pool) -> Caller:
    """A caller whose workspace has entries of merges, an undo and a rename."""
    track(caller, attributes=[{"external_id": each, f"of_{each}": f"=1+{each}"} for each in ("a", "b", "=cmd", "d")])
    undone = merge_one(caller, pool, ext("a"), ext("b"))
    undo_one(caller, pool, undone)
    rename(caller, "=cmd", "+cmd")
    merge_one(caller, pool, ext("+cmd"), ext("d"))
    return caller


def test_json_lines_equal_the_entries_of_pages_with_images(eventful: Caller) -> None:
    page = eventful.get("/audit", include="images").json or {}

    assert len(page["entries"]) == 4
    assert lines(eventful) == page["entries"]
    assert lines(eventful, action="undo") == [page["entries"][2]]
    assert (
        lines(eventful, key=str(eventful.key_id), **{"from": page["entries"][1]["requested_at"]})
        == (page["entries"][:2])
    )


def test_csv_has_a_row_with_the_same_values_for_each_entry(eventful: Caller) -> None:
    response = eventful.get("/audit/export", format="csv")
    rows = list(csv.DictReader(StringIO(response.text, newline="")))

    assert response.content_type == "text/csv; charset=utf-8"
    assert response.text.partition("\n")[0] == ",".join(COLUMNS)
    for row, entry in zip(rows, lines(eventful), strict=True):
        assert row["id"] == entry["id"]
        assert (row["key_id"], row["key_label"]) == (entry["key"]["id"], "test")
        for side in ("orphan", "survivor", "profile"):
            assert row[f"{side}_braze_id"] == (entry[side] or {}).get("braze_id", "")
        assert orjson.loads(row["before"]) == entry["before"]
        assert orjson.loads(row["after"]) == entry["after"]
        assert orjson.loads(row["changes"]) == entry["changes"]


def test_no_cell_of_the_csv_begins_like_a_formula(eventful: Caller) -> None:
    text = eventful.get("/audit/export", format="csv").text
    cells = [cell for row in csv.reader(StringIO(text, newline="")) for cell in row]

    assert "'=cmd" in cells
    assert "'+cmd" in cells
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []


def test_an_export_without_entries_is_empty_or_has_only_the_csv_header(caller: Caller) -> None:
    assert lines(caller) == []
    assert caller.get("/audit/export", format="csv").text == ",".join(COLUMNS) + "\n"


def fill(database_url: str, workspace_id: int, rows: int) -> None:
    """Insert the audit entries of *rows* merges."""
    with psycopg.connect(database_url) as connection:
        insert_merges(connection, workspace_id=workspace_id, rows=rows)


def test_an_export_has_only_the_entries_that_existed_when_it_began(
    flask_app: Flask, caller: Caller, database_url: str
) -> None:
    fill(database_url, caller.workspace_id, 3 * CHUNK)
    headers = {"Authorization": f"Bearer {caller.secret}"}
    response = flask_app.test_client().get("/audit/export", headers=headers, buffered=False)
    pieces = iter(response.response)
    lines_read = next(pieces).count(b"\n")
    fill(database_url, caller.workspace_id, 2 * CHUNK)
    lines_read += sum(piece.count(b"\n") for piece in pieces)
    response.close()

    assert lines_read == 3 * CHUNK
    assert len(lines(caller)) == 5 * CHUNK


def test_the_memory_of_an_export_does_not_grow_with_the_audit(
    flask_app: Flask, caller: Caller, database_url: str
) -> None:
    fill(database_url, caller.workspace_id, 40 * CHUNK)
    headers = {"Authorization": f"Bearer {caller.secret}"}
    response = flask_app.test_client().get("/audit/export", headers=headers, buffered=False)
    pieces = iter(response.response)
    size = len(next(pieces))
    tracemalloc.start()
    try:
        size += sum(map(len, pieces))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        response.close()

    assert size > 40_000_000
    assert peak < size / 4


def test_exports_of_a_workspace_are_limited_and_a_closed_one_frees_its_slot(
    flask_app: Flask, caller: Caller, database_url: str
) -> None:
    fill(database_url, caller.workspace_id, 3 * CHUNK)
    headers = {"Authorization": f"Bearer {caller.secret}"}
    running = [
        flask_app.test_client().get("/audit/export", headers=headers, buffered=False)
        for _ in range(Settings().workspace_exports)
    ]
    refused = caller.get("/audit/export")
    running.pop().close()

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    assert len(lines(caller)) == 3 * CHUNK
    for each in running:
        each.close()
    assert len(lines(caller)) == 3 * CHUNK


def test_refused_exports_take_no_slot(caller: Caller, make_caller: Callable[..., Caller]) -> None:
    stranger = make_caller(workspace=f"stranger-{uuid7()}", permissions=("users.merge",))
    for _ in range(Settings().workspace_exports + 1):
        assert caller.get("/audit/export", format="xml").status_code == 400
        assert stranger.get("/audit/export").status_code == 403
        assert lines(caller) == []


def test_an_export_that_fails_is_cut_off_and_frees_its_slot(
    flask_app: Flask, caller: Caller, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    fill(database_url, caller.workspace_id, 3 * CHUNK)
    headers = {"Authorization": f"Bearer {caller.secret}"}
    for _ in range(Settings().workspace_exports + 1):
        response = flask_app.test_client().get("/audit/export", headers=headers, buffered=False)
        assert response.status_code == 200, response.text
        pieces = iter(response.response)
        next(pieces)
        with psycopg.connect(database_url) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND state = 'idle in transaction'"
            )
        with pytest.raises(DatabaseUnavailable, match="The export failed before its end"):
            list(pieces)

    assert "audit_export_failed" in caplog.text
    assert len(lines(caller)) == 3 * CHUNK


def test_a_workspace_with_all_its_exports_running_does_not_block_others(
    flask_app: Flask, caller: Caller, make_caller: Callable[..., Caller], database_url: str
) -> None:
    fill(database_url, caller.workspace_id, 3 * CHUNK)
    headers = {"Authorization": f"Bearer {caller.secret}"}
    running = [
        flask_app.test_client().get("/audit/export", headers=headers, buffered=False)
        for _ in range(Settings().workspace_exports)
    ]
    try:
        assert caller.get("/audit/export").status_code == 429
        assert caller.get("/duplicates/preview.csv").status_code == 429
        assert lines(make_caller()) == []
    finally:
        for each in running:
            each.close()
    assert len(lines(caller)) == 3 * CHUNK
