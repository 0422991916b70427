"""The undo of a run is a run that undoes the merges from the latest to the earliest."""

import os
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Connection, Pool
from app.db.transaction import run_in_transaction
from app.lane.run import Lane, execute_lane
from app.undo import run_undo
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext, run_jobs
from tests.support.profiles import export, track
from tests.support.runs import close, count_once, counted, create_run, merge_in, read_run

Json = dict[str, Any]
#: Number of random merges. MERGELANE_TEST_RUN_MERGES=1000 selects the long test.
MERGES = int(os.environ.get("MERGELANE_TEST_RUN_MERGES", "80"))
WAITING = """
    SELECT array_agg(id ORDER BY index) AS job_ids FROM job
    WHERE workspace_id = %s AND state = 'queued' GROUP BY batch_id, lane ORDER BY batch_id, lane
"""


def run_lanes(caller: Caller, pool: Pool, connection: Connection, chance: random.Random) -> int:
    """Run the waiting lanes in random order and return their number."""
    lanes = [row["job_ids"] for row in connection.execute(WAITING, [caller.workspace_id])]
    chance.shuffle(lanes)
    for job_ids in lanes:
        execute_lane(pool, Settings(), Lane(workspace_id=caller.workspace_id, job_ids=job_ids, task_id=uuid7()))
    return len(lanes)


def ask_to_undo(caller: Caller, run_id: str) -> str:
    """Request the undo of a run and return the id of the run that undoes it."""
    response = caller.post(f"/merge/runs/{run_id}/undo")
    undo: Json = response.json

    assert response.status_code == 202, undo
    undo_id: str = undo["run_id"]
    return undo_id


def finish(caller: Caller, pool: Pool, connection: Connection, undo_id: str, *, seed: int = 0) -> Json:
    """Run the steps of the relay and the workers until a run has finished, and return it."""
    chance = random.Random(seed)
    for _ in range(1_000):
        # Three steps before each round of workers: an undo must wait for its jobs.
        steps = [run_in_transaction(pool, caller.workspace_id, run_undo.advance_run_undos) for _ in range(3)]
        ran = run_lanes(caller, pool, connection, chance)
        count_once(pool, caller)
        if not any(steps) and not ran:
            break
    return read_run(caller, undo_id)


def people(chance: random.Random, size: int) -> list[Json]:
    """Return random attributes of *size* profiles. Some share an email address or a phone number."""
    return [
        {
            **ext(f"p{number}"),
            "email": f"mail{chance.randrange(size // 2)}@example.com",
            "phone": f"+1415555{chance.randrange(size):04}",
            "first_name": chance.choice(["Ada", "Bob", None]),
            "colour": chance.choice(["red", "blue", None]),
            "visits": chance.randrange(100),
        }
        for number in range(size)
    ]


def track_all(caller: Caller, chance: random.Random, size: int) -> None:
    """Store random profiles with random history."""
    attributes = people(chance, size)
    for start in range(0, size, 50):
        page = attributes[start : start + 50]
        months = [chance.randint(1, 5) for _ in page]
        events = [
            {**ext(each["external_id"]), "name": chance.choice("ab"), "time": f"2026-0{month}-01T00:00:00Z"}
            for each, month in zip(page, months, strict=True)
        ]
        track(caller, attributes=page, events=events)


def exports(caller: Caller, size: int) -> list[Json]:
    """Return the exports of all profiles, sorted by external_id."""
    found = [
        user
        for start in range(0, size, 50)
        for user in export(caller, external_ids=[f"p{number}" for number in range(start, min(start + 50, size))])
    ]
    return sorted(found, key=lambda user: str(user["external_id"]))


