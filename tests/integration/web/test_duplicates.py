"""The `/duplicates` endpoints: the policy, the preview as counts and as CSV, and runs."""

import csv
import io
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from app.config import Settings
from app.db.connections import Pool
from app.duplicates import advance
from app.web.api import duplicates
from tests.support.flask_caller import Caller
from tests.support.profiles import track
from tests.support.worker import Worker

Json = dict[str, Any]

DEFAULTS = {
    "identifier": "email",
    "resolve_ties_by": "updated",
    "prefer": "newest",
    "daily_at": None,
    "time_zone": "UTC",
    "next_daily_at": None,
}
COLUMNS = (
    "Email Address,External ID,Phone Number,Braze ID,Identifier for rule,Created from,Profile to keep,Profile to merge"
)
ELSEWHERE = "01a202b7-0c65-769b-9741-1871039b8b20"


def people(caller: Caller) -> None:
    """Create two groups of duplicates and a profile without duplicates."""
    for name, email in [("a1", "a@x.org"), ("b1", "b@x.org"), ("c1", "c@x.org"), ("a2", "A@x.org"), ("b2", "b@x.org")]:
        alias = {"alias_label": "shop", "alias_name": name}
        track(caller, attributes=[{"user_alias": alias, "_update_existing_only": False, "email": email}])
    track(caller, attributes=[{"external_id": "bob", "email": "b@x.org", "phone": "+14155550123"}])


def table_of(caller: Caller, **query: str) -> list[Json]:
    """Return the rows of the preview."""
    response = caller.get("/duplicates/preview.csv", **query)

    assert response.status_code == 200, response.text
    assert response.text.splitlines()[0] == COLUMNS
    return list(csv.DictReader(io.StringIO(response.text)))


def begun(caller: Caller) -> Json:
    """Start a run and return the response body."""
    response = caller.post("/duplicates/runs")
    body: Json = response.json

    assert response.status_code == 202, body
    assert response.headers["Location"] == body["status_url"] == f"/duplicates/runs/{body['run_id']}"
    assert response.headers["Retry-After"]
    return body


def test_a_workspace_has_the_default_policy_until_it_sets_one(caller: Caller) -> None:
    assert caller.get("/duplicates/policy").json == DEFAULTS

    wanted = {"identifier": "phone", "resolve_ties_by": "last_session", "prefer": "oldest"}
    daily = {"daily_at": "00:10", "time_zone": "America/New_York"}
    put = caller.put("/duplicates/policy", {**wanted, **daily}).json or {}
    assert {**put, "next_daily_at": None} == {**DEFAULTS, **wanted, **daily}
    assert put["next_daily_at"].endswith((":10:00.000Z", ":10:00Z"))
    assert caller.get("/duplicates/policy").json == put
    assert caller.put("/duplicates/policy", {}).json == DEFAULTS


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ([], "The request body must be a JSON object."),
        ({"identifier": "external_id"}, "'identifier' must be one of email and phone"),
        ({"prefer": None}, "'prefer' may not be null"),
        ({"daily_at": "24:00"}, "'daily_at' must be a time of the day such as 00:00, or null for no daily run"),
        ({"daily_at": 7}, "'daily_at' must be a time of the day such as 00:00, or null for no daily run"),
        ({"time_zone": "Mars/Olympus"}, "'time_zone' must be the name of a time zone, such as Europe/Berlin"),
        ({"time_zone": None}, "'time_zone' may not be null"),
        (
            {"next_daily_at": "2026-01-01"},
            (
                "'next_daily_at' is no key of this request; its keys are identifier, resolve_ties_by, prefer,"
                " daily_at, time_zone."
            ),
        ),
    ],
)
def test_an_invalid_policy_is_refused_with_a_message(caller: Caller, body: Any, sentence: str) -> None:
    response = caller.put("/duplicates/policy", body)

    assert (response.status_code, response.json) == (400, {"message": sentence})
    assert caller.get("/duplicates/policy").json == DEFAULTS


