"""`GET /merge/batches`: polling one batch, and paging through them."""

from collections.abc import Callable
from typing import Any

import pytest

from app.db.connections import Connection
from tests.support.flask_caller import Caller

UNKNOWN_ID = "01a202b7-0c65-769b-9741-1871039b8b20"


def accepted(caller: Caller, jobs: int = 1) -> dict[str, Any]:
    """Send a batch of merges and return the response of its URL."""
    pairs = [
        {"identifier_to_merge": {"external_id": f"a{number}"}, "identifier_to_keep": {"external_id": f"b{number}"}}
        for number in range(jobs)
    ]
    body = caller.post("/users/merge", {"merge_updates": pairs}).json
    assert body is not None
    return polled(caller, body["batch_id"])


def polled(caller: Caller, batch_id: str) -> dict[str, Any]:
    """Return the response of the URL of a batch."""
    body = caller.get(f"/merge/batches/{batch_id}").json
    assert body is not None
    return dict(body)


def test_a_batch_is_queued_until_a_job_begins_and_finished_when_the_last_ends(
    caller: Caller, connection: Connection, finish: Callable[..., None]
) -> None:
    batch = accepted(caller, jobs=3)
    first, second, third = (job["job_id"] for job in batch["jobs"])
    states = [(batch["state"], batch["counts"], batch["finished_at"])]

    connection.execute("UPDATE job SET state = 'running', attempts = 1, started_at = now() WHERE id = %s", [first])
    steps: list[Callable[[], None]] = [
        lambda: finish(first, "merged", orphan_id=1, survivor_id=2),
        lambda: finish(second, "orphan_not_found"),
    ]
    for step in steps:
        batch = polled(caller, batch["batch_id"])
        states.append((batch["state"], batch["counts"], batch["finished_at"]))
        step()
    connection.execute(
        "UPDATE job SET state = 'dead', attempts = 5, reason = 'It broke.', finished_at = now() WHERE id = %s", [third]
    )
    end = polled(caller, batch["batch_id"])

    assert states == [
        ("queued", {"queued": 3}, None),
        ("running", {"queued": 2, "running": 1}, None),
        ("running", {"merged": 1, "queued": 2}, None),
    ]
    assert (end["state"], end["counts"]) == ("finished", {"dead": 1, "merged": 1, "orphan_not_found": 1})
    assert end["finished_at"] == max(job["finished_at"] for job in end["jobs"])


def test_only_an_unfinished_batch_has_retry_after(caller: Caller, finish: Callable[..., None]) -> None:
    batch = accepted(caller)
    url = f"/merge/batches/{batch['batch_id']}"
    unfinished = caller.get(url)
    finish(batch["jobs"][0]["job_id"])
    finished = caller.get(url)

    assert int(unfinished.headers["Retry-After"]) > 0
    assert "Retry-After" not in finished.headers


def test_a_request_with_the_current_etag_of_a_batch_gets_304(caller: Caller, finish: Callable[..., None]) -> None:
    batch = accepted(caller)
    url = f"/merge/batches/{batch['batch_id']}"
    known = {"If-None-Match": caller.get(url).headers["ETag"]}

    unchanged = caller.get(url, headers=known)
    finish(batch["jobs"][0]["job_id"])
    changed = caller.get(url, headers=known)

    assert unchanged.status_code == 304
    assert unchanged.data == b""
    assert unchanged.headers["ETag"] == known["If-None-Match"]
    assert changed.status_code == 200
    assert changed.headers["ETag"] != known["If-None-Match"]
    assert (changed.json or {})["state"] == "finished"


def test_batches_are_listed_newest_first_in_pages(caller: Caller) -> None:
    ids = [accepted(caller, jobs=number % 3)["batch_id"] for number in range(5)]
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor is not None:
        query = {"limit": 2} if cursor is None else {"limit": 2, "cursor": cursor}
        page = caller.get("/merge/batches", **query).json or {}
        seen += page["batches"]
        cursor, pages = page["next_cursor"], pages + 1

    assert [batch["batch_id"] for batch in seen] == ids[::-1]
    assert [batch["counts"] for batch in seen] == [{"queued": 1}, {}, {"queued": 2}, {"queued": 1}, {}]
    assert [batch["state"] for batch in seen] == ["queued", "finished", "queued", "queued", "finished"]
    assert all("jobs" not in batch for batch in seen)
    assert pages == 3


def test_an_exactly_full_last_page_has_no_cursor(caller: Caller) -> None:
    accepted(caller)
    accepted(caller)

    assert (caller.get("/merge/batches", limit=2).json or {})["next_cursor"] is None


def test_a_batch_of_another_workspace_is_not_found(caller: Caller, make_caller: Callable[..., Caller]) -> None:
    batch_id = accepted(caller)["batch_id"]

    foreign = make_caller().get(f"/merge/batches/{batch_id}")
    unknown = caller.get(f"/merge/batches/{UNKNOWN_ID}")

    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json == unknown.json == {"message": "There is no batch with this id."}


@pytest.mark.parametrize("batch_id", ["1", "x" * 36, "..", f"{UNKNOWN_ID}0", "%00"])
def test_a_malformed_id_gets_404(caller: Caller, batch_id: str) -> None:
    assert caller.get(f"/merge/batches/{batch_id}").status_code == 404
