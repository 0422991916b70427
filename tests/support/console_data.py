"""Realistic data for every page of the console: a few merges through the API, and thousands of jobs through SQL.

All data is in one workspace. Its queue is paused, so the jobs that SQL adds keep their states.
"""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
from psycopg.rows import dict_row

from app.db.connections import Connection

if TYPE_CHECKING:
    # At run time pytest loads that module itself, as a plugin.
    from tests.support.flask_caller import Caller

Json = dict[str, Any]

FAILED_ONCE = """
    WITH retried AS (UPDATE job SET attempts = 2 WHERE id = %s RETURNING workspace_id, id, created_at, task_id)
    INSERT INTO failed_attempt
    SELECT
        workspace_id, id, 1, 1, created_at, 'Attempt 1 failed with OutOfMemory; the worker''s log has the details.',
        task_id
    FROM retried
"""
VOLUME_SQL = Path(__file__).with_name("console_data.sql")
FIRST_NAMES = ("Ada", "Bram", "Chloé", "Dmitri", "Elif", "Farid", "Grete", "Hugo", "Inés", "Jonas", "Kaja", "Łukasz")
LAST_NAMES = ("Adler", "Berg", "Castro", "Duval", "Eriksen", "Ferrari", "Garcia", "Horváth", "Ito", "Jansen")
CITIES = ("Berlin", "Lisbon", "Oslo", "Kraków", "Ghent")
#: The number of profiles that the API writes. Each tenth has a duplicate with the same email address.
PEOPLE = 40
LOGIN = "2026-03-01T08:00:00Z"
WEBHOOK = {"url": "https://8.8.8.8/hook", "types": ["merge.run.finished", "identity.changed"]}
#: An external_id that is too wide for a column.
LONG = "x" * 250
#: The number of rows that SQL adds for each kind of object, and the number of jobs in each batch.
MANY, FEW = 120, 10
JOBS_OF_A_BATCH = 50