def test_a_preview_has_the_columns_of_braze_and_the_run_merges_the_same_profiles(
    caller: Caller, pool: Pool, worker: Worker
) -> None:
    people(caller)
    counted = caller.get("/duplicates/preview").json
    rows = table_of(caller)
    run = begun(caller)
    assert (caller.get(run["status_url"]).json or {})["state"] == "running"
    while advance.advance_run(pool, Settings(), workspace_id=caller.workspace_id):
        pass
    worker.work()
    shown = caller.get(run["status_url"]).json or {}
    (batch,) = (caller.get("/merge/batches", run_id=run["run_id"]).json or {})["batches"]
    jobs = (caller.get(f"/merge/batches/{batch['batch_id']}").json or {})["jobs"]

    assert counted == {
        "identifier": "email",
        "resolve_ties_by": "updated",
        "prefer": "newest",
        "complete": True,
        "counts": {"examined": 6, "groups": 2, "to_merge": 3, "undecided": {}, "left": {}},
    }
    actions = [
        (row["Email Address"], row["External ID"], row["Profile to keep"], row["Profile to merge"]) for row in rows
    ]
    assert actions == [
        ("A@x.org", "", "TRUE", "FALSE"),
        ("a@x.org", "", "FALSE", "TRUE"),
        ("b@x.org", "bob", "TRUE", "FALSE"),
        ("b@x.org", "", "FALSE", "TRUE"),
        ("b@x.org", "", "FALSE", "TRUE"),
    ]
    assert {(row["Identifier for rule"], row["Created from"]) for row in rows} == {("email", "rest")}
    assert rows[2]["Phone Number"] == "+14155550123"
    assert shown["state"] == "finished"
    assert shown["counts"] == {**counted["counts"], "batches": 1}
    assert shown["batches_url"] == f"/merge/batches?run_id={run['run_id']}"
    assert (batch["source"], batch["run_id"], batch["counts"]) == ("duplicates", run["run_id"], {"merged": 3})
    keep = [row["Braze ID"] for row in rows]
    assert [(job["orphan"]["braze_id"], job["survivor"]["braze_id"]) for job in jobs] == [
        (keep[1], keep[0]),
        (keep[3], keep[2]),
        (keep[4], keep[2]),
    ]
    assert jobs[0]["identifier_to_merge"] == {"braze_id": keep[1], "email": "a@x.org", "identified": False}
    assert table_of(caller) == []


def test_a_preview_with_another_rule_does_not_change_the_policy(caller: Caller) -> None:
    people(caller)
    oldest = [row["Braze ID"] for row in table_of(caller, prefer="oldest", resolve_ties_by="created")]
    newest = [row["Braze ID"] for row in table_of(caller)]

    assert oldest[:2] == newest[:2][::-1]
    assert table_of(caller, identifier="phone") == []
    assert caller.get("/duplicates/policy").json == DEFAULTS


@pytest.mark.parametrize("path", ["/duplicates/preview", "/duplicates/preview.csv"])
def test_an_invalid_rule_is_refused_with_a_message(caller: Caller, path: str) -> None:
    unknown, misspelt = caller.get(path, prefer="best"), caller.get(path, identfier="email")

    assert unknown.status_code == misspelt.status_code == 400
    assert unknown.json == {"message": "'prefer' must be one of newest and oldest"}
    assert "identifier, prefer, resolve_ties_by" in misspelt.text


def test_undecided_profiles_are_listed_in_the_preview(
    caller: Caller, pool: Pool, worker: Worker, database_url: str
) -> None:
    twins = [{"external_id": "t1", "email": "t@x.org"}, {"external_id": "t2", "email": "t@x.org"}]
    track(caller, attributes=twins)
    rows = table_of(caller)

    assert {(row["Profile to keep"], row["Profile to merge"]) for row in rows} == {("FALSE", "FALSE")}
    assert (caller.get("/duplicates/preview").json or {})["counts"]["undecided"] == {"tie": 2}


def test_values_that_look_like_formulas_are_escaped_in_the_csv(caller: Caller) -> None:
    evil = "=1+1@x.org"
    for external_id in ("+cmd", "-2"):
        track(caller, attributes=[{"external_id": external_id, "email": evil, "phone": "+14155550123"}])

    assert [(row["Email Address"], row["External ID"], row["Phone Number"]) for row in table_of(caller)] == [
        (f"'{evil}", "'-2", "+14155550123"),
        (f"'{evil}", "'+cmd", "+14155550123"),
    ]


