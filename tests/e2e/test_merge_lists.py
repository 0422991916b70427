"""The lists of batches and jobs: newest first, by state, outcome and identifier, a page at a time."""

from typing import Any

import pytest

from tests.support.client import Client
from tests.support.pairs import Json


def pages(client: Client, path: str, array: str, **query: Any) -> list[list[Json]]:
    """Follow the cursors of a list, and return all its pages."""
    found: list[list[Json]] = []
    cursor: Json | None = {}
    while cursor is not None:
        page = client.get(path, **query, **cursor).json()

        assert page.keys() == {array, "next_cursor"}
        found.append(page[array])
        cursor = None if page["next_cursor"] is None else {"cursor": page["next_cursor"]}
    return found


def test_batches_are_listed_newest_first_a_page_at_a_time(client: Client) -> None:
    batch_ids = [client.merge([("a", "b")] * size) for size in range(7)]
    for batch_id in batch_ids:
        client.finished(batch_id)
    listed = pages(client, "/merge/batches", "batches", limit=3)

    assert [len(page) for page in listed] == [3, 3, 1]
    flat = [batch for page in listed for batch in page]
    assert [batch["batch_id"] for batch in flat] == batch_ids[::-1]
    assert [batch["counts"].get("orphan_not_found", 0) for batch in flat] == [6, 5, 4, 3, 2, 1, 0]
    assert all(batch["state"] == "finished" and "jobs" not in batch for batch in flat)


def test_the_last_page_has_no_cursor(client: Client) -> None:
    client.finished(client.merge([("a", "b")] * 4))

    assert [len(page) for page in pages(client, "/merge/jobs", "jobs", limit=2)] == [2, 2]


def test_jobs_are_listed_newest_first_a_page_at_a_time(client: Client) -> None:
    batches = [client.finished(client.merge([("a", "b")] * 3)) for _ in range(3)]
    expected = [job["job_id"] for batch in reversed(batches) for job in reversed(batch["jobs"])]
    listed = pages(client, "/merge/jobs", "jobs", limit=4)

    assert [job["job_id"] for page in listed for job in page] == expected


def test_jobs_are_listed_by_state_and_outcome(client: Client) -> None:
    client.track(attributes=[{"external_id": each} for each in ("a", "b", "c")])
    client.finished(client.merge([("a", "b"), ("c", "c"), ("d", "b"), ("e", "b")]))

    def of(**query: Any) -> list[int]:
        return sorted(job["index"] for page in pages(client, "/merge/jobs", "jobs", limit=1, **query) for job in page)

    assert of(outcome="merged") == [0]
    assert of(outcome="same_profile") == [1]
    assert of(outcome="orphan_not_found") == [2, 3]
    assert of(state="finished") == [0, 1, 2, 3]
    assert of(state="dead") == of(outcome="protected") == []
    assert of(state="finished", outcome="orphan_not_found", identifier="e") == [3]
    assert of(state="queued", outcome="merged") == []


def test_jobs_are_found_by_any_identifier_of_either_side(client: Client) -> None:
    by_alias = {"user_alias": {"alias_label": "visitor", "alias_name": "Visitor 1"}}
    by_email = {"email": " Ada@Example.com", "prioritization": ["unidentified"]}
    by_phone = {"phone": "+44 20 7946 0958", "prioritization": ["identified"]}
    client.post("/users/alias/new", {"user_aliases": [by_alias["user_alias"]]})
    client.track(attributes=[{"external_id": "a"}, {"external_id": "b", "phone": "+442079460958"}])
    batch = client.finished(client.merge([("a", by_phone), (by_alias, "b"), (by_email, "c"), ("x", "y")]))
    first, second, *_ = batch["jobs"]

    def found(identifier: str) -> list[int]:
        return sorted(job["index"] for job in client.get("/merge/jobs", identifier=identifier).json()["jobs"])

    assert batch["counts"] == {"merged": 2, "orphan_not_found": 2}
    assert found("a") == [0]
    assert found("b") == [0, 1]
    assert found("y") == [3]
    assert found("Visitor 1") == [1]
    assert found("visitor 1") == []
    assert found("ada@example.com") == found("ADA@EXAMPLE.COM ") == found(" Ada@Example.com") == [2]
    assert found("+442079460958") == found("+44 20 7946 0958") == [0]
    assert found(first["orphan"]["braze_id"]) == [0]
    assert found(second["orphan"]["braze_id"]) == [1]
    assert found(second["survivor"]["braze_id"]) == [0, 1]
    assert found("nobody") == []


@pytest.mark.parametrize("path", ["/merge/batches", "/merge/jobs"])
@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"limit": "many"}, {"cursor": "x"}, {"colour": "red"}])
def test_an_invalid_parameter_of_a_list_is_refused_with_its_name(client: Client, path: str, query: Json) -> None:
    response = client.get(path, **query)

    assert response.status_code == 400
    assert next(iter(query)) in response.json()["message"] or "unknown query parameter" in response.json()["message"]


@pytest.mark.parametrize("query", [{"state": "done"}, {"outcome": "success"}, {"identifier": ""}, {"identifier": "\0"}])
def test_an_invalid_filter_of_jobs_is_refused_with_its_name(client: Client, query: Json) -> None:
    response = client.get("/merge/jobs", **query)

    assert response.status_code == 400
    assert next(iter(query)) in response.json()["message"]


def test_a_job_can_include_its_changes_and_nothing_else(client: Client) -> None:
    (job,) = client.finished(client.merge([("a", "b")]))["jobs"]

    assert client.get(f"/merge/jobs/{job['job_id']}", include="everything").status_code == 400
    assert client.get(f"/merge/jobs/{job['job_id']}", include="changes").json() == {**job, "changes": []}
