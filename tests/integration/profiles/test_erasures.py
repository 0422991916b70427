"""The relay completes a deletion: former names, long histories, statistics, and the certificate."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from app.db.connections import Connection, Pool
from app.db.transaction import run_in_transaction
from app.users import delete as deletion
from app.users import erasures
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ask_to_merge, ext, job, merged, outcomes, run_jobs
from tests.support.postgres import make_database_url
from tests.support.profiles import NOON, Json, the_profile, track
from tests.support.traces import find_traces
from workers.relay.erasure import Eraser

database_url = make_database_url(scope="function")

MARKER = "q7trace"
PHONE = "+14155550199"
NEWEST = ["most_recently_updated"]
NOW = datetime.now(UTC).isoformat()
SHORT = 3
"""Rows of history that a deletion request deletes itself, in the tests with a long one."""


def alias(name: str) -> Json:
    return {"alias_label": "shop", "alias_name": name}


def delete(caller: Caller, *external_ids: str) -> None:
    assert caller.post("/users/delete", {"external_ids": list(external_ids)}).status_code == 201


def complete(pool: Pool) -> None:
    """Run the relay's erasure until it finds no work."""
    eraser = Eraser(pool, chunk=2, statistics_every_s=0)
    while eraser.run_once():
        pass


def certificates(caller: Caller) -> list[Json]:
    """Return the certificates of erasures in the audit."""
    entries: list[Json] = caller.get("/audit", action="erasure", include="images").json["entries"]
    return entries


def events(name: str, number: int) -> list[Json]:
    return [{"external_id": name, "name": f"{MARKER}-{each % 3}", "time": NOW} for each in range(number)]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "SHORT_HISTORY", SHORT)


def rename(caller: Caller) -> None:
    pair = {"current_external_id": f"{MARKER}-me", "new_external_id": "me"}
    caller.post("/users/external_ids/rename", {"external_id_renames": [pair]})
    assert caller.post("/users/external_ids/remove", {"external_ids": [f"{MARKER}-me"]}).status_code == 201


def update_alias(caller: Caller) -> None:
    update = {"alias_label": "shop", "old_alias_name": f"{MARKER}-1", "new_alias_name": "2"}
    assert caller.post("/users/alias/update", {"alias_updates": [update]}).status_code == 201


def lose_addresses(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": f"{MARKER}-me", "email": None, "phone": "+14155550100"}])


def test_jobs_that_found_no_profile_by_a_former_name_are_blanked(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    track(caller, attributes=[{**ext(f"{MARKER}-me"), "email": f"{MARKER}@x.org", "phone": PHONE}, ext("keep")])
    caller.post("/users/alias/new", {"user_aliases": [{**ext(f"{MARKER}-me"), **alias(f"{MARKER}-1")}]})
    lose_addresses(caller)
    update_alias(caller)
    rename(caller)
    keep = ext("keep")
    named: list[Json] = [
        {"email": f" {MARKER.upper()}@X.org", "prioritization": NEWEST},
        {"phone": "+1 (415) 555-0199", "prioritization": NEWEST},
        {"user_alias": alias(f"{MARKER}-1")},
        ext(f"{MARKER}-me"),
    ]
    jobs = merged(caller, pool, *((each, keep) for each in named), *((keep, each) for each in named))
    before = find_traces(connection, f"{MARKER}|4155550199")
    delete(caller, "me")
    complete(pool)

    assert set(outcomes(jobs)) == {"orphan_not_found", "survivor_not_found"}
    assert {"job", "former_name"} <= before.keys()
    assert find_traces(connection, f"{MARKER}|4155550199") == {}


def test_a_former_name_that_another_profile_has_now_is_left_to_that_profile(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{**ext("me"), "email": "a@x.org"}, ext("keep")])
    track(caller, attributes=[{**ext("me"), "email": "b@x.org"}])
    (before,) = merged(caller, pool, ({"email": "a@x.org", "prioritization": NEWEST}, ext("keep")))
    track(caller, attributes=[{**ext("you"), "email": "a@x.org"}])
    delete(caller, "me")
    between = job(caller, before["job_id"])
    delete(caller, "you")

    assert before["outcome"] == "orphan_not_found"
    assert between == before
    assert job(caller, before["job_id"])["identifier_to_merge"] == {}


def test_former_names_follow_a_merge_and_its_undo(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{**ext("me"), "email": "a@x.org"}, ext("you"), ext("keep")])
    track(caller, attributes=[{**ext("me"), "email": "b@x.org"}])
    (before,) = merged(caller, pool, ({"email": "a@x.org", "prioritization": NEWEST}, ext("keep")))
    (merge,) = merged(caller, pool, (ext("me"), ext("you")))
    run_jobs(caller, pool, caller.post(f"/merge/jobs/{merge['job_id']}/undo").json)
    delete(caller, "you")
    between = job(caller, before["job_id"])
    merged(caller, pool, (ext("me"), ext("keep")))
    delete(caller, "keep")

    assert between == before
    assert job(caller, before["job_id"])["identifier_to_merge"] == {}


def test_an_unfinished_job_is_blanked_when_it_finds_no_profile(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[ext("me"), ext("other")])
    accepted = ask_to_merge(caller, (ext("me"), ext("other")), (ext("other"), ext("me")))
    delete(caller, "me")
    complete(pool)
    waiting = certificates(caller)
    ended = run_jobs(caller, pool, accepted)
    complete(pool)

    assert waiting == []
    assert outcomes(ended) == ["orphan_not_found", "survivor_not_found"]
    assert [job(caller, each["job_id"])["identifier_to_merge"] for each in ended] == [{}, {}]
    assert len(certificates(caller)) == 1


