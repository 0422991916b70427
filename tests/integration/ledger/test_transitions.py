"""The ledger's SQL has exactly the transitions of schemas/job_transitions.py, which the model explores."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Pool
from app.db.transaction import Transaction, run_in_transaction
from app.errors import Conflict
from app.lane.run import settle_jobs
from app.ledger import dispatch, execution
from app.ledger.cancel import cancel_waiting_jobs
from app.ledger.execution import ClaimedJob, RetryLimits
from app.ledger.queue_control import save_queue_change
from app.ledger.retry import retry_job
from schemas.job_transitions import TRANSITIONS, JobEvent, Phase
from schemas.outcomes import JobKind
from schemas.queue import QueueChange, QueueState
from tests.project.tree import ROOT
from tests.support.factories import Factory, ext
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

END_OF_QUEUE = UUID(int=2**128 - 1)
#: Limits under which an attempt is not the last one, and under which it is.
MORE, LAST = 9, 1
#: The queries that change the state of jobs, or whether they are published, by their events.
QUERIES = {
    "mark_published": {JobEvent.PUBLISH},
    "begin_attempts": {JobEvent.BEGIN, JobEvent.HOLD},
    "record_results": {JobEvent.FINISH},
    "fail_attempt": {JobEvent.FAIL},
    "withdraw_attempts": {JobEvent.WITHDRAW},
    "requeue_lost_jobs": {JobEvent.RESCUE},
    "requeue_stranded_jobs": {JobEvent.RESCUE},
    "requeue_job": {JobEvent.RETRY},
    "cancel_jobs": {JobEvent.CANCEL},
}
QUERY = re.compile(r"^-- name: (\w+)\n(.*?)(?=^-- name: |\Z)", re.MULTILINE | re.DOTALL)
CHANGE = re.compile(
    r"\bUPDATE job\b(?:(?!\bWHERE\b).)*?\bSET\b(?:(?!\bWHERE\b).)*?\b(?:state|published_at) =", re.DOTALL
)


class Ledger:
    """The transactions of the ledger on one job; *limit* is the number of attempts after which it is dead."""

    def __init__(self, pool: Pool, factory: Factory, job_id: UUID, *, limit: int) -> None:
        self._pool = pool
        self._factory = factory
        self._job_id = job_id
        self._limit = limit

    def happen(self, event: JobEvent) -> None:
        """Run the transactions of *event*."""
        events: Mapping[JobEvent, Callable[[Transaction], object]] = {
            JobEvent.PUBLISH: self._publish,
            JobEvent.BEGIN: self._begin,
            JobEvent.FINISH: lambda tx: settle_jobs(tx, Settings(), jobs=[self._attempt()]),
            JobEvent.FAIL: self._fail,
            JobEvent.WITHDRAW: lambda tx: execution.withdraw_attempts(tx, jobs=[self._attempt()]),
            JobEvent.RESCUE: self._rescue,
            JobEvent.RETRY: lambda tx: retry_job(tx, job_id=self._job_id),
            JobEvent.CANCEL: self._cancel,
            JobEvent.HOLD: self._hold,
        }
        with suppress(Conflict):
            run_in_transaction(self._pool, self._factory.workspace_id, events[event])

    def row(self) -> Mapping[str, Any]:
        return self._factory.row(self._job_id)

    def phase(self) -> Phase:
        row = self.row()
        if row["state"] == "queued":
            return Phase.WAITING if row["published_at"] is None else Phase.PUBLISHED
        return Phase(row["state"])

    def _attempt(self) -> ClaimedJob:
        """Return the job as the worker of its last attempt knows it."""
        row = self.row()
        return ClaimedJob(
            id=row["id"],
            batch_id=row["batch_id"],
            index=row["index"],
            kind=JobKind(row["kind"]),
            orphan_wire=row["orphan_identifier"],
            survivor_wire=row["survivor_identifier"],
            attempts=row["attempts"],
        )

    def _publish(self, tx: Transaction) -> None:
        claimed = dispatch.claim_lanes(tx, limit=10)
        if claimed.lanes:
            dispatch.mark_jobs_published(tx, tasks={uuid7(): lane for lane in claimed.lanes})

    def _begin(self, tx: Transaction) -> None:
        execution.begin_attempts(tx, job_ids=[self._job_id], task_id=uuid7()).result()

    def _cancel(self, tx: Transaction) -> None:
        batch_id = self.row()["batch_id"]
        cancel_waiting_jobs(tx, batch_id=batch_id, api_key_id=None, authorize=lambda _: None)

    def _hold(self, tx: Transaction) -> None:
        save_queue_change(tx, QueueChange(state=QueueState.PAUSED), api_key_id=None)
        self._begin(tx)
        save_queue_change(tx, QueueChange(state=QueueState.RUNNING), api_key_id=None)

    def _fail(self, tx: Transaction) -> None:
        limits = RetryLimits(max_attempts=self._limit, max_stalled_attempts=self._limit, delay_s=0)
        execution.fail_attempt(tx, job=self._attempt(), reason="It failed.", stalled=False, limits=limits)

    def _rescue(self, tx: Transaction) -> None:
        dispatch.rescue_lost_jobs(tx, queue_consumed_to=END_OF_QUEUE, after_s=0, limit=10)
        dispatch.rescue_stranded_jobs(tx, after_s=0, max_stalled_attempts=self._limit, limit=10)


#: The events that lead a new job to each phase.
WAYS: Mapping[Phase, tuple[JobEvent, ...]] = {
    Phase.WAITING: (),
    Phase.PUBLISHED: (JobEvent.PUBLISH,),
    Phase.RUNNING: (JobEvent.PUBLISH, JobEvent.BEGIN),
    Phase.FINISHED: (JobEvent.PUBLISH, JobEvent.BEGIN, JobEvent.FINISH),
    Phase.DEAD: (JobEvent.PUBLISH, JobEvent.BEGIN, JobEvent.FAIL),
}


def job_in(phase: Phase, pool: Pool, factory: Factory, *, limit: int) -> Ledger:
    """Return a job that the ledger has led to *phase*."""
    job_id = factory.job(ext("a"), ext("b"))
    first = Ledger(pool, factory, job_id, limit=LAST)
    for event in WAYS[phase]:
        first.happen(event)
    assert first.phase() is phase
    return Ledger(pool, factory, job_id, limit=limit)


@pytest.mark.parametrize("before", Phase)
@pytest.mark.parametrize("event", JobEvent)
def test_an_event_leads_to_the_phases_of_the_table_and_changes_nothing_in_any_other(
    pool: Pool, factory: Factory, event: JobEvent, before: Phase
) -> None:
    after = TRANSITIONS[event].get(before)
    found = set()
    for limit in (MORE, LAST):
        ledger = job_in(before, pool, factory, limit=limit)
        row = ledger.row()
        ledger.happen(event)
        found.add(ledger.phase())
        if after is None:
            assert ledger.row() == row
        assert ledger.phase().state == ledger.row()["state"]

    assert found == set(after or (before,))


def test_no_other_query_changes_the_state_of_a_job() -> None:
    found = {
        name
        for path in (ROOT / "app").rglob("sql/*.sql")
        if path.parent.parent.name != "migrations"
        for name, text in QUERY.findall(path.read_text(encoding="utf-8"))
        if CHANGE.search(re.sub(r"--[^\n]*", "", text))
    }

    assert found == set(QUERIES)
    assert set().union(*QUERIES.values()) == set(JobEvent)
