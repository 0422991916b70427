"""Filters of the lists of jobs and batches: the results of each, in both orders, within the bounds of a page."""

import csv
from html import unescape
from io import StringIO
from typing import Any

import pytest

from app.db.connections import Connection
from app.ledger import identifier_lists, job_lists
from tests.support.browser import Browser, filtered, next_page, words
from tests.support.factories import ext
from tests.support.flask_caller import Caller
from tests.support.profiles import track
from tests.support.runs import create_run, merge_in
from tests.support.worker import Worker

Json = dict[str, Any]


def ids(caller: Caller, path: str = "/merge/jobs", **query: str) -> list[str]:
    """Return the ids of all pages of a list."""
    name = "jobs" if path == "/merge/jobs" else "batches"
    found: list[str] = []
    cursor: Json = {}
    while True:
        page: Any = caller.get(path, limit="2", **query, **cursor).json
        found += [each[f"{name.removesuffix('es').removesuffix('s')}_id"] for each in page[name]]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


@pytest.fixture
def listed(caller: Caller, connection: Connection, worker: Worker) -> list[str]:
    """The ids of four jobs, oldest first: one of a run, two of a plan's batch, and a dead job."""
    track(caller, attributes=[{**ext("ann"), "first_name": "Ann", "email": "ann@example.com"}])
    batches = [merge_in(caller, create_run(caller), (ext("a"), ext("ann")))["batch_id"]]
    for pairs in ([("b", "ann"), ("c", "ann")], [("=d", "ann")]):
        updates = [{"identifier_to_merge": ext(a), "identifier_to_keep": ext(b)} for a, b in pairs]
        accepted: Any = caller.post("/users/merge", {"merge_updates": updates}).json
        batches.append(accepted["batch_id"])
    worker.work()
    # Requests of the API cannot create a batch of a plan, and triggers of the audit forbid changes.
    connection.execute("ALTER TABLE batch DISABLE TRIGGER USER")
    connection.execute("UPDATE batch SET source = 'plan', api_key_id = NULL WHERE id = %s", [batches[1]])
    connection.execute("ALTER TABLE batch ENABLE TRIGGER USER")
    connection.execute(
        "UPDATE job SET state = 'dead', outcome = NULL, reason = 'It broke.' WHERE batch_id = %s", [batches[2]]
    )
    return [job["job_id"] for batch in batches for job in caller.get(f"/merge/batches/{batch}").json["jobs"]]


@pytest.mark.parametrize("scan", [10_000, 3, 2])
def test_each_filter_finds_its_jobs_in_both_orders_with_any_page_bound(
    caller: Caller, connection: Connection, listed: list[str], scan: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_lists, "SCAN", scan)
    monkeypatch.setattr(job_lists, "SCAN_BATCHES", scan)
    of_run, first, second, dead = listed
    batch_id = caller.get(f"/merge/jobs/{of_run}").json["batch_id"]
    row = connection.execute("SELECT run_id, api_key_id FROM batch WHERE id = %s", [batch_id]).fetchone()
    assert row is not None
    run_id, key = str(row["run_id"]), str(row["api_key_id"])
    expected: list[tuple[Json, list[str]]] = [
        ({}, listed),
        ({"kind": "merge"}, listed),
        ({"kind": "undo"}, []),
        ({"source": "plan"}, [first, second]),
        ({"source": "api", "state": "finished"}, [of_run]),
        ({"key": key}, [of_run, dead]),
        ({"key": key, "outcome": "orphan_not_found"}, [of_run]),
        ({"run_id": run_id}, [of_run]),
        ({"run_id": run_id, "state": "dead"}, []),
        ({"state": "dead"}, [dead]),
        ({"state": "dead", "source": "plan"}, []),
        ({"outcome": "orphan_not_found", "undone": "false"}, [of_run, first, second]),
        ({"outcome": "orphan_not_found", "undone": "true"}, []),
        ({"identifier": "ann", "source": "plan"}, [first, second]),
        ({"from": "2020-01-01T00:00:00Z", "to": "2021-01-01T00:00:00Z"}, []),
        ({"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z", "run_id": run_id}, [of_run]),
    ]

    for query, found in expected:
        assert (query, ids(caller, order="oldest", **query)) == (query, found)
        assert (query, ids(caller, **query)) == (query, found[::-1])


