"""Runs of the kind `import` that requests to `/users/track` join."""

from uuid import uuid4

from werkzeug.test import TestResponse

from app.db.connections import Pool
from tests.support.front_door import Caller
from tests.support.runs import Json, close, counted, create_run, in_run, read_run

NOW = "2026-01-05T10:00:00Z"
KNOWN, NAMELESS = {"external_id": "ada", "plan": "gold"}, {"plan": "gold"}
ABSENT = {"external_id": "nobody", "plan": "gold", "_update_existing_only": True}
SALE = {"external_id": "ada", "product_id": "hat", "currency": "XTS", "price": 10**14, "time": NOW}
MIXED = {
    "attributes": [KNOWN, NAMELESS, ABSENT],
    "events": [{"external_id": "ada", "name": "visit", "time": NOW}],
    "purchases": [SALE],
}
REFUSED = {"attributes": [NAMELESS, NAMELESS]}


def test_an_import_counts_the_objects_of_track_requests_once(caller: Caller, pool: Pool) -> None:
    run_id = create_run(caller, kind="import", label="people.jsonl")
    joined = in_run(run_id)

    def send(body: Json, key: str | None = None, headers: dict[str, str] = joined) -> TestResponse:
        once = {} if key is None else {"Idempotency-Key": key}
        return caller.post("/users/track", body, headers={**headers, **once})

    first, again = send(MIXED, "a"), send(MIXED, "a")
    mixed = read_run(caller, run_id)["counts"]
    # A request whose objects are all refused is an error, and counts all the same.
    refused = [send(REFUSED, "b"), send(REFUSED, "b")]
    of_refused = read_run(caller, run_id)["counts"]
    without_key, empty, beside = send(MIXED), send({"attributes": []}), send(MIXED, headers={})
    malformed = send({"attributes": 7})
    close(caller, run_id)
    replayed, late = send(REFUSED, "b"), send(MIXED, "c")
    done = counted(caller, pool, run_id)

    assert [each.status_code for each in (first, again, *refused)] == [201, 201, 400, 400]
    assert [again.json, refused[1].json] == [first.json, refused[0].json]
    assert mixed == {"accepted": 2, "refused": 2, "unprocessed": 1}
    assert of_refused == {"accepted": 2, "refused": 4, "unprocessed": 1}
    assert [each.status_code for each in (without_key, empty, beside, malformed)] == [201, 400, 201, 400]
    assert (replayed.status_code, late.status_code) == (400, 409)
    assert (done["state"], done["jobs"]) == ("finished", 0)
    assert done["counts"] == {"accepted": 4, "refused": 6, "unprocessed": 2}


def test_a_track_request_that_cannot_join_its_run_has_no_effect(caller: Caller) -> None:
    other, closed = create_run(caller), create_run(caller, kind="import")
    close(caller, closed)
    new = {"attributes": [{"external_id": "eve", "plan": "gold"}]}
    headers = {"unknown": in_run(str(uuid4())), "client": in_run(other), "closed": in_run(closed), "text": in_run("x")}
    answers = {
        name: [caller.post("/users/track", body, headers=header).status_code for body in (new, REFUSED, {"events": 7})]
        for name, header in headers.items()
    }
    users = (caller.post("/users/export/ids", {"external_ids": ["eve"]}).json or {})["users"]

    assert answers == {"unknown": [404] * 3, "client": [409] * 3, "closed": [409] * 3, "text": [400] * 3}
    assert users == []