def test_the_csv_is_sent_as_an_attachment(caller: Caller) -> None:
    response = caller.get("/duplicates/preview.csv")

    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="duplicates.csv"'
    assert response.text == COLUMNS + "\r\n"


def test_a_second_run_is_refused_until_the_first_has_ended_or_is_cancelled(caller: Caller) -> None:
    run = begun(caller)
    refused = caller.post("/duplicates/runs")
    cancelled = caller.post(f"{run['status_url']}/cancel")
    again = caller.post(f"{run['status_url']}/cancel")

    assert refused.status_code == again.status_code == 409
    assert run["run_id"] in refused.text
    assert (cancelled.status_code, (cancelled.json or {})["state"]) == (200, "cancelled")
    assert (cancelled.json or {})["finished_at"]
    assert begun(caller)["run_id"] != run["run_id"]


def test_runs_are_listed_newest_first_in_pages(caller: Caller) -> None:
    runs = []
    for _ in range(3):
        runs.append(begun(caller))
        caller.post(f"{runs[-1]['status_url']}/cancel")
    first = caller.get("/duplicates/runs", limit="2").json or {}
    last = caller.get("/duplicates/runs", limit="2", cursor=first["next_cursor"]).json or {}

    assert [run["run_id"] for run in [*first["runs"], *last["runs"]]] == [run["run_id"] for run in reversed(runs)]
    assert last["next_cursor"] is None
    assert {run["trigger"] for run in first["runs"]} == {"api"}


def test_an_unknown_run_gets_404(caller: Caller) -> None:
    assert caller.get(f"/duplicates/runs/{ELSEWHERE}").status_code == 404
    assert caller.post(f"/duplicates/runs/{ELSEWHERE}/cancel").status_code == 404


def test_batches_are_filtered_by_source_and_run(caller: Caller, pool: Pool) -> None:
    people(caller)
    asked = caller.post("/users/merge", {"merge_updates": []}).json or {}
    run = begun(caller)
    while advance.advance_run(pool, Settings(), workspace_id=caller.workspace_id):
        pass

    def listed(**query: str) -> list[str]:
        return [batch["source"] for batch in (caller.get("/merge/batches", **query).json or {})["batches"]]

    assert listed() == ["duplicates", "api"]
    assert listed(source="api") == ["api"]
    assert listed(source="duplicates") == listed(run_id=run["run_id"]) == ["duplicates"]
    assert listed(run_id=run["run_id"], source="api") == listed(run_id=ELSEWHERE) == []
    assert (caller.get(asked["status_url"]).json or {})["run_id"] is None
    for query, name in (({"source": "rules"}, "source"), ({"run_id": "7"}, "run_id")):
        refused = caller.get("/merge/batches", **query)
        assert (refused.status_code, name in refused.text) == (400, True)


@pytest.mark.parametrize(
    ("permission", "allowed"),
    [
        ("duplicates.preview", {"GET /policy", "GET /preview", "GET /preview.csv", "GET /runs"}),
        ("duplicates.run", {"GET /policy", "PUT /policy", "POST /runs", "GET /runs"}),
        ("users.merge", set()),
    ],
)
def test_a_key_may_use_only_the_endpoints_of_its_permission(
    make_caller: Callable[..., Caller], permission: str, allowed: set[str]
) -> None:
    caller = make_caller(permissions=(permission,))
    asked = {
        **{
            f"GET {path}": caller.get(f"/duplicates{path}") for path in ("/policy", "/preview", "/preview.csv", "/runs")
        },
        "PUT /policy": caller.put("/duplicates/policy", {}),
        "POST /runs": caller.post("/duplicates/runs"),
    }

    assert {name for name, response in asked.items() if response.status_code < 400} == allowed
    assert {response.status_code for response in asked.values()} <= {200, 202, 403}


def test_a_csv_whose_database_fails_during_the_preview_gets_an_error(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        yield from ()
        raise psycopg.OperationalError("gone")

    monkeypatch.setattr(duplicates, "preview_steps", broken)

    assert caller.get("/duplicates/preview.csv").status_code >= 500
