"""`POST /users/merge/preview` returns the results of the later merge and writes nothing."""

from typing import Any

from app.db.connections import Connection
from tests.support.flask_caller import Caller
from tests.support.worker import Worker

TABLES = ("profile", "user_alias", "origin", "redirect", "job", "batch", "merge_record")


def track(caller: Caller, **arrays: Any) -> None:
    """Write profiles."""
    response = caller.post("/users/track", arrays)
    assert response.status_code == 201, response.json


def pair(orphan: Any, survivor: Any) -> dict[str, Any]:
    """Return a merge update. A string is an external_id."""
    sides = [{"external_id": side} if isinstance(side, str) else side for side in (orphan, survivor)]
    return {"identifier_to_merge": sides[0], "identifier_to_keep": sides[1]}


def preview(caller: Caller, *updates: dict[str, Any]) -> list[dict[str, Any]]:
    """Preview *updates*."""
    response = caller.post("/users/merge/preview", {"merge_updates": list(updates)})
    assert response.status_code == 200, response.json
    return response.json["updates"]


def merge(caller: Caller, worker: Worker, *updates: dict[str, Any]) -> list[dict[str, Any]]:
    """Merge *updates* and return the jobs with their changes."""
    accepted = caller.post("/users/merge", {"merge_updates": list(updates)}).json
    worker.work()
    jobs = caller.get(accepted["status_url"]).json["jobs"]
    return [caller.get(f"/merge/jobs/{job['job_id']}", include="changes").json for job in jobs]


def people(caller: Caller) -> None:
    """Write three profiles with data of different kinds, and two guests."""
    email = "shared@example.org"
    track(
        caller,
        attributes=[
            {"external_id": "a", "first_name": "Ann", "plan": "gold", "devices": [{"device_id": "device-0001"}]},
            {"external_id": "b", "email": email, "email_subscribe": "unsubscribed"},
            {"external_id": "c", "last_name": "Cole", "plan": "free"},
        ],
        events=[
            {"external_id": name, "name": "login", "time": f"2026-01-0{day}"} for day, name in ((1, "a"), (2, "c"))
        ],
        purchases=[{"external_id": "b", "product_id": "hat", "currency": "USD", "price": 9.5, "time": "2026-01-03"}],
    )
    for name in ("guest-1", "guest-2"):
        alias = {"alias_label": name, "alias_name": name}
        track(caller, attributes=[{"user_alias": alias, "email": email, "_update_existing_only": False}])


NEWEST_GUEST = {"email": "shared@example.org", "prioritization": ["unidentified", "most_recently_updated"]}
UPDATES = (
    pair("a", "b"),
    pair("b", "c"),
    pair("a", "c"),
    pair(NEWEST_GUEST, "c"),
    pair(NEWEST_GUEST, "c"),
    pair(NEWEST_GUEST, "c"),
    pair("nobody", "c"),
)


def test_a_preview_of_a_chain_equals_the_result_of_the_merge(caller: Caller, worker: Worker) -> None:
    people(caller)

    previewed = preview(caller, *UPDATES)
    jobs = merge(caller, worker, *UPDATES)

    names = ("index", "outcome", "reason", "orphan", "survivor")
    assert [[update[key] for key in names] for update in previewed] == [[job[key] for key in names] for job in jobs]
    assert [update["changes"] for update in previewed] == [job.get("changes", []) for job in jobs]
    assert [update["outcome"] for update in previewed] == [
        *["merged", "merged", "already_merged", "merged", "merged", "orphan_not_found", "orphan_not_found"]
    ]


def test_a_preview_writes_nothing(caller: Caller, connection: Connection) -> None:
    people(caller)
    before = _everything(connection)

    preview(caller, *UPDATES)

    assert _everything(connection) == before


def test_an_invalid_preview_is_refused_like_a_merge(caller: Caller) -> None:
    response = caller.post("/users/merge/preview", {"merge_updates": [{}]})

    assert response.status_code == 400
    assert response.json == {"message": "'merge_updates' must only have 'identifier_to_merge' and 'identifier_to_keep'"}


def test_an_empty_preview_has_no_updates(caller: Caller) -> None:
    assert preview(caller) == []


def _everything(connection: Connection) -> list[Any]:
    """Return every row of each table that merges write, with the transaction that wrote it."""
    return [connection.execute(f"SELECT *, xmin::text FROM {table} ORDER BY 1, 2, 3").fetchall() for table in TABLES]