def test_batches_are_found_by_the_state_and_identifiers_of_their_jobs(caller: Caller, listed: list[str]) -> None:
    of_run, of_plan, _, of_dead = (caller.get(f"/merge/jobs/{each}").json["batch_id"] for each in listed)
    path = "/merge/batches"

    assert ids(caller, path, order="oldest") == [of_run, of_plan, of_dead]
    assert ids(caller, path, state="dead") == [of_dead]
    assert ids(caller, path, outcome="orphan_not_found", kind="merge") == [of_plan, of_run]
    assert ids(caller, path, source="plan", state="finished") == [of_plan]
    assert ids(caller, path, to="2020-01-01T00:00:00Z") == []
    assert ids(caller, path, identifier="ann") == [of_dead, of_plan, of_run]
    assert ids(caller, path, identifier="ann", order="oldest") == [of_run, of_plan, of_dead]
    assert ids(caller, path, identifier="ann", state="dead") == [of_dead]
    assert ids(caller, path, identifier="ann", source="plan", outcome="orphan_not_found", kind="merge") == [of_plan]
    assert ids(caller, path, identifier="c", kind="undo") == []
    assert ids(caller, path, identifier="Ann") == []


@pytest.mark.parametrize("recent", [10_000, 3, 1])
@pytest.mark.parametrize("few", [1_000, 3, 2, 0])
def test_an_identifier_with_many_jobs_has_the_same_lists_as_one_with_few(
    caller: Caller, listed: list[str], few: int, recent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identifier_lists, "FEW", few)
    monkeypatch.setattr(identifier_lists, "RECENT_JOBS", recent)
    monkeypatch.setattr(identifier_lists, "RECENT_BATCHES", {"recent_batches_of_identifier": recent})
    of_run, first, second, dead = listed
    in_run, in_plan, _, in_dead = (caller.get(f"/merge/jobs/{each}").json["batch_id"] for each in listed)
    path = "/merge/batches"
    jobs: list[tuple[Json, list[str]]] = [
        ({}, listed),
        ({"state": "dead"}, [dead]),
        ({"outcome": "orphan_not_found", "kind": "merge"}, [of_run, first, second]),
        ({"source": "plan"}, [first, second]),
        ({"undone": "true"}, []),
        ({"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}, listed),
        ({"to": "2020-01-01T00:00:00Z"}, []),
    ]
    batches: list[tuple[Json, list[str]]] = [
        ({}, [in_run, in_plan, in_dead]),
        ({"state": "dead"}, [in_dead]),
        ({"source": "plan", "outcome": "orphan_not_found", "kind": "merge"}, [in_plan]),
        ({"kind": "undo"}, []),
        ({"to": "2020-01-01T00:00:00Z"}, []),
    ]

    for query, found in jobs:
        assert (query, ids(caller, order="oldest", identifier="ann", **query)) == (query, found)
        assert (query, ids(caller, identifier="ann", **query)) == (query, found[::-1])
    for query, found in batches:
        assert (query, ids(caller, path, order="oldest", identifier="ann", **query)) == (query, found)
        assert (query, ids(caller, path, identifier="ann", **query)) == (query, found[::-1])
    assert ids(caller, identifier="ANN@example.com") == []
    assert [
        row["job_id"] for row in csv.DictReader(StringIO(caller.get("/merge/jobs/export", identifier="ann").text))
    ] == (listed[::-1])


def test_the_console_counts_few_jobs_of_an_identifier(
    browser: Browser, listed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted(path: str, **fields: str) -> str:
        location = browser.send(path, identifier="ann", **fields).headers["Location"]
        return words(browser.get(f"{location}&limit=1"))

    monkeypatch.setattr(identifier_lists, "FEW", 2)
    many = counted("/console/jobs")
    merges = counted("/console/jobs", outcome="orphan_not_found", kind="merge")
    batches = counted("/console/batches")
    monkeypatch.setattr(identifier_lists, "FEW", 4)

    assert "More than 2 jobs match, newest first." in many
    assert "2 jobs match, newest first." in merges
    assert "At least 2 batches match, newest first." in batches
    assert "4 jobs match, newest first." in counted("/console/jobs")


def test_a_list_is_downloaded_without_formulas(caller: Caller, browser: Browser, listed: list[str]) -> None:
    shown = filtered(browser, "/console/jobs", identifier="=d")
    link = shown.text.partition('href="/console/jobs/export?')[2].partition('"')[0]
    file = browser.get(f"/console/jobs/export?{link}")
    rows = list(csv.DictReader(StringIO(file.text)))
    whole = list(csv.DictReader(StringIO(caller.get("/merge/jobs/export").text)))

    assert "identifier" not in link
    assert file.headers["Content-Disposition"] == 'attachment; filename="jobs.csv"'
    assert [row["job_id"] for row in rows] == [listed[-1]]
    assert rows[0]["identifier_to_merge"] == '{"external_id":"=d"}'
    assert [row["job_id"] for row in whole] == listed[::-1]


def test_downloads_of_batches_and_runs_use_the_filter_of_the_page(
    caller: Caller, browser: Browser, listed: list[str]
) -> None:
    create_run(caller, label="=1+2\n\x07")
    merged = browser.get("/console/batches?outcome=orphan_not_found")
    link = unescape(merged.text.partition('href="/console/batches/export?')[2].partition('"')[0])
    file = browser.get(f"/console/batches/export?{link}")
    batches = list(csv.DictReader(StringIO(file.text)))
    runs = list(csv.DictReader(StringIO(browser.get("/console/runs/export?state=open&order=oldest").text)))
    of_run, of_plan, _, of_dead = (caller.get(f"/merge/jobs/{each}").json["batch_id"] for each in listed)
    dead = list(csv.DictReader(StringIO(caller.get("/merge/batches/export", state="dead").text)))

    assert file.headers["Content-Disposition"] == 'attachment; filename="batches.csv"'
    assert [row["batch_id"] for row in batches] == [of_plan, of_run]
    assert [(row["orphan_not_found"], row["dead"], row["state"]) for row in batches] == [
        ("2", "0", "finished"),
        ("1", "0", "finished"),
    ]
    assert [(row["batch_id"], row["dead"]) for row in dead] == [(of_dead, "1")]
    assert runs[0]["label"] == "'=1+2\\u000a\\u0007"
    assert (runs[0]["kind"], runs[0]["state"], runs[0]["jobs"]) == ("client", "open", "0")
    assert runs[0]["created_by_label"] != ""


def test_batches_are_filtered_by_an_identifier_that_no_link_contains(
    caller: Caller, browser: Browser, listed: list[str]
) -> None:
    found = filtered(browser, "/console/batches", identifier="=d")
    link = unescape(found.text.partition('href="/console/batches/export?')[2].partition('"')[0])
    rows = list(csv.DictReader(StringIO(browser.get(f"/console/batches/export?{link}").text)))
    nothing = words(filtered(browser, "/console/batches", identifier="nobody"))

    assert "1 batch matches, newest first." in words(found)
    assert "identifier" not in link
    assert [row["batch_id"] for row in rows] == [caller.get(f"/merge/jobs/{listed[-1]}").json["batch_id"]]
    assert "No batch matches. Show all batches" in nothing


def test_a_list_has_the_number_of_jobs_and_the_names_of_profiles(
    browser: Browser, listed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = words(browser.get("/console/jobs"))
    first = browser.get("/console/jobs?limit=2&order=oldest")
    second = words(browser.get(next_page(first)))
    dead = words(browser.get("/console/dead"))
    times = browser.get("/console/batches?from=2020-01-01&to=2100-01-01T09:30")
    monkeypatch.setattr(job_lists, "SCAN", 2)
    cut = words(browser.get("/console/jobs?kind=undo"))

    assert "4 jobs, newest first." in whole
    assert "external_id ann Ann, ann@example.com" in whole
    assert "4 jobs, oldest first." in words(first)
    assert "First page" in second
    assert "1 dead job, newest first." in dead
    assert "3 batches match" in words(times)
    assert ' UTC">' in times.text
    assert "This page has searched as many jobs as a page may." in cut
