"""Every response in the OpenAPI document occurs, and every response matches it: journeys through all endpoints."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import jsonschema
import orjson
import pytest
import requests

from cli.database import connected
from schemas.identities import FeedPlace
from tests.support.client import Client
from tests.support.openapi import check, document, documented, resolved
from tests.support.system import System
from tests.support.waiting import wait_until

Json = dict[str, Any]

NOON = "2026-05-01T12:00:00Z"
PERSON: Json = {
    "external_id": "ada",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "gender": "F",
    "dob": "1815-12-10",
    "email": "ada@example.com",
    "phone": "+14155550123",
    "home_city": "London",
    "country": "GB",
    "language": "en",
    "time_zone": "Europe/London",
    "facebook": {"id": "1"},
    "twitter": {"id": 2},
    "current_location": {"longitude": -0.1, "latitude": 51.5},
    "date_of_first_session": NOON,
    "date_of_last_session": NOON,
    "email_encrypted": False,
    "email_subscribe": "opted_in",
    "push_subscribe": "opted_in",
    "email_open_tracking_disabled": True,
    "email_click_tracking_disabled": False,
    "marked_email_as_spam_at": NOON,
    "push_tokens": [
        {"app_id": "app", "token": "t", "device_id": "d", "platform": "ios", "notifications_enabled": True}
    ],
    "devices": [{"device_id": "d", "model": "m", "os": "o", "carrier": None, "ad_tracking_enabled": True}],
    "subscription_groups": [{"subscription_group_id": "g", "subscription_state": "subscribed"}],
    "test_user": True,
    "plan": "gold",
    "nested": {"of": [1, None, {"a": "b"}]},
}
HISTORY: Json = {
    "events": [{"external_id": "ada", "name": "login", "time": NOON, "properties": {"a": 1}}],
    "purchases": [{"external_id": "ada", "product_id": "hat", "currency": "USD", "price": 9.99, "time": NOON}],
    "sessions": [
        {
            "external_id": "ada",
            "app_id": "app",
            "app_name": "App",
            "app_version": "1",
            "platform": "iOS",
            "started_at": NOON,
            "device": {"device_id": "e"},
        }
    ],
    "engagements": [
        {"external_id": "ada", "kind": kind, "id": "sale", "event": event, "time": NOON, **more}
        for kind, event, more in (
            ("campaign", "received", {"name": "Sale", "variation_name": "A", "variation_api_id": "a"}),
            ("campaign", "opened_email", {"in_control": False}),
            ("campaign", "converted", {}),
            ("canvas", "entered", {}),
            ("canvas", "received", {"step_id": "one", "step_name": "One"}),
            ("canvas", "exited", {}),
        )
    ],
}
ELSEWHERE = "01a202b7-0c65-769b-9741-1871039b8b20"
ELSEWHERES_CURSOR = FeedPlace(10_000, UUID(ELSEWHERE)).encode()

#: Statuses of other tests: errors of every key and body, and failures of the server.
ELSEWHERE_TESTED = {401, 403, 413, 415, 429, 503}


class Journey:
    """A client that checks every response against the document and records the operations and statuses."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.met: set[tuple[str, int]] = set()

    def get(self, path: str, status: int = 200, *, headers: dict[str, str] | None = None, **query: Any) -> Any:
        """Return the response to GET *path*, which must have *status*."""
        return self._checked(self._client.request("GET", path, params=query, headers=headers), status)

    def post(self, path: str, body: Any, status: int = 201, *, headers: dict[str, str] | None = None) -> Any:
        """Return the response to POST *path* with *body*, which must have *status*."""
        return self._checked(self._client.request("POST", path, json=body, headers=headers), status)

    def post_lines(self, *lines: Json, status: int = 200, headers: dict[str, str] | None = None, **query: str) -> Any:
        """Return the lines of the response to the import of *lines*, which must have *status*."""
        data = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
        named = {"Content-Type": "application/x-ndjson", **(headers or {})}
        response = self._client.request("POST", "/profiles/import", data=data, params=query, headers=named)
        found = [orjson.loads(line) for line in self._checked(response, status).content.splitlines()]
        schema = resolved(document()["components"]["schemas"]["ImportLine"])
        if status == 200:
            jsonschema.validate(found, {"type": "array", "items": {**schema, "additionalProperties": False}})
        return found

    def send(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """Return the response to *method* at *path* with *body*, which must have *status*."""
        return self._checked(self._client.request(method, path, json=body), status)

    def _checked(self, response: requests.Response, status: int) -> Any:
        """Return *response* after checking it."""
        assert response.status_code == status, response.text
        self.met.add(check(response))
        return response


@pytest.fixture(scope="module")
def journeys() -> Iterator[set[tuple[str, int]]]:
    """The operations and statuses of all journeys."""
    met: set[tuple[str, int]] = set()
    yield met
    missing = {one for one in documented() - met if one[1] not in ELSEWHERE_TESTED}
    assert missing == set(), "No journey had these documented responses."


@pytest.fixture
def journey(client: Client, journeys: set[tuple[str, int]]) -> Iterator[Journey]:
    """A journey in a fresh workspace."""
    journey = Journey(client)
    yield journey
    journeys |= journey.met


def pair(orphan: Json, survivor: Json) -> Json:
    """Return the body of a merge of one pair."""
    return {"merge_updates": [{"identifier_to_merge": orphan, "identifier_to_keep": survivor}]}


def test_a_complete_profile_matches_the_document(journey: Journey) -> None:
    journey.post("/users/track", {"attributes": [PERSON], **HISTORY})
    (user,) = journey.post("/users/export/ids", {"external_ids": ["ada", "nobody"]}).json()["users"]
    shown = journey.get(f"/profiles/{user['braze_id']}").json()
    page = journey.get("/profiles", limit=1).json()
    journey.get("/profiles", limit=1, cursor=page["next_cursor"] or "AAAAAAAAAAA")
    journey.get("/profiles", 400, limit=0)
    few = journey.post("/users/export/ids", {"external_ids": ["ada"], "fields_to_export": ["email"]}).json()["users"]

    assert shown == user
    assert {"campaigns_received", "canvases_received", "apps", "devices", "push_tokens", "last_interactions"} <= set(
        user
    )
    assert few == [{"email": "ada@example.com"}]


def test_the_queue_matches_the_document(journey: Journey) -> None:
    paused = journey.send("PUT", "/merge/queue", {"state": "paused", "merges_per_minute_limit": 60}).json()
    journey.post("/users/merge", pair({"external_id": "a"}, {"external_id": "b"}), 202)
    read = journey.get("/merge/queue").json()
    journey.send("PUT", "/merge/queue", {"state": "running", "merges_per_minute_limit": None})
    journey.send("PUT", "/merge/queue", {"state": "stopped"}, 400)

    assert paused["paused_by"]
    assert read["waiting"] == {"3": 1}


def test_the_system_matches_the_document(journey: Journey) -> None:
    system = journey.get("/system").json()

    assert {"web", "relay", "worker"} <= {process["kind"] for process in system["processes"]}
    assert system["schema_version"] == system["required_schema_version"]


def test_cancellations_match_the_document(journey: Journey) -> None:
    journey.post("/merge/queue/cancel", None, 409)
    journey.send("PUT", "/merge/queue", {"state": "paused"})
    body = pair({"external_id": "a"}, {"external_id": "b"})
    one, other, _ = (journey.post("/users/merge", body, 202).json()["batch_id"] for _ in range(3))
    job_id = journey.get(f"/merge/batches/{one}").json()["jobs"][0]["job_id"]
    job = journey.post(f"/merge/jobs/{job_id}/cancel", None, 200).json()
    batch = journey.post(f"/merge/batches/{other}/cancel", None, 200).json()
    for path in (f"jobs/{job_id}", f"batches/{other}"):
        journey.post(f"/merge/{path}/cancel", None, 409)
    for path in (f"jobs/{ELSEWHERE}", f"batches/{ELSEWHERE}"):
        journey.post(f"/merge/{path}/cancel", None, 404)
    journey.post("/merge/queue/cancel", None, 202)
    journey.post("/merge/queue/cancel?priority=8", None, 400)

    assert job["outcome"] == "cancelled"
    assert (batch["cancelled"], batch["running"]) == (1, 0)


def test_activity_matches_the_document(journey: Journey) -> None:
    journey.post("/users/track", {"attributes": [PERSON], **HISTORY})
    (user,) = journey.post("/users/export/ids", {"external_ids": ["ada"]}).json()["users"]
    path = f"/profiles/{user['braze_id']}/activity"
    for query in ({"event": "login"}, {"purchases": ""}, {"product_id": "hat", "property": "a", "value": "1"}):
        journey.get(path, days=30, **query)

    journey.get(path, 400, days=31, event="login")
    journey.get(f"/profiles/{'0' * 24}/activity", 404, days=1, event="login")
    journey.get(f"/profiles/{'0' * 24}", 404)


def test_a_history_matches_the_document(journey: Journey) -> None:
    journey.post("/users/track", {"attributes": [PERSON], **HISTORY})
    (user,) = journey.post("/users/export/ids", {"external_ids": ["ada"]}).json()["users"]
    path = f"/profiles/{user['braze_id']}/history"
    page = journey.get(path, limit=2).json()
    rest = journey.get(path, cursor=page["next_cursor"], **{"from": "2000-01-01T00:00:00Z"}).json()
    journey.get(path, kind="session", to="2100-01-01T00:00:00Z")
    journey.get(path, 400, kind="click")
    journey.get(f"/profiles/{'0' * 24}/history", 404)
    report = journey.get(f"/profiles/{user['braze_id']}/report").json()
    journey.get(f"/profiles/{'0' * 24}/report", 404)

    items = page["history"] + rest["history"]
    assert {item["kind"] for item in items} == {"event", "purchase", "session", "engagement"}
    assert report["history"] == items


def test_an_import_matches_the_document(journey: Journey, client: Client, system: System) -> None:
    whole = {"external_id": "ada", "email": "ada@example.com", "custom_attributes": {"plan": "gold"}}
    lines = journey.post_lines(whole, {"first_name": "nobody"}, whole)
    journey.post_lines(whole, status=400, on_conflict="merge")
    journey.post_lines(whole, status=404, headers={"Merge-Run": ELSEWHERE})
    once = {"Idempotency-Key": "once"}
    lock_key(client, system, "/profiles/import", lambda: journey.post_lines(whole, status=409, headers=once))
    first = journey.post_lines(whole, headers=once)
    journey.post_lines(whole, whole, status=422, headers=once)

    assert journey.post_lines(whole, headers=once) == first
    assert [line["result"] for line in lines] == ["created", "refused", "skipped"]


def test_refused_objects_match_the_document(journey: Journey) -> None:
    good, bad = {"external_id": "a"}, {"first_name": "nobody's"}
    alias, no_alias = {"alias_name": "n", "alias_label": "l"}, {"alias_name": "n"}
    update = {"alias_label": "l", "old_alias_name": "n", "new_alias_name": "m"}

    journey.post("/users/track", {"attributes": [good, bad]})
    journey.post("/users/track", {"attributes": [bad]}, 400)
    journey.post("/users/track", {"attributes": [good]}, 404, headers={"Merge-Run": ELSEWHERE})
    journey.post("/users/track", {"attributes": 7}, 400)
    journey.post("/users/alias/new", {"user_aliases": [alias, no_alias]})
    journey.post("/users/alias/new", {"user_aliases": [no_alias]}, 400)
    journey.post("/users/alias/new", {}, 400)
    journey.post("/users/alias/update", {"alias_updates": [update, {}]})
    journey.post("/users/alias/update", {"alias_updates": [{}]}, 400)
    journey.post("/users/alias/update", {}, 400)
    journey.post("/users/export/ids", {}, 400)


def test_a_merge_matches_the_document(journey: Journey, client: Client) -> None:
    journey.post("/users/track", {"attributes": [{"external_id": "old", "plan": "gold"}, {"external_id": "ada"}]})
    (old,) = journey.post("/users/export/ids", {"external_ids": ["old"]}).json()["users"]
    body = pair({"external_id": "old"}, {"external_id": "ada"})
    headers = {"Idempotency-Key": "once", "Prefer": "wait=20"}
    accepted = journey.post("/users/merge", body, 202, headers=headers).json()
    again = journey.post("/users/merge", body, 202, headers={"Idempotency-Key": "once"})
    batch = journey.get(accepted["status_url"])
    (job,) = batch.json()["jobs"]

    assert accepted["batch"]["counts"] == {"merged": 1}
    assert again.headers["Idempotent-Replayed"] == "true"
    assert journey.get(f"/merge/jobs/{job['job_id']}", include="changes").json()["changes"]
    for path in (accepted["status_url"], f"/merge/jobs/{job['job_id']}"):
        known = {"If-None-Match": journey.get(path).headers["ETag"], "Prefer": "wait=1"}
        assert journey.get(path, 304, headers=known).headers["Preference-Applied"] == "wait=1"
    journey.get(f"/profiles/{old['braze_id']}", 410)
    journey.get(f"/profiles/{old['braze_id']}/activity", 410, days=1, event="login")
    journey.get(f"/profiles/{old['braze_id']}/history", 410)
    journey.get(f"/profiles/{old['braze_id']}/report", 410)
    journey.get("/merge/jobs", outcome="merged", identifier="old", limit=1)
    journey.get("/merge/jobs/export", outcome="merged", undone="false")
    journey.get("/merge/jobs/export", 400, undone="perhaps")
    journey.get("/merge/batches/export", outcome="merged")
    journey.get("/merge/batches/export", 400, outcome="perhaps")
    journey.get("/merge/runs/export", kind="client")
    journey.get("/merge/runs/export", 400, kind="perhaps")
    journey.get("/merge/batches", limit=1)
    journey.post("/users/merge", pair({"external_id": "x"}, {"external_id": "y"}), 422, headers=headers)


def test_an_undo_matches_the_document(journey: Journey) -> None:
    journey.post("/users/track", {"attributes": [{"external_id": name, f"of_{name}": 1} for name in ("old", "ada")]})
    alias = {"external_id": "old", "alias_label": "mail", "alias_name": "old@x.org"}
    journey.post("/users/alias/new", {"user_aliases": [alias]})
    body = pair({"external_id": "old"}, {"external_id": "ada"})
    wait = {"Prefer": "wait=20"}
    batch = journey.post("/users/merge", body, 202, headers=wait).json()["batch"]
    journey.post("/users/track", {"attributes": [{"external_id": "old"}]})
    paths = [f"/merge/jobs/{batch['jobs'][0]['job_id']}/undo", f"/merge/batches/{batch['batch_id']}/undo"]
    undone = journey.post(paths[0], None, 202, headers=wait).json()

    (undo,) = undone["batch"]["jobs"]
    assert (undo["job_id"], undo["outcome"], len(undo["not_restored"])) == (undone["job_id"], "undone_in_part", 1)
    assert journey.get(f"/merge/jobs/{undo['job_id']}", include="changes").json()["changes"]
    assert journey.get(f"/merge/jobs/{undo['undoes']}").json()["undone_by"] == undo["job_id"]
    for path, elsewhere in zip(paths, ("jobs", "batches"), strict=True):
        journey.post(path, None, 409)
        journey.post(path, None, 400, headers={"Idempotency-Key": "x" * 300})
        journey.post(f"/merge/{elsewhere}/{ELSEWHERE}/undo", None, 404)
    again = journey.post("/users/merge", pair({"external_id": "old"}, {"external_id": "ada"}), 202, headers=wait)
    journey.post(f"/merge/batches/{again.json()['batch_id']}/undo", None, 202)


def test_a_preview_matches_the_document(journey: Journey) -> None:
    journey.post("/users/track", {"attributes": [{"external_id": "old", "plan": "gold"}, {"external_id": "ada"}]})
    found = pair({"external_id": "old"}, {"external_id": "ada"})["merge_updates"]
    not_found = pair({"external_id": "nobody"}, {"external_id": "ada"})["merge_updates"]
    told = journey.post("/users/merge/preview", {"merge_updates": found + not_found}, 200).json()["updates"]

    assert [update["outcome"] for update in told] == ["merged", "orphan_not_found"]
    assert told[0]["changes"]
    journey.post("/users/merge/preview", {}, 400)


def test_a_segment_matches_the_document(journey: Journey) -> None:
    journey.post("/users/track", {"attributes": [PERSON, {"external_id": "bob", "plan": "gold"}], **HISTORY})
    body = {"filter": {"custom_attribute": {"custom_attribute_name": "plan", "comparison": "equals", "value": "gold"}}}
    first = journey.post("/segments/query", {**body, "limit": 1}, 200).json()
    last = journey.post("/segments/query", {**body, "cursor": first["next_cursor"]}, 200).json()

    assert (first["count"], len(first["profiles"]), len(last["profiles"])) == (2, 1, 1)
    assert last["next_cursor"] is None
    journey.post("/segments/query", {}, 400)


def test_jobs_of_every_kind_of_identifier_match_the_document(journey: Journey) -> None:
    alias = {"user_alias": {"alias_name": "n", "alias_label": "l"}}
    email = {"email": "nobody@example.com", "prioritization": ["unidentified", "most_recently_updated"]}
    phone = {"phone": "+14155550123", "prioritization": ["identified"]}
    accepted = journey.post("/users/merge", pair(alias, email) | {}, 202, headers={"Prefer": "wait=20"}).json()
    other = journey.post(
        "/users/merge", pair(phone, {"external_id": "null"}), 202, headers={"Prefer": "wait=20"}
    ).json()

    assert accepted["batch"]["state"] == other["batch"]["state"] == "finished"
    for path, query in (
        ("/merge/jobs", {"limit": 0}),
        ("/merge/batches", {"cursor": "no cursor"}),
        (f"/merge/jobs/{accepted['batch']['jobs'][0]['job_id']}", {"include": "all"}),
    ):
        journey.get(path, 400, **query)
    journey.get(f"/merge/jobs/{ELSEWHERE}", 404)
    journey.get(f"/merge/batches/{ELSEWHERE}", 404)
    journey.post("/users/merge", {}, 400)


def test_a_retried_job_matches_the_document(journey: Journey, system: System) -> None:
    body = pair({"external_id": "x"}, {"external_id": "y"})
    (job,) = journey.post("/users/merge", body, 202, headers={"Prefer": "wait=20"}).json()["batch"]["jobs"]
    path = f"/merge/jobs/{job['job_id']}"
    journey.post(f"{path}/retry", None, 409)
    journey.post(f"/merge/jobs/{ELSEWHERE}/retry", None, 404)
    failure = "INSERT INTO failed_attempt SELECT workspace_id, id, 1, 1, now(), 'It failed.' FROM job WHERE id = %s"
    with connected(system.settings, system.database_url, name="test") as connection:
        connection.execute("UPDATE job SET state = 'dead', outcome = NULL WHERE id = %s", [job["job_id"]])
        connection.execute(failure, [job["job_id"]])

    dead = journey.get(path).json()
    assert (dead["state"], dead["failures"][0]["attempt"]) == ("dead", 1)
    journey.post("/merge/jobs/bulk", {"action": "retry", "filter": {"identifier": "nothing"}}, 409)
    journey.post("/merge/jobs/bulk", {"action": "retry", "filter": {"state": "queued"}}, 400)
    once = {"Idempotency-Key": "once"}
    bulk = {"action": "retry", "filter": {"identifier": "x"}}
    accepted = journey.post("/merge/jobs/bulk", bulk, 202, headers=once)
    assert accepted.json()["jobs"] == 1
    assert journey.post("/merge/jobs/bulk", bulk, 202, headers=once).content == accepted.content
    journey.post("/merge/jobs/bulk", {**bulk, "action": "cancel"}, 422, headers=once)
    wait_until(lambda: journey.get(path).json()["state"] == "finished", what="the retried job")
    with connected(system.settings, system.database_url, name="test") as connection:
        connection.execute("UPDATE job SET state = 'dead', outcome = NULL WHERE id = %s", [job["job_id"]])
    assert journey.post(f"{path}/retry", None, 202).json()["outcome"] is None


def test_runs_match_the_document(journey: Journey, client: Client) -> None:
    run = journey.post("/merge/runs", {"label": "March"}, 201).json()
    journey.post("/merge/runs", {"name": "March"}, 400)
    body = pair({"external_id": "x"}, {"external_id": "y"})
    journey.post("/users/merge", body, 202, headers={"Merge-Run": run["run_id"], "Prefer": "wait=20"})
    journey.post("/users/merge", body, 404, headers={"Merge-Run": ELSEWHERE})
    journey.get(run["status_url"])
    journey.get(run["status_url"] + "/batches")
    journey.get(run["status_url"] + "/batches", 400, limit=0)
    journey.get(f"/merge/runs/{ELSEWHERE}/batches", 404)
    since = {"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}
    journey.get("/merge/jobs", run_id=run["run_id"], kind="merge", source="api", key=ELSEWHERE, order="oldest", **since)
    journey.get("/merge/batches", run_id=run["run_id"], kind="merge", state="finished", order="oldest", **since)
    journey.get("/merge/runs", key=ELSEWHERE, order="oldest", **since)
    journey.post(run["status_url"] + "/close", None, 200)
    journey.post(run["status_url"] + "/close", None, 409)
    journey.post(f"/merge/runs/{ELSEWHERE}/close", None, 404)
    journey.post("/users/merge", body, 409, headers={"Merge-Run": run["run_id"]})
    wait_until(lambda: client.get(run["status_url"]).json()["state"] == "finished", what="the run")

    assert journey.get(run["status_url"]).json()["counts"] == {"orphan_not_found": 1}
    journey.post(f"{run['status_url']}/undo", None, 409)
    journey.post(f"/merge/runs/{ELSEWHERE}/undo", None, 404)
    journey.post("/users/track", {"attributes": [{"external_id": "x"}, {"external_id": "y"}]})
    other = journey.post("/merge/runs", {}, 201).json()
    journey.post("/users/merge", body, 202, headers={"Merge-Run": other["run_id"], "Prefer": "wait=20"})
    undo = journey.post(f"{other['status_url']}/undo", None, 202).json()
    wait_until(lambda: client.get(undo["status_url"]).json()["state"] == "finished", what="the undo")
    assert journey.get(undo["status_url"]).json()["counts"] == {"undone": 1}
    journey.post(f"{other['status_url']}/cancel", None, 409)
    journey.post(f"/merge/runs/{ELSEWHERE}/cancel", None, 404)
    third = journey.post("/merge/runs", {}, 201).json()
    journey.post(f"{third['status_url']}/cancel", None, 202)
    wait_until(lambda: client.get(third["status_url"]).json()["state"] == "cancelled", what="the cancelled run")
    failing = journey.post("/merge/runs", {"max_failures": 0, "priority": 1}, 201, headers={"Priority": "u=0"}).json()
    body = pair({"external_id": "null"}, {"external_id": "y"})
    journey.post("/users/merge", body, 202, headers={"Merge-Run": failing["run_id"]})
    wait_until(lambda: client.get(failing["status_url"]).json()["paused_at"] is not None, what="the paused run")
    resume = f"{failing['status_url']}/resume"
    journey.get(failing["status_url"])
    journey.post(resume, {"max_failures": "all"}, 400)
    journey.post(resume, {"max_failures": "2.5%"}, 200, headers={"Idempotency-Key": "resume"})
    journey.post(resume, {"max_failures": 1}, 422, headers={"Idempotency-Key": "resume"})
    resumed = journey.get(failing["status_url"])
    journey.get(failing["status_url"], 304, headers={"If-None-Match": resumed.headers["ETag"]})
    journey.post(resume, None, 409)
    journey.post(f"/merge/runs/{ELSEWHERE}/resume", None, 404)
    journey.get("/merge/runs", kind="client", state="finished")
    journey.get("/merge/runs", 400, kind="large")
    journey.get(f"/merge/runs/{ELSEWHERE}", 404)


def test_plans_match_the_document(journey: Journey, client: Client) -> None:
    journey.post("/users/track", {"attributes": [{"external_id": "x", "first_name": "X"}, {"external_id": "y"}]})
    body = pair({"external_id": "x"}, {"external_id": "y"})
    plan = journey.post("/merge/plans", body, 201).json()
    url = plan["status_url"]
    once = {"Idempotency-Key": "page"}
    first = journey.post(f"{url}/updates", body, 200, headers=once).json()
    assert journey.post(f"{url}/updates", body, 200, headers=once).json() == first
    journey.post(f"{url}/updates", pair({"external_id": "y"}, {"external_id": "x"}), 422, headers=once)
    journey.post(f"{url}/updates", {}, 400)
    journey.post("/merge/plans", {}, 400)
    journey.get(url, limit=1)
    journey.get(url, 400, limit=0)
    journey.get("/merge/plans")
    journey.get("/merge/plans", 400, limit=0)
    journey.post(f"{url}/apply", {"only": [7]}, 400)
    keyed = {"Idempotency-Key": "apply"}
    applied = journey.post(f"{url}/apply", {"only": [0]}, 202, headers=keyed).json()
    assert journey.post(f"{url}/apply", {"only": [0]}, 202, headers=keyed).json() == applied
    journey.post(f"{url}/apply", {}, 422, headers=keyed)
    journey.post(f"{url}/apply", {}, 409)
    journey.post(f"{url}/updates", body, 409)
    wait_until(lambda: client.get(applied["status_url"]).json()["state"] == "finished", what="the run of the plan")

    assert journey.get(applied["status_url"]).json()["counts"] == {"merged": 1}
    assert journey.get(url).json()["run_id"] == applied["run_id"]
    journey.send("DELETE", url, None, 409)
    other = journey.post("/merge/plans", body, 201).json()["status_url"]
    journey.send("DELETE", other)
    for path in (other, f"/merge/plans/{ELSEWHERE}"):
        journey.get(path, 404)
        journey.send("DELETE", path, None, 404)
        journey.post(f"{path}/apply", {}, 404)
        journey.post(f"{path}/updates", body, 404)


def test_duplicates_and_runs_match_the_document(journey: Journey, client: Client) -> None:
    people = [{"external_id": name, "email": "Ada@x.org", "phone": "+14155550123"} for name in ("ada", "twin")]
    for person in people:
        journey.post("/users/track", {"attributes": [person]})
    journey.get("/duplicates/policy")
    journey.send("PUT", "/duplicates/policy", {"prefer": "best"}, 400)
    journey.send("PUT", "/duplicates/policy", {"identifier": "phone", "daily_at": "00:00", "time_zone": "Asia/Tokyo"})
    for path in ("/duplicates/preview", "/duplicates/preview.csv"):
        journey.get(path, identifier="email")
        journey.get(path, 400, prefer="best")
    pair = [{"external_id": name} for name in ("ada", "twin")]
    stored = journey.post("/duplicates/exclusions", {"exclusions": [{"profiles": pair, "reason": "twins"}]}, 201)
    (exclusion,) = stored.json()["exclusions"]
    journey.get("/duplicates/exclusions", limit=1)
    journey.get("/duplicates/exclusions", 400, limit=0)
    journey.post("/duplicates/exclusions", {"exclusions": [{"profiles": pair[:1]}]}, 400)
    journey.post("/duplicates/exclusions", {"exclusions": [{"profiles": [pair[0], {"external_id": "x9"}]}]}, 404)
    for status in (200, 404):
        journey.send("DELETE", f"/duplicates/exclusions/{exclusion['exclusion_id']}", None, status)
    run = journey.post("/duplicates/runs", None, 202).json()
    journey.get(run["status_url"])
    wait_until(lambda: client.get(run["status_url"]).json()["state"] == "finished", what="the run")
    ended = journey.get(run["status_url"])
    journey.get(run["status_url"], 304, headers={"If-None-Match": ended.headers["ETag"]})
    counts = ended.json()["counts"]
    (listed,) = journey.get("/merge/batches", source="duplicates").json()["batches"]
    client.finished(listed["batch_id"])
    (job,) = journey.get(f"/merge/batches/{listed['batch_id']}").json()["jobs"]

    assert (counts["to_merge"], job["outcome"]) == (1, "merged")
    assert job["identifier_to_merge"]["phone"] == "+14155550123"
    journey.get("/duplicates/runs", limit=1)
    journey.get("/duplicates/runs", 400, limit=0)
    journey.get(f"/duplicates/runs/{ELSEWHERE}", 404)
    journey.post(f"/duplicates/runs/{ELSEWHERE}/cancel", None, 404)
    journey.post(f"{run['status_url']}/cancel", None, 409)
    journey.post("/duplicates/runs", {"plan": "yes"}, 400)
    planned = journey.post("/duplicates/runs", {"plan": True}, 202).json()
    wait_until(lambda: client.get(planned["status_url"]).json()["state"] == "finished", what="the planned run")
    plan = journey.get(f"/merge/plans/{planned['plan_id']}").json()

    assert (plan["complete"], plan["duplicates_run_id"]) == (True, planned["run_id"])


#: Jobs that wait for ten minutes, enough of them to pause a run. The rescue makes later ones due.
HOLD_BACK = """
    WITH held AS (
        INSERT INTO batch (workspace_id, id, path)
        SELECT workspace_id, gen_random_uuid(), '/' FROM workspace WHERE name = %s
        RETURNING workspace_id, id
    )
    INSERT INTO job (
        workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys, due_at
    )
    SELECT workspace_id, gen_random_uuid(), id, index, 'merge', index, '{}', '{}', '{}', now() + interval '10 minutes'
    FROM held CROSS JOIN generate_series(0, 4999) AS index
"""


def test_a_running_run_matches_the_document(journey: Journey, client: Client, system: System) -> None:
    with connected(system.settings, system.database_url, name="test") as connection:
        connection.execute(HOLD_BACK, [client.workspace])
    run = journey.post("/duplicates/runs", None, 202).json()

    assert journey.get(run["status_url"]).json()["state"] == "running"
    journey.post("/duplicates/runs", None, 409)
    assert journey.post(f"{run['status_url']}/cancel", None, 200).json()["state"] == "cancelled"


def test_identifying_matches_the_document(journey: Journey) -> None:
    alias = {"alias_name": "guest", "alias_label": "shop"}
    journey.post("/users/alias/new", {"user_aliases": [alias]})
    body = {
        "aliases_to_identify": [{"external_id": "ada", "user_alias": alias}],
        "emails_to_identify": [{"external_id": "ada", "email": "no"}],
        "phone_numbers_to_identify": [{"external_id": "a", "phone": "1", "prioritization": ["unidentified"]}],
    }
    headers = {"Idempotency-Key": "once"}
    accepted = journey.post("/users/identify", body, headers={"Prefer": "wait=20", **headers}).json()

    assert accepted["errors"]
    assert accepted["batch"]["counts"]["identified"] == 1
    journey.post("/users/identify", {}, 400)
    journey.post("/users/identify", body, 404, headers={"Merge-Run": ELSEWHERE})
    journey.post("/users/identify", {"aliases_to_identify": []}, 422, headers=headers)


def test_renaming_and_deleting_match_the_document(journey: Journey) -> None:
    journey.post("/users/track", {"attributes": [{"external_id": "abc"}]})
    rename = {"current_external_id": "abc", "new_external_id": "foo"}
    renamed = journey.post("/users/external_ids/rename", {"external_id_renames": [rename, rename]}).json()
    removed = journey.post("/users/external_ids/remove", {"external_ids": ["abc", "nobody"]}).json()
    deleted = journey.post("/users/delete", {"external_ids": ["foo", "nobody"]}).json()

    assert len(renamed["external_ids"]) == len(renamed["rename_errors"]) == 1
    assert len(removed["removed_ids"]) == len(removed["removal_errors"]) == 1
    assert deleted["deleted"] == 2
    for path in ("/users/external_ids/rename", "/users/external_ids/remove", "/users/delete"):
        journey.post(path, {}, 400)


#: A body for each endpoint that takes an Idempotency-Key and a body, and another one.
KEYED: dict[str, tuple[Json, Json]] = {
    "/users/track": ({"attributes": [{"external_id": "ada"}]}, {"attributes": [{"external_id": "bob"}]}),
    "/users/alias/new": (
        {"user_aliases": [{"alias_name": "n", "alias_label": "l"}]},
        {"user_aliases": [{"alias_name": "m", "alias_label": "l"}]},
    ),
    "/users/alias/update": (
        {"alias_updates": [{"alias_label": "l", "old_alias_name": "n", "new_alias_name": "m"}]},
        {"alias_updates": [{"alias_label": "l", "old_alias_name": "n", "new_alias_name": "o"}]},
    ),
    "/users/delete": ({"external_ids": ["nobody"]}, {"external_ids": ["bob"]}),
    "/users/external_ids/rename": (
        {"external_id_renames": [{"current_external_id": "x", "new_external_id": "y"}]},
        {"external_id_renames": [{"current_external_id": "x", "new_external_id": "z"}]},
    ),
    "/users/external_ids/remove": ({"external_ids": ["x"]}, {"external_ids": ["y"]}),
    "/users/merge": (
        pair({"external_id": "x"}, {"external_id": "y"}),
        pair({"external_id": "x"}, {"external_id": "z"}),
    ),
    "/users/identify": (
        {"aliases_to_identify": [{"external_id": "x", "user_alias": {"alias_name": "n", "alias_label": "no"}}]},
        {"aliases_to_identify": [{"external_id": "z", "user_alias": {"alias_name": "n", "alias_label": "no"}}]},
    ),
    "/duplicates/exclusions": (
        {"exclusions": [{"profiles": [{"external_id": "eve"}, {"external_id": "mallory"}]}]},
        {"exclusions": [{"profiles": [{"external_id": "eve"}, {"external_id": "ada"}]}]},
    ),
    "/duplicates/runs": ({"plan": True}, {"plan": False}),
    "/webhooks": ({"url": "https://8.8.8.8/hook"}, {"url": "https://8.8.4.4/hook"}),
    "/merge/runs": ({"label": "March"}, {"label": "April"}),
    "/merge/plans": (
        pair({"external_id": "x"}, {"external_id": "y"}),
        pair({"external_id": "x"}, {"external_id": "z"}),
    ),
}


@pytest.mark.parametrize("path", KEYED)
def test_a_repeated_request_matches_the_document(journey: Journey, client: Client, system: System, path: str) -> None:
    body, other = KEYED[path]
    once = {"Idempotency-Key": "once"}
    journey.post("/users/track", {"attributes": [{"external_id": "eve"}, {"external_id": "mallory"}]})
    lock_key(client, system, path, lambda: journey.post(path, body, 409, headers=once))

    first = journey.post(path, body, 202 if path in {"/users/merge", "/duplicates/runs"} else 201, headers=once)
    again = journey.post(path, body, first.status_code, headers=once)
    assert again.headers["Idempotent-Replayed"] == "true"
    if "batch_id" in first.json():
        assert again.json()["batch_id"] == first.json()["batch_id"]
    else:
        assert again.content == first.content
    assert journey.post(path, other, 422, headers=once).headers["Link"].startswith("</docs>")


def test_a_repeated_rotation_matches_the_document(journey: Journey, client: Client, system: System) -> None:
    webhook = journey.post("/webhooks", {"url": "https://8.8.8.8/hook"}).json()
    path = f"/webhooks/{webhook['webhook_id']}/secret/rotate"
    once = {"Idempotency-Key": "once"}
    lock_key(client, system, path, lambda: journey.post(path, None, 409, headers=once))
    first = journey.post(path, None, 200, headers=once).json()

    assert journey.post(path, None, 200, headers=once).json() == first


@pytest.mark.parametrize(
    "path",
    [
        "/duplicates/runs",
        f"/duplicates/runs/{ELSEWHERE}/cancel",
        f"/merge/jobs/{ELSEWHERE}/retry",
        f"/merge/jobs/{ELSEWHERE}/cancel",
        f"/merge/batches/{ELSEWHERE}/cancel",
        "/merge/queue/cancel",
        f"/merge/runs/{ELSEWHERE}/close",
        f"/merge/runs/{ELSEWHERE}/cancel",
        f"/merge/runs/{ELSEWHERE}/resume",
        f"/merge/runs/{ELSEWHERE}/undo",
        f"/webhooks/{ELSEWHERE}/test",
        f"/webhooks/{ELSEWHERE}/secret/rotate",
        f"/webhooks/{ELSEWHERE}/notices/{ELSEWHERE}/retry",
    ],
)
def test_a_key_that_is_too_long_matches_the_document(journey: Journey, path: str) -> None:
    journey.post(path, None, 400, headers={"Idempotency-Key": "x" * 300})


def lock_key(client: Client, system: System, path: str, send: Callable[[], object]) -> None:
    """Call *send* while a first request with the key `once` is running."""
    with connected(system.settings, system.database_url, name="test") as connection, connection.transaction():
        find = "SELECT workspace_id FROM workspace WHERE name = %s"
        (workspace,) = connection.execute(find, [client.workspace]).fetchall()
        # As the product takes it: on Citus the server that has the workspace has the lock too.
        lock = "SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(' ', workspace_id, %s::text, 'once'), 0))"
        connection.execute(f"{lock} FROM workspace_home WHERE workspace_id = %s", [path, workspace["workspace_id"]])
        send()


def test_every_request_with_an_idempotency_key_and_a_body_is_repeated_here() -> None:
    keyed = {
        path
        for path, methods in document()["paths"].items()
        for operation in methods.values()
        if {"$ref": "#/components/parameters/Idempotency-Key"} in operation.get("parameters", ())
        and "requestBody" in operation
    }
    # Those of plans, runs and many jobs are repeated in the tests of these.
    elsewhere = {
        "/merge/plans/{plan_id}/updates",
        "/merge/plans/{plan_id}/apply",
        "/merge/runs/{run_id}/resume",
        "/merge/jobs/bulk",
    }
    assert keyed == {*KEYED, "/profiles/import", *elsewhere}


#: Operations with POST that change nothing.
READING = {"/users/export/ids", "/users/merge/preview", "/segments/query"}


def test_every_post_that_changes_something_takes_an_idempotency_key() -> None:
    without = {
        path
        for path, methods in document()["paths"].items()
        if "post" in methods
        and {"$ref": "#/components/parameters/Idempotency-Key"} not in methods["post"].get("parameters", ())
    }
    assert without == READING


def test_webhooks_match_the_document(journey: Journey, system: System) -> None:
    # Nothing is sent there: no sender runs.
    body = {"url": "https://8.8.8.8/hook", "description": "CRM"}
    made = journey.post("/webhooks", body).json()
    path = f"/webhooks/{made['webhook_id']}"
    notice = journey.post(f"{path}/test", None, 202).json()
    with connected(system.settings, system.database_url, name="test") as connection:
        died = "UPDATE webhook_delivery SET state = 'dead', last_error = 'So.', ended_at = now() WHERE id = %s"
        connection.execute(died, [notice["notice_id"]])
    retry = f"{path}/notices/{notice['notice_id']}/retry"

    assert journey.get(path).json() == {name: value for name, value in made.items() if name != "secret"}
    assert journey.get("/webhooks").json()["webhooks"] == [journey.get(path).json()]
    assert journey.post(f"{path}/secret/rotate", None, 200).json()["secret"] != made["secret"]
    assert journey.get(f"{path}/notices", state="dead", limit=1).json()["notices"][0]["last_error"] == "So."
    assert journey.post(retry, None, 202).json()["state"] == "waiting"
    journey.post(retry, None, 409)
    assert journey.send("PATCH", path, {"enabled": False}).json()["enabled"] is False
    journey.post(f"{path}/test", None, 409)
    for _ in range(19):
        journey.post("/webhooks", body)
    journey.post("/webhooks", body, 409)
    journey.send("DELETE", path)


def test_errors_of_webhooks_match_the_document(journey: Journey) -> None:
    path = f"/webhooks/{ELSEWHERE}"
    journey.post("/webhooks", {"url": "https://127.0.0.1/"}, 400)
    journey.send("PATCH", path, {"types": ["made.up"]}, 400)
    journey.send("PATCH", path, {"enabled": True}, 404)
    journey.send("DELETE", path, None, 404)
    for each in (path, f"{path}/notices"):
        journey.get(each, 404)
    for each in (f"{path}/test", f"{path}/secret/rotate", f"{path}/notices/{ELSEWHERE}/retry"):
        journey.post(each, None, 404)
    journey.get(f"{path}/notices", 400, state="no state")


def test_the_audit_matches_the_document(journey: Journey) -> None:
    journey.post("/users/track", {"attributes": [{"external_id": name, f"of_{name}": 1} for name in ("old", "ada")]})
    wait = {"Prefer": "wait=20"}
    body = pair({"external_id": "old"}, {"external_id": "ada"})
    batch = journey.post("/users/merge", body, 202, headers=wait).json()["batch"]
    journey.post(f"/merge/jobs/{batch['jobs'][0]['job_id']}/undo", None, 202, headers=wait)
    rename = {"current_external_id": "ada", "new_external_id": "ida"}
    journey.post("/users/external_ids/rename", {"external_id_renames": [rename]})
    journey.post("/users/delete", {"external_ids": ["ida"]})
    first = journey.get("/audit", limit=2).json()
    rest = journey.get("/audit", cursor=first["next_cursor"], include="images").json()

    told = [entry["action"] for entry in (*first["entries"], *rest["entries"])]
    assert told == ["delete", "rename", "undo", "merge"]
    journey.get(f"/audit/{first['entries'][0]['id']}")
    journey.get(f"/audit/{ELSEWHERE}", 404)
    journey.get("/audit", 400, limit=0)
    journey.get("/audit/export", 400, format="xml")
    journey.get("/audit/export", action="rename", format="csv")
    journey.get("/audit/export", action="rename", key=ELSEWHERE)
    one = journey.get("/audit/export", action="rename")
    assert one.headers["Content-Disposition"] == 'attachment; filename="audit.jsonl"'


def test_the_keys_match_the_document(journey: Journey) -> None:
    (key,) = journey.get("/keys", limit=1).json()["keys"]

    assert key["permissions"] == ["*"]
    journey.get("/keys", 400, limit=0)


def test_the_identity_feed_matches_the_document(journey: Journey) -> None:
    journey.post("/users/track", {"attributes": [{"external_id": name, "plan": "gold"} for name in ("eve", "ada")]})
    merge = pair({"external_id": "eve"}, {"external_id": "ada"})
    journey.post("/users/merge", merge, 202, headers={"Prefer": "wait=20"})
    wait_until(lambda: journey.get("/identities").json()["changes"])
    page = journey.get("/identities", limit=1).json()
    later = journey.get("/identities", cursor=page["next_cursor"]).json()

    assert [each["kind"] for each in page["changes"]] == ["merge"]
    assert later == {"changes": [], "next_cursor": page["next_cursor"], "has_more": False}
    assert journey.get("/identities/eve").json()["survivor"]["external_id"] == "ada"
    assert journey.get("/survivors", limit=1).json()["feed_cursor"] == page["next_cursor"]
    journey.get("/identities", 400, limit=0)
    journey.get("/identities", 410, cursor=ELSEWHERES_CURSOR)
    journey.get("/identities/nothing", 404)
    journey.get("/survivors", 400, cursor="x")


def test_the_error_for_a_long_url_matches_the_document(journey: Journey, client: Client) -> None:
    braze_id = "0" * 24
    long_query = {"cursor": "x" * 9_000}
    journey.post(f"/merge/queue/cancel?cursor={long_query['cursor']}", None, 414)
    for path in (
        "/audit",
        "/audit/export",
        "/keys",
        "/identities",
        "/survivors",
        "/merge/jobs",
        "/merge/jobs/export",
        "/merge/batches/export",
        "/merge/runs/export",
        f"/merge/jobs/{ELSEWHERE}",
        "/merge/batches",
        "/duplicates/preview",
        "/duplicates/preview.csv",
        "/duplicates/exclusions",
        "/duplicates/runs",
        "/merge/plans",
        f"/merge/plans/{ELSEWHERE}",
        "/merge/runs",
        f"/merge/runs/{ELSEWHERE}/batches",
        "/profiles",
        f"/profiles/{braze_id}/activity",
        f"/profiles/{braze_id}/history",
        f"/webhooks/{ELSEWHERE}/notices",
    ):
        journey.get(path, 414, cursor="x" * 9_000)
    journey.post_lines({"external_id": "ada"}, status=414, cursor="x" * 9_000)

    assert client.get("/merge/jobs", identifier="\N{GRINNING FACE}" * 246).status_code == 200


def test_endpoints_of_the_server_match_the_document(journey: Journey) -> None:
    journey.get("/health/live")
    journey.get("/metrics")
    journey.get("/health/ready")
    for path in ("/openapi.json", "/docs", "/docs/start.js"):
        first = journey.get(path)
        journey.get(path, 304, headers={"If-None-Match": first.headers["ETag"]})

    journey.get("/docs/passwd", 404)
