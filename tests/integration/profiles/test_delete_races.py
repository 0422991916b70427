"""Deletions concurrent with other requests: no data of a deleted profile remains, in either order."""

from collections.abc import Callable
from functools import partial

import psycopg
import pytest

from app.db.connections import Connection, Pool
from tests.support.at_once import at_once, while_waiting
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext, merged, run_jobs
from tests.support.profiles import NOON, Json, export, the_profile, track
from tests.support.undos import ask_to_undo, merge_one

EVENT = {"name": "login", "time": NOON}
#: Rows without their profile.
STRAYS = """
    SELECT 'history' AS what, origin_id AS id
    FROM (
        SELECT origin_id FROM custom_event UNION ALL SELECT origin_id FROM purchase
        UNION ALL SELECT origin_id FROM session UNION ALL SELECT origin_id FROM engagement
    ) AS recorded
    WHERE NOT EXISTS (SELECT 1 FROM profile WHERE profile.id = recorded.origin_id)
        AND NOT EXISTS (SELECT 1 FROM origin WHERE origin.origin_id = recorded.origin_id)
    UNION ALL
    SELECT 'redirect', orphan_id FROM redirect
    WHERE NOT EXISTS (SELECT 1 FROM origin WHERE origin.origin_id = redirect.orphan_id)
    UNION ALL
    SELECT 'deprecated', old.profile_id FROM deprecated_external_id AS old
    WHERE NOT EXISTS (SELECT 1 FROM profile WHERE profile.id = old.profile_id)
        AND NOT EXISTS (SELECT 1 FROM origin WHERE origin.origin_id = old.profile_id)
"""


def delete(caller: Caller, *external_ids: str) -> int:
    response = caller.post("/users/delete", {"external_ids": list(external_ids)})

    assert response.status_code == 201, response.json
    return int(response.json["deleted"])


@pytest.fixture
def strays(connection: Connection) -> Callable[[], list[Json]]:
    """A function that lists rows without their profile."""
    return lambda: connection.execute(STRAYS).fetchall()


def test_a_deletion_during_requests_to_track_leaves_no_stray_rows(
    caller: Caller, strays: Callable[[], list[Json]]
) -> None:
    track(caller, events=[{"external_id": "me", **EVENT}])
    calls = [partial(track, caller, events=[{"external_id": "me", **EVENT}])] * 5
    at_once([*calls, *[partial(delete, caller, "me")] * 2])  # type: ignore[list-item]
    users = export(caller, external_ids=["me"])
    (braze_id,) = [user["braze_id"] for user in users] or [None]
    counted = users[0]["custom_events"][0]["count"] if users else 0
    read = caller.get(f"/profiles/{braze_id}/activity", event="login", days=30).json if users else {"count": 0}

    assert strays() == []
    assert counted <= 5
    assert read["count"] in {0, counted}  # NOON may be longer ago than 30 days


def test_concurrent_deletions_of_the_same_profiles_leave_no_stray_rows(
    caller: Caller, strays: Callable[[], list[Json]]
) -> None:
    names = [f"p{number}" for number in range(8)]
    track(caller, events=[{"external_id": name, **EVENT} for name in names])
    counted = at_once([partial(delete, caller, *names), partial(delete, caller, *reversed(names))] * 3)

    assert counted == [8] * 6
    assert export(caller, external_ids=names) == []
    assert strays() == []


def test_concurrent_deletions_of_profiles_with_common_jobs_blank_all_jobs(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{"external_id": name, "control_group": True} for name in "abcd"])
    pairs = [(ext(one), ext(other)) for one in "abcd" for other in "abcd" if one != other]
    jobs = merged(caller, pool, *pairs)
    at_once([partial(delete, caller, name) for name in "abcd"])
    after = caller.get(f"/merge/batches/{jobs[0]['batch_id']}").json["jobs"]

    assert {job["outcome"] for job in jobs} == {"protected"}
    assert all(job["identifier_to_merge"] == job["identifier_to_keep"] == {} for job in after)


@pytest.mark.parametrize("name", ["orphan", "me"])
def test_a_deletion_during_a_merge_leaves_no_stray_rows(
    caller: Caller, pool: Pool, strays: Callable[[], list[Json]], name: str
) -> None:
    track(caller, events=[{"external_id": each, **EVENT} for each in ("orphan", "me")])
    (jobs, _) = at_once(
        [partial(merged, caller, pool, (ext("orphan"), ext("me"))), partial(delete, caller, name)]  # type: ignore[list-item]
    )

    assert jobs[0]["outcome"] in {"merged", "orphan_not_found", "survivor_not_found"}
    assert strays() == []