class Send(Protocol):
    """Sends an API request and returns the body of the response."""

    def __call__(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any: ...


def sender_of(caller: "Caller") -> Send:
    """Return a function that sends API requests with the key of *caller* and returns the bodies of the responses."""

    def send(method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        named = {"Authorization": f"Bearer {caller.secret}", **(headers or {})}
        response = caller.flask.test_client().open(path, method=method, json=body, headers=named)
        assert response.status_code < HTTPStatus.MULTIPLE_CHOICES, f"{method} {path}: {response.text}"
        return response.json

    return send


def make_console_data(
    send: Send,
    settle: Callable[[str], object],
    connection: Connection,
    *,
    workspace: str,
    batches: int = MANY,
    jobs: int = JOBS_OF_A_BATCH,
) -> dict[str, str]:
    """Fill the *workspace* and return a value for each argument in the console's URLs.

    *settle* waits until a batch has finished. SQL adds *batches* batches of *jobs* jobs, and the same number of runs
    and of dead jobs.
    """
    braze_ids = _write_people(send)
    merged = _merge(send, settle, [(f"customer-{nth}-old", f"customer-{nth}") for nth in range(0, PEOPLE, 10)])
    undone = _merge(send, settle, [("customer-1", "customer-2"), (LONG, "nobody"), ("customer-4", "customer-4")])
    undo = send("POST", f"/merge/jobs/{undone[0]['job_id']}/undo")
    settle(undo["batch_id"])
    connection.execute(FAILED_ONCE, [merged[0]["job_id"]])
    send("POST", "/users/delete", {"external_ids": [f"customer-{PEOPLE - 1}"]})
    send("PUT", "/merge/queue", {"state": "paused", "merges_per_minute_limit": 6_000})
    values = {
        "small_batch_id": merged[0]["batch_id"],
        "job_id": merged[0]["job_id"],
        "braze_id": merged[0]["survivor"]["braze_id"],
        "gone_braze_id": merged[0]["orphan"]["braze_id"],
        "deleted_braze_id": braze_ids[f"customer-{PEOPLE - 1}"],
        **_plans_and_duplicates(send),
        **_runs_and_webhooks(send),
    }
    return values | _add_volume(connection, workspace=workspace, values=values, batches=batches, jobs=jobs)


def _write_people(send: Send) -> dict[str, str]:
    """Create the profiles and their duplicates; return their braze_ids by external_id."""
    people = [_person(nth) for nth in range(PEOPLE)]
    changed = {"home_city": "Lyon", "newsletter": "no", "plan": "pro " * 50}
    olds = [{**_person(nth), "external_id": f"customer-{nth}-old", **changed} for nth in range(0, PEOPLE, 10)]
    # Duplicates that no request has merged.
    people += [{**_person(nth), "external_id": f"customer-{nth}-twin"} for nth in (13, 14, 16)]
    people.append({"external_id": LONG, "first_name": "Zoë", "home_city": "Llanfairpwllgwyngyllgogerychwyrndrobwll"})
    events = [
        {"external_id": each["external_id"], "name": "login", "time": "2026-03-01T08:00:00Z"}
        for each in (*people, *olds)
    ]
    for first in range(0, len(people) + len(olds), 25):
        part = slice(first, first + 25)
        send("POST", "/users/track", {"attributes": [*people, *olds][part], "events": events[part]})
    found = send("POST", "/users/export/ids", {"external_ids": [each["external_id"] for each in people]})
    return {each["external_id"]: each["braze_id"] for each in found["users"]}


def _person(nth: int) -> Json:
    first, last = FIRST_NAMES[nth % len(FIRST_NAMES)], LAST_NAMES[nth % len(LAST_NAMES)]
    return {
        "external_id": f"customer-{nth}",
        "first_name": first,
        "last_name": last,
        "email": f"customer.{nth}@example.com",
        "home_city": CITIES[nth % len(CITIES)],
        "newsletter": "yes",
        "visits": nth,
    }


def _pairs(pairs: Sequence[tuple[str, str]]) -> Json:
    return {
        "merge_updates": [
            {"identifier_to_merge": {"external_id": orphan}, "identifier_to_keep": {"external_id": survivor}}
            for orphan, survivor in pairs
        ]
    }


def _merge(send: Send, settle: Callable[[str], object], pairs: Sequence[tuple[str, str]]) -> list[Json]:
    """Merge the pairs and return their finished jobs."""
    accepted = send("POST", "/users/merge", _pairs(pairs))
    settle(accepted["batch_id"])
    batch = send("GET", f"/merge/batches/{accepted['batch_id']}")
    return [{"batch_id": batch["batch_id"], **job} for job in batch["jobs"]]


def _plans_and_duplicates(send: Send) -> dict[str, str]:
    """Create a plan, an exclusion, a duplicate policy and a duplicate run."""
    plan = send("POST", "/merge/plans", _pairs([(f"customer-{nth}", f"customer-{nth + 1}") for nth in range(5, 30, 2)]))
    pair = [{"external_id": "customer-5"}, {"external_id": "customer-6"}]
    excluded = send("POST", "/duplicates/exclusions", {"exclusions": [{"profiles": pair, "reason": "twins"}]})
    send("PUT", "/duplicates/policy", {"daily_at": "03:00"})
    found = send("POST", "/duplicates/runs")
    return {
        "plan_id": plan["plan_id"],
        "index": "0",
        "exclusion_id": excluded["exclusions"][0]["exclusion_id"],
        "duplicate_run_id": found["run_id"],
    }


def _runs_and_webhooks(send: Send) -> dict[str, str]:
    """Create a run with two batches, and a webhook with a test notice."""
    run = send("POST", "/merge/runs", {"label": "newsletter-2026-03.csv"})
    for first in (5, 15):
        pairs = _pairs([(f"customer-{nth}", f"customer-{nth + 1}") for nth in range(first, first + 8, 2)])
        send("POST", "/users/merge", pairs, {"Merge-Run": run["run_id"]})
    send("POST", f"/merge/runs/{run['run_id']}/close")
    webhook = send("POST", "/webhooks", {**WEBHOOK, "description": "Warehouse"})
    notice = send("POST", f"/webhooks/{webhook['webhook_id']}/test")
    send("PATCH", f"/webhooks/{webhook['webhook_id']}", {"enabled": False})
    return {"run_id": run["run_id"], "webhook_id": webhook["webhook_id"], "notice_id": notice["notice_id"]}


def _add_volume(
    connection: Connection, *, workspace: str, values: Mapping[str, str], batches: int, jobs: int
) -> dict[str, str]:
    """Add the rows of VOLUME_SQL and return the values of URL arguments that it returns."""
    parameters = {
        "workspace": workspace,
        "webhook_id": values["webhook_id"],
        "batches": batches,
        "jobs": jobs,
    }
    # The message has several statements, and statements that create tables take no parameters.
    cursor = psycopg.ClientCursor(connection, row_factory=dict_row)
    cursor.execute(VOLUME_SQL.read_bytes(), parameters)
    while cursor.nextset():
        pass
    row = cursor.fetchone()
    assert row is not None
    return {name: str(value) for name, value in row.items()}
