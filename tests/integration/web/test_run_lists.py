"""Filters of the list of runs: the results of each, in both orders, within the bounds of a page."""

import csv
from collections.abc import Callable
from html import unescape
from io import StringIO
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from app.db.connections import Connection, Pool
from app.ledger import identifier_lists, run_lists
from schemas.outcomes import Outcome
from tests.support.browser import Browser, filtered, words
from tests.support.factories import ext
from tests.support.flask_caller import Caller
from tests.support.profiles import track
from tests.support.runs import close, count_all, create_run, merge_in
from tests.support.worker import Worker

Json = dict[str, Any]
MakeBrowser = Callable[[Caller | None], Browser]


def ids(caller: Caller, **query: str) -> list[str]:
    """Return the ids of all pages of the list."""
    found: list[str] = []
    cursor: Json = {}
    while True:
        page: Any = caller.get("/merge/runs", **{"limit": "2", **query, **cursor}).json
        found += [each["run_id"] for each in page["runs"]]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


@pytest.fixture
def listed(caller: Caller, connection: Connection, pool: Pool, worker: Worker) -> list[str]:
    """The ids of four runs, oldest first: one with a merge, one finished without a merge, one of a plan, an import."""
    track(caller, attributes=[{**ext("ann"), "email": "ann@example.com"}, ext("ann-1")])
    merged, missing, of_plan = (create_run(caller, kind="file") for _ in range(3))
    merge_in(caller, merged, (ext("ann-1"), ext("ann")), (ext("x"), ext("ann")))
    merge_in(caller, missing, (ext("y"), ext("ann")))
    connection.execute("UPDATE run SET kind = 'plan' WHERE id = %s", [of_plan])
    imported = create_run(caller, kind="import")
    close(caller, missing)
    worker.work()
    count_all(pool)
    return [merged, missing, of_plan, imported]


@pytest.mark.parametrize("scan", [10_000, 3, 2])
def test_each_filter_finds_its_runs_in_both_orders_with_any_page_bound(
    caller: Caller, listed: list[str], scan: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_lists, "SCAN", scan)
    monkeypatch.setattr(run_lists, "SCAN_WITH_COUNTS", scan)
    merged, missing, of_plan, imported = listed
    expected: list[tuple[Json, list[str]]] = [
        ({}, listed),
        ({"state": "open"}, [merged, of_plan, imported]),
        ({"state": "finished", "kind": "file"}, [missing]),
        ({"source": "api"}, [merged, missing]),
        ({"source": "plan"}, [of_plan]),
        ({"source": "plan", "kind": "file"}, []),
        ({"source": "duplicates"}, []),
        ({"outcome": "merged"}, [merged]),
        ({"outcome": "orphan_not_found"}, [merged, missing]),
        ({"outcome": "orphan_not_found", "state": "finished", "source": "api"}, [missing]),
        ({"outcome": "cancelled"}, []),
        ({"identifier": "ann"}, [merged, missing]),
        ({"identifier": "ann-1"}, [merged]),
        ({"identifier": "y", "outcome": "orphan_not_found"}, [missing]),
        # The same job must have the identifier and the outcome.
        ({"identifier": "x", "outcome": "merged"}, []),
        ({"identifier": "ann", "state": "finished"}, [missing]),
        ({"identifier": "ann", "kind": "plan"}, []),
        ({"identifier": "nobody"}, []),
        ({"key": str(caller.key_id), "outcome": "merged", "to": "2100-01-01T00:00:00Z"}, [merged]),
        ({"identifier": "ann", "to": "2021-01-01T00:00:00Z"}, []),
    ]

    for query, found in expected:
        assert (query, ids(caller, order="oldest", **query)) == (query, found)
        assert (query, ids(caller, **query)) == (query, found[::-1])


@pytest.mark.parametrize("recent", [600, 2, 1])
@pytest.mark.parametrize("few", [1_000, 2, 0])
def test_an_identifier_with_many_jobs_has_the_same_runs_as_one_with_few(
    caller: Caller, listed: list[str], few: int, recent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identifier_lists, "FEW", few)
    monkeypatch.setattr(identifier_lists, "RECENT_BATCHES", {"recent_runs_of_identifier": recent})
    merged, missing, _, _ = listed
    expected: list[tuple[Json, list[str]]] = [
        ({"limit": "1"}, [merged, missing]),
        ({}, [merged, missing]),
        ({"state": "finished"}, [missing]),
        ({"kind": "file", "outcome": "orphan_not_found"}, [merged, missing]),
        ({"outcome": "merged"}, [merged]),
        ({"kind": "plan"}, []),
        ({"to": "2021-01-01T00:00:00Z"}, []),
    ]

    for query, found in expected:
        assert (query, ids(caller, order="oldest", identifier="ann", **query)) == (query, found)
        assert (query, ids(caller, identifier="ann", **query)) == (query, found[::-1])


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"source": "x"}, "'source' must be one of api, duplicates, plan"),
        ({"identifier": ""}, "'identifier' must have from 1 to 1000 characters and no NUL among them"),
    ],
)
def test_an_invalid_filter_is_refused_with_a_message(caller: Caller, query: Json, sentence: str) -> None:
    response = caller.get("/merge/runs", **query)

    assert (response.status_code, response.json) == (400, {"message": sentence})
    assert caller.get("/merge/runs", outcome="x").status_code == 400


def test_the_console_filters_runs_and_exports_the_filtered_list(browser: Browser, listed: list[str]) -> None:
    found = filtered(browser, "/console/runs", identifier="ann-1", outcome="merged")
    link = unescape(found.text.partition('href="/console/runs/export?')[2].partition('"')[0])
    rows = list(csv.DictReader(StringIO(browser.get(f"/console/runs/export?{link}").text)))
    of_plan = words(browser.get("/console/runs?source=plan"))

    assert "1 run matches, newest first." in words(found)
    assert "identifier" not in link
    assert [(row["run_id"], row["merged"]) for row in rows] == [(listed[0], "1")]
    assert "1 run matches" in of_plan


def test_a_page_of_runs_that_reaches_its_bound_has_a_notice(
    browser: Browser, listed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_lists, "SCAN_WITH_COUNTS", 2)
    page = browser.get("/console/runs?outcome=merged")

    assert "No run matches so far." in words(page)
    assert "This page has searched as many runs as a page may." in words(page)


def test_filtering_runs_by_an_identifier_needs_a_permission_to_read_jobs(
    caller: Caller, make_caller: Callable[..., Caller], make_browser: MakeBrowser, listed: list[str]
) -> None:
    reader = make_caller(workspace=caller.workspace, permissions=("runs.read",))
    browser = make_browser(reader)

    assert reader.get("/merge/runs", identifier="ann").status_code == 403
    assert reader.get("/merge/runs/export", identifier="ann").status_code == 403
    assert ids(reader, outcome="merged") == listed[:1]
    assert 'name="identifier"' not in browser.get("/console/runs").text
    assert filtered(browser, "/console/runs", identifier="ann").status_code == 403


def test_a_page_of_runs_with_every_outcome_and_long_labels_has_at_most_100_kb(
    caller: Caller, browser: Browser, connection: Connection
) -> None:
    for _ in range(50):
        create_run(caller, label="March & April " * 14)
    counts = {each.value: 1_000_000 + nth for nth, each in enumerate(Outcome)}
    connection.execute("UPDATE run_progress SET counts = %s", [Jsonb(counts)])
    page = browser.get("/console/runs")

    assert "50 runs, newest first." in words(page)
    assert f"{len(Outcome) - 6} more" in words(page)
    assert len(page.data) <= 100_000