def test_a_deletion_that_waits_for_a_merge_deletes_the_merged_history(
    caller: Caller, pool: Pool, connection: Connection, strays: Callable[[], list[Json]], database_url: str
) -> None:
    track(caller, events=[{"external_id": each, **EVENT} for each in ("orphan", "me")])
    with psycopg.connect(database_url) as other:
        other.execute("SELECT 1 FROM profile WHERE external_id = 'orphan' FOR UPDATE")
        merging = partial(while_waiting, database_url, partial(merged, caller, pool, (ext("orphan"), ext("me"))))
        # The merge waits for the orphan, whose id is the lower one, and has no lock yet.
        (job,) = merging(then=other.commit)
    delete(caller, "me")

    assert job["outcome"] == "merged"
    assert strays() == []
    assert connection.execute("SELECT 1 FROM custom_event").fetchall() == []


def test_a_deletion_also_deletes_an_orphan_that_an_undo_restores_meanwhile(
    caller: Caller, pool: Pool, database_url: str
) -> None:
    """The undo ends after the deletion resolved its names, and before it lists the merges of orphans."""
    people = [{"external_id": name} for name in ("old", "new")]
    track(caller, events=[{"external_id": "me", **EVENT}], attributes=people)
    undo = ask_to_undo(caller, merge_one(caller, pool, ext("old"), ext("new")))
    with psycopg.connect(database_url) as other:
        other.execute("SELECT 1 FROM custom_event FOR UPDATE")

        def undo_then_commit() -> None:
            run_jobs(caller, pool, undo)
            other.commit()

        deleted = while_waiting(database_url, partial(delete, caller, "me", "old"), then=undo_then_commit)

    assert deleted == 2
    assert [each["external_id"] for each in export(caller, external_ids=["me", "old", "new"])] == ["new"]


def test_a_deletion_by_a_merged_id_and_a_shared_address_succeeds(caller: Caller, pool: Pool) -> None:
    people = [{"external_id": name, "email": "a@x.org"} for name in ("first", "last")]
    track(caller, attributes=[{"external_id": name} for name in ("old", "new")])
    for person in people:
        track(caller, attributes=[person])
    merge_one(caller, pool, ext("old"), ext("new"))
    shared = {"email": "a@x.org", "prioritization": ["most_recently_updated"]}

    response = caller.post("/users/delete", {"external_ids": ["old"], "email_addresses": [shared]})

    assert response.status_code == 201, response.json
    assert [each["external_id"] for each in export(caller, external_ids=["first", "last", "old", "new"])] == [
        "first",
        "new",
    ]


def test_an_event_tracked_during_a_deletion_creates_a_new_profile(caller: Caller, database_url: str) -> None:
    track(caller, events=[{"external_id": "me", **EVENT}])
    before = the_profile(caller)
    with psycopg.connect(database_url) as other:
        other.execute("DELETE FROM profile WHERE external_id = 'me'")
        call = partial(track, caller, events=[{"external_id": "me", **EVENT}])
        while_waiting(database_url, call, then=other.commit)
    after = the_profile(caller)

    assert after["braze_id"] != before["braze_id"]
    assert after["custom_events"][0]["count"] == 1


def test_a_profile_that_gets_the_address_during_the_deletion_is_not_deleted(caller: Caller, database_url: str) -> None:
    track(caller, attributes=[{"external_id": "me", "email": "a@x.org"}, {"external_id": "you"}])
    body = {"email_addresses": [{"email": "a@x.org", "prioritization": ["identified"]}]}
    with psycopg.connect(database_url) as other:
        other.execute("UPDATE profile SET email = 'a@x.org', email_key = 'a@x.org' WHERE external_id = 'you'")
        other.execute("SELECT 1 FROM profile WHERE external_id = 'me' FOR UPDATE")
        response = while_waiting(database_url, partial(caller.post, "/users/delete", body), then=other.commit)

    sentence = "More than one profile has this email address after the prioritization, so nothing was deleted."
    warning = {"type": sentence, "input_array": "email_addresses", "index": 0}
    assert response.json == {"deleted": 1, "message": "success", "warnings": [warning]}
    assert len(export(caller, external_ids=["me", "you"])) == 2