@pytest.fixture(params=[(60, 12), (1_000, 50)], ids=["small windows", "one window"])
def window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows and lanes of different sizes."""
    window, in_lane = request.param
    monkeypatch.setattr(run_undo, "WINDOW", window)
    monkeypatch.setattr(run_undo, "MOST_IN_LANE", in_lane)
    monkeypatch.setattr(run_undo, "BATCHES", 2)


@pytest.mark.usefixtures("window")
@pytest.mark.parametrize("merges", [MERGES])
def test_the_undo_of_random_merges_with_chains_restores_all_profiles(
    caller: Caller, pool: Pool, connection: Connection, merges: int
) -> None:
    chance = random.Random(merges)
    size = merges * 6 // 5
    track_all(caller, chance, size)
    before = exports(caller, size)
    run_id = create_run(caller, label="random")
    pairs = [(ext(f"p{chance.randrange(size)}"), ext(f"p{chance.randrange(size)}")) for _ in range(merges * 3 // 2)]
    for start in range(0, len(pairs), 50):
        merge_in(caller, run_id, *(pair for pair in pairs[start : start + 50] if pair[0] != pair[1]))
        run_lanes(caller, pool, connection, chance)
    merged = counted(caller, pool, run_id)["counts"]["merged"]
    assert exports(caller, size) != before
    undo_id = ask_to_undo(caller, run_id)
    done = finish(caller, pool, connection, undo_id)
    undone = counted(caller, pool, run_id)

    assert (done["state"], done["counts"]) == ("finished", {"undone": merged})
    assert exports(caller, size) == before
    assert (done["kind"], done["label"], done["undoes_run"]) == ("undo", "random", run_id)
    assert (undone["state"], undone["undone_by_run"]) == ("finished", undo_id)
    again = caller.post(f"/merge/runs/{run_id}/undo")
    assert (again.status_code, again.json) == (409, {"message": "Everything that this run merged was undone already."})


def a_merged_run(caller: Caller, pool: Pool, *, label: str = "one") -> str:
    """Return a run that has merged one pair."""
    track(caller, attributes=[ext("orphan"), ext("survivor")])
    run_id = create_run(caller, label=label)
    run_jobs(caller, pool, merge_in(caller, run_id, (ext("orphan"), ext("survivor"))))
    return run_id


def test_a_run_with_an_unfinished_job_is_not_undone_and_stays_open(caller: Caller, pool: Pool) -> None:
    run_id = a_merged_run(caller, pool)
    late = merge_in(caller, run_id, (ext("x"), ext("y")))
    refused = caller.post(f"/merge/runs/{run_id}/undo")

    assert refused.status_code == 409
    assert read_run(caller, run_id)["state"] == "open"
    run_jobs(caller, pool, late)
    ask_to_undo(caller, run_id)
    assert read_run(caller, run_id)["state"] == "running"


def test_an_undo_run_counts_merges_without_an_undo_job_as_queued(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    run_id = a_merged_run(caller, pool)
    undo_id = ask_to_undo(caller, run_id)
    run_in_transaction(pool, caller.workspace_id, run_undo.advance_run_undos)
    waiting = read_run(caller, undo_id)

    assert (waiting["state"], waiting["counts"], waiting["jobs"]) == ("running", {"queued": 1}, 1)
    twice = caller.post(f"/merge/runs/{run_id}/undo")
    assert (twice.status_code, undo_id in (twice.json or {})["message"]) == (409, True)
    assert finish(caller, pool, connection, undo_id)["counts"] == {"undone": 1}


def test_a_run_of_undos_and_a_run_without_merges_cannot_be_undone(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    empty = create_run(caller)
    undo_id = ask_to_undo(caller, a_merged_run(caller, pool))
    finish(caller, pool, connection, undo_id)

    assert caller.post(f"/merge/runs/{empty}/undo").status_code == 409
    assert "cannot be undone" in (caller.post(f"/merge/runs/{undo_id}/undo").json or {})["message"]
    assert caller.post(f"/merge/runs/{uuid4()}/undo").status_code == 404


def test_the_undo_of_a_run_needs_the_permission_of_its_jobs(
    caller: Caller, pool: Pool, make_caller: Callable[..., Caller]
) -> None:
    run_id = a_merged_run(caller, pool)

    def status(*permissions: str) -> int:
        other = make_caller(workspace=caller.workspace, permissions=permissions)
        return other.post(f"/merge/runs/{run_id}/undo").status_code

    assert status("runs.manage") == 403
    assert status("runs.manage", "users.identify") == 403
    assert status("users.merge") == 403
    assert status("runs.manage", "users.merge") == 202


def test_merges_that_are_undone_or_have_a_dead_undo_are_skipped(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    names = "abcdef"
    track(caller, attributes=[ext(name) for name in names])
    run_id = create_run(caller)
    accepted = merge_in(caller, run_id, *((ext(a), ext(b)) for a, b in ("ab", "cd", "ef")))
    first, second, _ = run_jobs(caller, pool, accepted)
    close(caller, run_id)
    run_jobs(caller, pool, caller.post(f"/merge/jobs/{first['job_id']}/undo").json or {})
    dead = caller.post(f"/merge/jobs/{second['job_id']}/undo").json or {}
    connection.execute(
        "UPDATE job SET state = 'dead', reason = 'x', finished_at = now() WHERE id = %s", [dead["job_id"]]
    )
    done = finish(caller, pool, connection, ask_to_undo(caller, run_id))

    assert (done["state"], done["counts"]) == ("finished", {"undone": 1})


def test_merges_and_runs_have_the_time_until_which_they_can_be_undone(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    run_id = a_merged_run(caller, pool)
    (batch,) = (caller.get(f"/merge/runs/{run_id}/batches").json or {})["batches"]
    (merged,) = (caller.get("/merge/jobs", run_id=run_id).json or {})["jobs"]
    run = counted(caller, pool, run_id)
    undo_id = ask_to_undo(caller, run_id)
    finish(caller, pool, connection, undo_id)
    (undone,) = (caller.get("/merge/jobs", run_id=run_id).json or {})["jobs"]
    (since,) = (caller.get(f"/merge/runs/{run_id}/batches").json or {})["batches"]

    assert merged["undoable_until"] == run["undoable_until"]
    assert datetime.fromisoformat(merged["undoable_until"]) - datetime.fromisoformat(
        merged["finished_at"]
    ) == timedelta(30)
    assert undone["undoable_until"] is None
    assert read_run(caller, undo_id)["undoable_until"] is None
    assert (batch["undone"], since["undone"], since["counts"]) == (0, 1, {"merged": 1})
