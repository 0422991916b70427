"""Every response in the OpenAPI document occurs, and every response matches it: journeys through all endpoints."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from app.config import Settings
from cli.database import connected
from tests.support.client import Client
from tests.support.openapi import check, documented
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


def test_refused_objects_match_the_document(journey: Journey) -> None:
    good, bad = {"external_id": "a"}, {"first_name": "nobody's"}
    alias, no_alias = {"alias_name": "n", "alias_label": "l"}, {"alias_name": "n"}
    update = {"alias_label": "l", "old_alias_name": "n", "new_alias_name": "m"}

    journey.post("/users/track", {"attributes": [good, bad]})
    journey.post("/users/track", {"attributes": [bad]}, 400)
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
    journey.get(accepted["status_url"], 304, headers={"If-None-Match": batch.headers["ETag"]})
    journey.get(f"/profiles/{old['braze_id']}", 410)
    journey.get(f"/profiles/{old['braze_id']}/activity", 410, days=1, event="login")
    journey.get(f"/profiles/{old['braze_id']}/history", 410)
    journey.get(f"/profiles/{old['braze_id']}/report", 410)
    journey.get("/merge/jobs", outcome="merged", identifier="old", limit=1)
    journey.get("/merge/batches", limit=1)
    journey.post("/users/merge", pair({"external_id": "x"}, {"external_id": "y"}), 409, headers=headers)


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
        ("/merge/batches", {"cursor": "made up"}),
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
    with connected(Settings(), system.database_url, name="test") as connection:
        connection.execute("UPDATE job SET state = 'dead', outcome = NULL WHERE id = %s", [job["job_id"]])

    assert journey.get(path).json()["state"] == "dead"
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
    journey.get("/merge/jobs", run_id=run["run_id"])
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
    journey.get("/merge/runs", kind="client", state="finished")
    journey.get("/merge/runs", 400, kind="large")
    journey.get(f"/merge/runs/{ELSEWHERE}", 404)


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
    counts = journey.get(run["status_url"]).json()["counts"]
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


#: Jobs that wait for an hour, so many that a run pauses.
HOLD_BACK = """
    WITH held AS (
        INSERT INTO batch (workspace_id, id, path)
        SELECT workspace_id, gen_random_uuid(), '/' FROM workspace WHERE name = %s
        RETURNING workspace_id, id
    )
    INSERT INTO job (
        workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys, due_at
    )
    SELECT workspace_id, gen_random_uuid(), id, index, 'merge', index, '{}', '{}', '{}', now() + interval '1 hour'
    FROM held CROSS JOIN generate_series(0, 4999) AS index
"""


def test_a_running_run_matches_the_document(journey: Journey, client: Client, system: System) -> None:
    with connected(Settings(), system.database_url, name="test") as connection:
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
    journey.post("/users/identify", {"aliases_to_identify": []}, 409, headers=headers)


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


def test_webhooks_match_the_document(journey: Journey, system: System) -> None:
    # Nothing is sent there: no sender runs.
    body = {"url": "https://8.8.8.8/hook", "description": "CRM"}
    made = journey.post("/webhooks", body).json()
    path = f"/webhooks/{made['webhook_id']}"
    notice = journey.post(f"{path}/test", None, 202).json()
    with connected(Settings(), system.database_url, name="test") as connection:
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
    journey.get(f"{path}/notices", 400, state="made up")


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
    journey.get("/audit", 400, limit=0)
    journey.get("/audit/export", 400, format="xml")
    journey.get("/audit/export", action="rename", format="csv")
    journey.get("/audit/export", action="rename", key=ELSEWHERE)
    one = journey.get("/audit/export", action="rename")
    assert one.headers["Content-Disposition"] == 'attachment; filename="audit.jsonl"'


def test_the_error_for_a_long_url_matches_the_document(journey: Journey, client: Client) -> None:
    braze_id = "0" * 24
    for path in (
        "/audit",
        "/audit/export",
        "/merge/jobs",
        f"/merge/jobs/{ELSEWHERE}",
        "/merge/batches",
        "/duplicates/preview",
        "/duplicates/preview.csv",
        "/duplicates/exclusions",
        "/duplicates/runs",
        "/merge/runs",
        f"/merge/runs/{ELSEWHERE}/batches",
        "/profiles",
        f"/profiles/{braze_id}/activity",
        f"/profiles/{braze_id}/history",
        f"/webhooks/{ELSEWHERE}/notices",
    ):
        journey.get(path, 414, cursor="x" * 9_000)

    assert client.get("/merge/jobs", identifier="\N{GRINNING FACE}" * 246).status_code == 200


def test_endpoints_of_the_server_match_the_document(journey: Journey) -> None:
    journey.get("/health/live")
    journey.get("/metrics")
    journey.get("/health/ready")
    for path in ("/openapi.json", "/docs", "/docs/start.js"):
        first = journey.get(path)
        journey.get(path, 304, headers={"If-None-Match": first.headers["ETag"]})

    journey.get("/docs/passwd", 404)
