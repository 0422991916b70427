"""A merge from the client's view: accepted, polled, listed, repeated with its key, and read afterwards."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from tests.support.client import Client
from tests.support.pairs import Json
from tests.support.system import System

JOB = {
    "job_id",
    "batch_id",
    "index",
    "kind",
    "state",
    "outcome",
    "reason",
    "identifier_to_merge",
    "identifier_to_keep",
    "orphan",
    "survivor",
    "attempts",
    "task_id",
    "request_id",
    "created_at",
    "priority",
    "started_at",
    "finished_at",
    "undone_at",
    "undone_by",
    "undoable_until",
}
BATCH = {
    "batch_id",
    "state",
    "priority",
    "source",
    "run_id",
    "request_id",
    "created_at",
    "finished_at",
    "counts",
    "undone",
}


def body(*pairs: tuple[str, str]) -> Json:
    """Return the request that merges these pairs, given by external_id."""
    return {
        "merge_updates": [
            {"identifier_to_merge": {"external_id": orphan}, "identifier_to_keep": {"external_id": survivor}}
            for orphan, survivor in pairs
        ]
    }


def write(client: Client, *external_ids: str, **attributes: Any) -> None:
    """Write profiles with these external_ids and the same attributes."""
    client.track(attributes=[{**attributes, "external_id": each} for each in external_ids])


def test_a_merge_is_accepted_and_its_finished_batch_has_every_job(client: Client) -> None:
    write(client, "a", "b")
    accepted = client.post("/users/merge", body(("a", "b"), ("c", "b")))
    batch_id = accepted.json()["batch_id"]
    batch = client.finished(batch_id)
    merged, missing = batch["jobs"]

    assert accepted.status_code == 202
    assert accepted.headers["Location"] == f"/merge/batches/{batch_id}"
    assert int(accepted.headers["Retry-After"]) > 0
    assert accepted.json() == {"message": "success", "batch_id": batch_id, "status_url": f"/merge/batches/{batch_id}"}
    assert batch.keys() == BATCH | {"jobs"}
    assert batch["counts"] == {"merged": 1, "orphan_not_found": 1}
    assert merged.keys() == missing.keys() == JOB
    assert (merged["index"], merged["kind"], merged["state"], merged["attempts"]) == (0, "merge", "finished", 1)
    assert merged["identifier_to_merge"] == {"external_id": "a"}
    assert merged["identifier_to_keep"] == {"external_id": "b"}
    assert merged["orphan"]["external_id"] == "a"
    assert merged["survivor"] == {"braze_id": client.profile("b")["braze_id"], "external_id": "b"}
    assert merged["created_at"] <= merged["started_at"] <= merged["finished_at"] <= batch["finished_at"]
    assert str(UUID(merged["task_id"])) == merged["task_id"]
    assert merged["orphan"]["braze_id"] in merged["reason"]
    assert (missing["index"], missing["orphan"], missing["survivor"]["external_id"]) == (1, None, "b")


def test_a_job_is_returned_with_or_without_its_changes(client: Client) -> None:
    write(client, "a", first_name="Ada")
    write(client, "b")
    (job,) = client.finished(client.merge([("a", "b")]))["jobs"]
    alone = client.get(f"/merge/jobs/{job['job_id']}")
    whole = client.get(f"/merge/jobs/{job['job_id']}", include="changes")

    assert alone.json() == job
    assert whole.json() == {
        **job,
        "changes": [{"field": "first_name", "before": None, "after": "Ada", "rule": "fill"}],
    }


def test_a_finished_batch_is_sent_again_only_without_its_etag(client: Client) -> None:
    write(client, "a", "b")
    batch_id = client.merge([("a", "b")])
    client.finished(batch_id)
    url = f"/merge/batches/{batch_id}"
    first = client.get(url)
    known = client.request("GET", url, headers={"If-None-Match": first.headers["ETag"]})
    other = client.request("GET", url, headers={"If-None-Match": '"something-else"'})

    assert "Retry-After" not in first.headers
    assert (known.status_code, known.content, known.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert (other.status_code, other.json()) == (200, first.json())


def test_an_empty_batch_is_finished_at_once(client: Client) -> None:
    batch = client.batch(client.merge([]))

    assert (batch["state"], batch["counts"], batch["jobs"]) == ("finished", {}, [])
    assert batch["finished_at"] == batch["created_at"]


@pytest.mark.parametrize(("preference", "applied"), [("wait=10", "wait=10"), ("respond-async, wait=500", "wait=30")])
def test_a_client_that_prefers_to_wait_gets_the_finished_batch(client: Client, preference: str, applied: str) -> None:
    write(client, "a", "b")
    response = client.post("/users/merge", body(("a", "b")), Prefer=preference)
    accepted = response.json()

    assert response.status_code == 202
    assert response.headers["Preference-Applied"] == applied
    assert response.headers["Location"] == accepted["status_url"]
    assert accepted["message"] == "success"
    assert accepted["batch"] == client.batch(accepted["batch_id"])
    assert accepted["batch"]["counts"] == {"merged": 1}


@pytest.mark.parametrize("preference", ["respond-async", "wait=soon", "wait=-1", "await=5"])
def test_a_preference_that_is_not_understood_is_not_applied(client: Client, preference: str) -> None:
    response = client.post("/users/merge", body(("a", "b")), Prefer=preference)

    assert response.status_code == 202
    assert "Preference-Applied" not in response.headers
    assert "batch" not in response.json()


def test_a_request_with_the_same_idempotency_key_is_accepted_once(client: Client) -> None:
    write(client, "a", "b")
    first = client.post("/users/merge", body(("a", "b")), Idempotency_Key="k-1")
    again = client.post("/users/merge", body(("a", "b")), Idempotency_Key="k-1")
    other_key = client.post("/users/merge", body(("a", "b")), Idempotency_Key="k-2")

    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["Location"] == first.headers["Location"]
    assert other_key.json()["batch_id"] != first.json()["batch_id"]
    assert len(client.get("/merge/batches").json()["batches"]) == 2


def test_an_idempotency_key_with_another_body_is_refused(client: Client) -> None:
    client.post("/users/merge", body(("a", "b")), Idempotency_Key="k-1")
    response = client.post("/users/merge", body(("a", "c")), Idempotency_Key="k-1")

    assert response.status_code == 422
    assert "Idempotency-Key" in response.json()["message"]
    assert len(client.get("/merge/batches").json()["batches"]) == 1


def test_a_refused_request_does_not_consume_its_idempotency_key(client: Client) -> None:
    refused = client.post("/users/merge", {"merge_updates": 1}, Idempotency_Key="k-1")
    accepted = client.post("/users/merge", body(("a", "b")), Idempotency_Key="k-1")

    assert (refused.status_code, accepted.status_code) == (400, 202)


def test_another_workspace_may_use_the_same_idempotency_key(system: System) -> None:
    first, second = system.new_client(), system.new_client()
    answers = [each.post("/users/merge", body(("a", "b")), Idempotency_Key="k-1") for each in (first, second)]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() != answers[1].json()


def test_concurrent_requests_with_one_idempotency_key_create_one_batch(system: System, client: Client) -> None:
    clients = [Client(client.base_url, client.key) for _ in range(8)]
    with ThreadPoolExecutor(len(clients)) as threads:
        answers = list(
            threads.map(lambda each: each.post("/users/merge", body(("a", "b")), Idempotency_Key="k"), clients)
        )
    for each in clients:
        each.close()

    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["batch_id"] for answer in answers if answer.status_code == 202}) == 1
    assert len(client.get("/merge/batches").json()["batches"]) == 1


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "schlüssel"])
def test_an_invalid_idempotency_key_is_refused(client: Client, key: str) -> None:
    headers = {"Idempotency-Key": key.encode()}
    response = client.request("POST", "/users/merge", json=body(("a", "b")), headers=headers)

    assert response.status_code == 400
    assert "Idempotency-Key" in response.json()["message"]


def test_a_merged_away_profile_is_gone_and_links_to_its_last_survivor(client: Client) -> None:
    write(client, "a", "b", "c")
    braze_ids = {each: client.profile(each)["braze_id"] for each in "abc"}
    client.merged([("a", "b")])
    client.merged([("b", "c")])
    gone = client.get(f"/profiles/{braze_ids['a']}")
    activity = client.get(f"/profiles/{braze_ids['b']}/activity", event="login", days=1)
    survivor = client.get(f"/profiles/{braze_ids['c']}")

    assert gone.status_code == activity.status_code == 410
    assert f"</profiles/{braze_ids['c']}>" in gone.headers["Link"]
    assert gone.json()["message"]
    assert (survivor.status_code, survivor.json()) == (200, client.profile("c"))


def test_a_write_to_a_merged_away_external_id_creates_a_profile_without_a_redirect(client: Client) -> None:
    write(client, "a", "b", "c")
    client.merged([("a", "b")])
    again = client.merged([("a", "c")])
    write(client, "a", first_name="Ada")
    fresh = client.merged([("a", "c")])

    assert again == ["already_merged"]
    assert fresh == ["merged"]
    assert client.profile("c")["first_name"] == "Ada"
    assert "first_name" not in client.profile("b")


def test_another_workspaces_key_sees_nothing(system: System, client: Client) -> None:
    write(client, "a", "b")
    (job,) = client.finished(client.merge([("a", "b")]))["jobs"]
    stranger = system.new_client()
    write(stranger, "z")
    urls = [
        f"/merge/batches/{job['batch_id']}",
        f"/merge/jobs/{job['job_id']}",
        f"/profiles/{job['orphan']['braze_id']}",
        f"/profiles/{job['survivor']['braze_id']}",
        f"/profiles/{job['survivor']['braze_id']}/activity?event=login&days=1",
    ]

    assert [stranger.get(url).status_code for url in urls] == [404] * len(urls)
    assert stranger.get("/merge/batches").json()["batches"] == []
    assert stranger.get("/merge/jobs", identifier="a").json()["jobs"] == []
    assert stranger.export(external_ids=["b"], braze_id=job["survivor"]["braze_id"]) == []
    assert stranger.merged([("b", "z")]) == ["orphan_not_found"]
    assert client.profile("b")["external_id"] == "b"
