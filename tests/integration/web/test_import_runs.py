"""Runs of the kind `import` that requests to `/users/track` join."""

from collections.abc import Callable
from uuid import uuid4

from werkzeug.test import TestResponse

from app.db.connections import Pool
from tests.support.flask_caller import Caller
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
    # A request whose objects are all refused gets 400, and its objects are counted.
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


def test_a_track_request_with_an_unusable_run_has_no_effect(caller: Caller, make_caller: Callable[..., Caller]) -> None:
    other, closed = create_run(caller), create_run(caller, kind="import")
    stranger = make_caller(workspace="import-runs-of-others")
    theirs = create_run(stranger, kind="import")
    close(caller, closed)
    new = {"attributes": [{"external_id": "eve", "plan": "gold"}]}
    runs = {"unknown": str(uuid4()), "theirs": theirs, "client": other, "closed": closed, "text": "x"}
    answers = {
        name: [
            caller.post("/users/track", body, headers=in_run(run)).status_code for body in (new, REFUSED, {"events": 7})
        ]
        for name, run in runs.items()
    }
    users = (caller.post("/users/export/ids", {"external_ids": ["eve"]}).json or {})["users"]

    refused = {"unknown": 404, "theirs": 404, "client": 409, "closed": 409, "text": 400}
    assert answers == {name: [status] * 3 for name, status in refused.items()}
    assert read_run(stranger, theirs)["counts"] == {}
    assert users == []
