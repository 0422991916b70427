"""Concurrent requests leave each external_id to one profile, as its primary or as a deprecated one."""

import random
from collections.abc import Callable, Iterator
from functools import partial

import psycopg
import pytest
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Connection, Pool
from app.lane.run import Lane, execute_lane
from tests.support.at_once import at_once, while_waiting
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext, jobs_of, merged
from tests.support.profiles import NOON, Json, export, the_profile, track


@pytest.fixture
def other(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection with another request in progress."""
    with psycopg.connect(database_url) as connection:
        yield connection


@pytest.fixture
def rename_from_x(caller: Caller, other: psycopg.Connection) -> Callable[[], None]:
    """A function that renames a new, uncommitted profile from `x` to `y` and commits."""
    mine = [caller.workspace_id]
    other.execute(
        "INSERT INTO profile (workspace_id, braze_id, external_id, created_at, updated_at, random_bucket)"
        " VALUES (%s, repeat('a', 24), 'x', now(), now(), 0)",
        mine,
    )

    def rename() -> None:
        other.execute("UPDATE profile SET external_id = 'y' WHERE workspace_id = %s AND external_id = 'x'", mine)
        other.execute(
            "INSERT INTO deprecated_external_id (workspace_id, external_id, profile_id, deprecated_at)"
            " SELECT workspace_id, 'x', id, now() FROM profile WHERE workspace_id = %s AND external_id = 'y'",
            mine,
        )
        other.commit()

    return rename


def rename(caller: Caller, *pairs: tuple[str, str]) -> Json:
    """Return the response to a rename."""
    renames = [{"current_external_id": current, "new_external_id": new} for current, new in pairs]
    response = caller.post("/users/external_ids/rename", {"external_id_renames": renames})
    body: Json = response.json

    assert response.status_code == 201, body
    return body


def claims(connection: Connection, caller: Caller) -> list[str]:
    """Return the primary and deprecated external_ids of all profiles, each once for each profile that has it."""
    rows = connection.execute(
        """
        SELECT external_id FROM profile WHERE workspace_id = %(id)s AND external_id IS NOT NULL
        UNION ALL
        SELECT old.external_id FROM deprecated_external_id AS old JOIN profile ON profile.id = old.profile_id
        WHERE old.workspace_id = %(id)s
        """,
        {"id": caller.workspace_id},
    )
    return sorted(row["external_id"] for row in rows)


def test_one_of_several_concurrent_renames_to_one_id_succeeds(caller: Caller, connection: Connection) -> None:
    names = [f"a{number}" for number in range(6)]
    track(caller, attributes=[{"external_id": name} for name in names])
    answers = at_once([partial(rename, caller, (name, "x")) for name in names])

    assert sorted(len(answer["external_ids"]) for answer in answers) == [0, 0, 0, 0, 0, 1]
    assert {error[1] for answer in answers for error in answer["rename_errors"]} == {
        "new_external_id is already in use"
    }
    assert claims(connection, caller) == [*names, "x"]


def test_one_of_several_concurrent_renames_of_one_profile_succeeds(caller: Caller, connection: Connection) -> None:
    track(caller, attributes=[{"external_id": "a"}])
    answers = at_once([partial(rename, caller, ("a", f"x{number}")) for number in range(6)])
    (done,) = [answer["external_ids"][0] for answer in answers if answer["external_ids"]]

    assert claims(connection, caller) == ["a", done["new_external_id"]]
    assert the_profile(caller, "a")["external_id"] == done["new_external_id"]


def test_conflicting_renames_leave_each_id_to_one_profile(caller: Caller, connection: Connection) -> None:
    track(caller, attributes=[{"external_id": name} for name in "abc"])
    names = "abcdef"
    order = random.Random(7)
    calls = [
        partial(rename, caller, *((order.choice(names), order.choice(names)) for _ in range(3))) for _ in range(12)
    ]
    at_once(calls)
    found = claims(connection, caller)

    assert len(found) == len(set(found))
    assert {"a", "b", "c"} <= set(found)


def test_events_tracked_during_a_rename_belong_to_the_profile(caller: Caller, connection: Connection) -> None:
    track(caller, attributes=[{"external_id": "a"}])
    event = {"external_id": "a", "name": "login", "time": NOON}
    at_once([partial(rename, caller, ("a", "b")), *[partial(track, caller, events=[event])] * 5])

    assert the_profile(caller, "b")["custom_events"][0]["count"] == 5
    assert claims(connection, caller) == ["a", "b"]


def test_a_merge_during_a_rename_finds_the_profile(caller: Caller, pool: Pool, connection: Connection) -> None:
    track(caller, attributes=[{"external_id": "a"}, {"external_id": "keep"}])
    (job,), _ = at_once(
        [partial(merged, caller, pool, (ext("a"), ext("keep"))), partial(rename, caller, ("a", "b"))]  # type: ignore[list-item]
    )

    assert job["outcome"] == "merged"
    assert claims(connection, caller) == ["keep"]


def test_an_id_that_becomes_deprecated_meanwhile_creates_no_profile(
    caller: Caller, database_url: str, rename_from_x: Callable[[], None]
) -> None:
    name = {"external_id": "x", "first_name": "A"}
    while_waiting(database_url, partial(track, caller, attributes=[name]), then=rename_from_x)
    (user,) = export(caller, external_ids=["x", "y"])

    assert (user["external_id"], user["braze_id"], user["first_name"]) == ("y", "a" * 24, "A")


def test_no_profile_is_renamed_to_an_id_that_becomes_deprecated_meanwhile(
    caller: Caller, database_url: str, rename_from_x: Callable[[], None]
) -> None:
    track(caller, attributes=[{"external_id": "a"}])
    answer = while_waiting(database_url, partial(rename, caller, ("a", "x")), then=rename_from_x)

    assert answer["rename_errors"] == [[0, "new_external_id is already in use"]]
    assert the_profile(caller, "x")["braze_id"] == "a" * 24
    assert the_profile(caller, "a")["external_id"] == "a"


def test_no_profile_is_identified_by_an_id_that_becomes_deprecated_meanwhile(
    caller: Caller, pool: Pool, database_url: str, rename_from_x: Callable[[], None]
) -> None:
    alias = {"alias_label": "shop", "alias_name": "7"}
    caller.post("/users/alias/new", {"user_aliases": [alias]})
    accepted = caller.post("/users/identify", {"aliases_to_identify": [{"external_id": "x", "user_alias": alias}]}).json
    (job,) = jobs_of(caller, accepted)
    lane = Lane(workspace_id=caller.workspace_id, job_ids=[job["job_id"]], task_id=uuid7())
    settings = Settings(retry_delay_s=0.001)
    while_waiting(database_url, partial(execute_lane, pool, settings, lane), then=rename_from_x)
    (tried,) = jobs_of(caller, accepted)
    execute_lane(pool, settings, lane)
    (done,) = jobs_of(caller, accepted)

    assert tried["state"] == "queued"
    assert (done["outcome"], done["attempts"]) == ("merged", 2)
    assert the_profile(caller, "x")["user_aliases"] == [alias]


def test_a_profile_that_is_renamed_before_it_is_locked_is_looked_up_again(
    caller: Caller, other: psycopg.Connection, database_url: str
) -> None:
    track(caller, attributes=[{"external_id": "a"}])
    other.execute("UPDATE profile SET external_id = 'b' WHERE workspace_id = %s", [caller.workspace_id])
    answer = while_waiting(database_url, partial(rename, caller, ("a", "c")), then=other.commit)

    assert answer["rename_errors"] == [[0, "current_external_id does not exist"]]
    assert the_profile(caller, "b")["external_id"] == "b"