def test_a_job_that_finds_a_new_owner_of_the_name_is_left(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[ext("me"), ext("other")])
    accepted = ask_to_merge(caller, (ext("me"), ext("other")))
    delete(caller, "me")
    track(caller, attributes=[ext("me")])
    (ended,) = run_jobs(caller, pool, accepted)
    complete(pool)

    assert ended["outcome"] == "merged"
    assert job(caller, ended["job_id"]) == ended


@pytest.mark.usefixtures("short")
def test_a_long_history_is_hidden_at_once_and_deleted_in_steps(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    track(caller, events=[*events("me", 11), *events("other", 2)])
    purchase = {"product_id": "hat", "currency": "USD", "price": 1, "time": NOON}
    track(
        caller,
        purchases=[{**ext("me"), **purchase}, {**ext("orphan"), **purchase}],
        sessions=[{**ext("orphan"), "app_id": "app", "started_at": NOON}],
        engagements=[
            {**ext("me"), "kind": "canvas", "id": str(each), "event": "entered", "time": NOON} for each in "abc"
        ],
    )
    merged(caller, pool, (ext("orphan"), ext("me")))
    braze_id = the_profile(caller, "me")["braze_id"]
    delete(caller, "me")
    hidden = [caller.get(f"/profiles/{braze_id}{path}").status_code for path in ("", "/history")]
    did = {"custom_event": {"name": f"{MARKER}-0", "comparison": "more_than", "count": 0, "days": 1}}
    found = caller.post("/segments/query", {"filter": did, "fields_to_export": ["external_id"]})
    sizes = [rows_of_events(connection)]
    while run_in_transaction(pool, caller.workspace_id, erasures.delete_history_chunk, limit=2):
        sizes.append(rows_of_events(connection))
    complete(pool)
    (certificate,) = certificates(caller)

    assert hidden == [404, 404]
    assert found.json["profiles"] == [ext("other")], found.text
    assert sizes[0] == 13
    assert all(0 <= before - after <= 2 for before, after in pairwise(sizes))
    assert rows_of_events(connection) == 2
    assert all(count == 0 for table, count in history(connection).items() if table != "custom_event")
    assert certificate["profile"] == {"braze_id": braze_id, "external_id": None}
    assert {each["field"]: each["before"] for each in certificate["changes"]} == {
        "events": 11,
        "purchases": 2,
        "sessions": 1,
        "engagements": 3,
        "jobs": 1,
        "profiles": 2,
    }
    assert MARKER not in str(certificate)


@pytest.mark.usefixtures("short")
def test_an_interrupted_erasure_continues(caller: Caller, pool: Pool, connection: Connection) -> None:
    track(caller, events=events("me", 9))
    delete(caller, "me")

    def fail(tx: Any, *, limit: int) -> None:
        erasures.delete_history_chunk(tx, limit=limit)
        raise RuntimeError

    run_in_transaction(pool, caller.workspace_id, erasures.delete_history_chunk, limit=4)
    with pytest.raises(RuntimeError):
        run_in_transaction(pool, caller.workspace_id, fail, limit=4)
    after = rows_of_events(connection)
    complete(pool)
    (certificate,) = certificates(caller)

    assert after == 5
    assert rows_of_events(connection) == 0
    assert {"field": "events", "before": 9, "after": 0, "rule": None} in certificate["changes"]


def test_the_statistics_contain_no_data_of_a_deleted_profile(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    tracked = {"first_name": MARKER, "email": f"{MARKER}@x.org", "plan": MARKER, "devices": [{"device_id": MARKER}]}
    guest = {"user_alias": alias(f"{MARKER}-guest"), **tracked}
    track(caller, attributes=[guest, {**ext(MARKER), **tracked}], events=events(MARKER, 2))
    merged(caller, pool, (ext(f"{MARKER}-nobody"), ext(MARKER)))
    connection.execute("ANALYZE")
    before = find_traces(connection, MARKER)
    caller.post("/users/delete", {"external_ids": [MARKER], "user_aliases": [alias(f"{MARKER}-guest")]})
    complete(pool)

    assert "pg_stats" in before
    assert find_traces(connection, MARKER) == {}


def test_an_idempotency_key_is_stored_as_a_digest(caller: Caller, connection: Connection) -> None:
    body = {"merge_updates": [{"identifier_to_merge": ext("a"), "identifier_to_keep": ext("b")}]}
    key = {"Idempotency-Key": f"merge-{MARKER}"}
    first, second = (caller.post("/users/merge", body, headers=key) for _ in range(2))

    assert second.json == first.json
    assert find_traces(connection, MARKER) == {}


def history(connection: Connection) -> dict[str, int]:
    """Return the number of rows of each table of the history."""
    tables = ("custom_event", "purchase", "session", "engagement")
    parts = ", ".join(f"(SELECT count(*) FROM {table}) AS {table}" for table in tables)
    (row,) = connection.execute(f"SELECT {parts}").fetchall()  # type: ignore[arg-type]
    return dict(row)


def rows_of_events(connection: Connection) -> int:
    return history(connection)["custom_event"]
