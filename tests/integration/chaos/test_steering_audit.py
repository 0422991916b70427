"""The audit of the steered workspace notices a cancelled job with an effect, an undo without one, and wrong counts."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.db.connections import Connection, Pool
from chaos.audit import Findings, audit
from chaos.families import Family, Member, Sums
from chaos.promises import LimitedRun, Promise, Promises
from chaos.steering import WORKSPACE, body_of
from chaos.steering_audit import audit_steering, groups_of, read_steered_jobs
from tests.support.flask_caller import Caller
from tests.support.postgres import make_database_url
from tests.support.runs import count_all
from tests.support.unguarded import unguarded
from tests.support.worker import Worker

MEMBERS = [Member(name=name, sums=Sums(2, 1, 1, 500)) for name in ("a", "b", "c", "d", "e", "f")]
A, B, C, D, E, F = MEMBERS


# Each test has its own database, because it corrupts it.
database_url = make_database_url(scope="function")


@pytest.fixture
def promises(make_caller: Callable[..., Caller], worker: Worker, pool: Pool) -> Promises:
    """A run of three pairs. The second was cancelled, and the third was undone after the end of the run."""
    caller = make_caller(workspace=WORKSPACE)
    caller.post("/users/track", Family(name="x", shape="x", members=MEMBERS, batches=[], groups={}).tracked())
    run_id = (caller.post("/merge/runs", {"label": "steered"}).json or {})["run_id"]
    answer = caller.post("/users/merge", body_of([(A, B), (C, D), (E, F)]), headers={"Merge-Run": run_id}).json or {}
    batch_id = answer["batch_id"]
    jobs = (caller.get(f"/merge/batches/{batch_id}").json or {})["jobs"]
    assert caller.post(f"/merge/jobs/{jobs[1]['job_id']}/cancel").status_code == 200
    worker.work()
    undone = caller.post(f"/merge/jobs/{jobs[2]['job_id']}/undo").json or {}
    worker.work()
    caller.post(f"/merge/runs/{run_id}/close")
    count_all(pool)
    promises = Promises(steered=list(MEMBERS))
    promises.batches += [
        Promise(batch_id=UUID(batch_id), jobs=3, raises_at=None, steered=True),
        Promise(batch_id=UUID(undone["batch_id"]), jobs=1, raises_at=None, steered=True),
    ]
    return promises


def found(connection: Connection, promises: Promises) -> Findings:
    jobs = read_steered_jobs(connection)
    findings = audit(connection, promises, steered=groups_of(jobs, promises.steered))
    audit_steering(connection, jobs, promises, findings)
    return findings


def test_it_finds_nothing_when_the_profiles_match_the_outcomes(connection: Connection, promises: Promises) -> None:
    findings = found(connection, promises)

    assert findings.clean, findings
    assert (findings.jobs, findings.merged) == (4, 1)


#: Each change of the tables, and the list of findings that must contain it.
CORRUPTIONS = {
    # A cancelled job with an effect, and a merge that is called cancelled.
    "UPDATE job SET outcome = 'merged', orphan_id = 1, survivor_id = 2 WHERE outcome = 'cancelled'": "lost",
    "UPDATE job SET outcome = 'cancelled' WHERE outcome = 'merged' AND undone_at IS NULL": "doubled",
    # An undo that is marked and had no effect, and one that had an effect and is not marked.
    "UPDATE job SET undone_at = NULL, undone_by = NULL WHERE undone_at IS NOT NULL": "lost",
    "UPDATE job SET undone_at = now(), undone_by = id WHERE outcome = 'merged' AND undone_at IS NULL": "doubled",
    "UPDATE job SET outcome = 'cancelled' WHERE kind = 'undo'": "broken",
    # A state and an outcome that no steered job has.
    "UPDATE job SET outcome = 'orphan_not_found' WHERE outcome = 'cancelled'": "broken",
    "UPDATE job SET outcome = 'changed_since_plan' WHERE outcome = 'cancelled'": "broken",
    # Runs that are miscounted or do not end.
    """UPDATE run_progress SET counts = '{"merged": 3}'""": "broken",
    "UPDATE run SET state = 'running', finished_at = NULL": "broken",
    # Cancellations that are not carried out.
    """INSERT INTO queue_cancellation (workspace_id, id, reason)
       SELECT workspace_id, id, 'So.' FROM run""": "broken",
    # A run that was cancelled before its jobs began.
    "UPDATE run SET cancelled_at = now() - interval '1 hour'": "broken",
}


@pytest.mark.parametrize("statement", CORRUPTIONS)
def test_it_notices_every_change_of_the_tables(connection: Connection, promises: Promises, statement: str) -> None:
    with unguarded(connection):
        connection.execute(statement.encode())

    assert getattr(found(connection, promises), CORRUPTIONS[statement])


def test_it_notices_a_job_that_began_in_a_pause(connection: Connection, promises: Promises) -> None:
    now = datetime.now(UTC)
    promises.pauses.append((now - timedelta(hours=1), now + timedelta(hours=1)))

    assert any("while the queue was paused" in each for each in found(connection, promises).broken)


def test_it_notices_a_missing_cancellation(connection: Connection, promises: Promises) -> None:
    promises.cancelled[promises.batches[0].batch_id] = 2

    assert found(connection, promises).doubled


def test_it_notices_a_run_with_more_jobs_than_it_can_have(connection: Connection, promises: Promises) -> None:
    (run,) = connection.execute("SELECT id FROM run").fetchall()
    promises.runs[run["id"]] = 2

    assert found(connection, promises).doubled


#: A run with one failure.
LIMITED = LimitedRun(limit=0, failing=UUID(int=0), reason="1 of 3 ended jobs failed, and the limit is 0.", paused=None)
NOW, HOUR = datetime.now(UTC), timedelta(hours=1)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, None),
        ({"reason": None}, "has 1 failed jobs, and was not paused"),
        ({"reason": "2 of 3 ended jobs failed, and the limit is 0."}, "was paused with the reason"),
        ({"limit": 1}, "was paused with the reason"),
        ({"paused": (NOW - HOUR, NOW + HOUR)}, "was paused."),
    ],
)
def test_it_notices_a_run_that_did_not_keep_its_limit_of_failures(
    connection: Connection, promises: Promises, changes: dict[str, Any], sentence: str | None
) -> None:
    with unguarded(connection):
        connection.execute("UPDATE job SET outcome = 'refused_identifier' WHERE outcome = 'cancelled'")
    (run,) = connection.execute("SELECT id FROM run").fetchall()
    promises.limited[run["id"]] = replace(LIMITED, **changes)
    broken = [each for each in found(connection, promises).broken if f"un {run['id']}" in each]

    assert [sentence in each for each in broken if sentence] == ([True] * len(broken))
    assert bool(broken) == bool(sentence)
