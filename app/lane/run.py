"""A lane is run: its jobs begin, are decided in order, and end with their outcomes recorded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from time import perf_counter
from typing import Concatenate, ParamSpec, TypeVar
from uuid import UUID

from app.config import Settings
from app.db.connections import Pool
from app.db.errors import CONTENTION_ERRORS
from app.db.transaction import Transaction, run_in_transaction
from app.errors import DatabaseUnavailable, ResolutionUnsettled
from app.lane.decide import Decision
from app.lane.lock_and_decide import finished, look, settle
from app.lane.observer import Tale
from app.lane.save import save_decisions
from app.ledger import execution as ledger
from app.ledger.execution import Finished, Limits, Work
from app.undo.execute import undo
from schemas.outcomes import JobKind

Params = ParamSpec("Params")
Result = TypeVar("Result")

#: Errors of an attempt that had to give way to what others were doing: they say nothing against its job.
GAVE_WAY = (ResolutionUnsettled, *CONTENTION_ERRORS)
#: Times that a resolution may change between look and lock before the attempt is given up.
RESOLUTIONS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What one Celery message carries: jobs of one workspace, in order, and the task that brings them."""

    workspace_id: int
    job_ids: Sequence[UUID]
    task_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    """A lane that runs, with what it needs for that."""

    pool: Pool
    settings: Settings
    lane: Lane
    tale: Tale

    def transact(
        self, use_case: Callable[Concatenate[Transaction, Params], Result], *args: Params.args, **kwargs: Params.kwargs
    ) -> Result:
        """Run *use_case* in a transaction of the lane's workspace."""
        return run_in_transaction(self.pool, self.lane.workspace_id, use_case, *args, **kwargs)


@dataclass(frozen=True, slots=True)
class _Settled:
    """How many jobs a transaction settled, and those that it finished itself."""

    jobs: int
    finished: Sequence[Finished] = ()


def run(pool: Pool, settings: Settings, lane: Lane) -> Mapping[str, int]:
    """Bring every unfinished job of *lane* to its outcome, or count a failed attempt on it; return how many ended how.

    Running a lane again, late, or twice at once has no effect beyond the first: the job rows say what is done, and are
    finished in the transaction of their effect. Raises DatabaseUnavailable when PostgreSQL does not answer.
    """
    tale = Tale(workspace_id=lane.workspace_id, task_id=lane.task_id)
    running = _Running(pool=pool, settings=settings, lane=lane, tale=tale)
    jobs = running.transact(ledger.begin, job_ids=lane.job_ids, task_id=lane.task_id).result()
    tale.begun(jobs)
    try:
        while jobs:
            jobs = jobs[_run_some(running, jobs) :]
    finally:
        tale.ended()
    return tale.ends


def _run_some(running: _Running, jobs: Sequence[Work]) -> int:
    """Run the first of *jobs*, as many as one transaction can take in order; return how many are settled.

    When the transaction fails, the jobs are run one by one, so that the one that fails takes no lane-mate with it.
    """
    try:
        return _settle(running, jobs)
    except DatabaseUnavailable:
        raise
    except Exception as error:  # noqa: BLE001  whatever a job raises is counted on that job, and its mates go on
        if len(jobs) == 1:
            _fail(running, jobs[0], error)
            return 1
        running.tale.split(jobs, error)
    for job in jobs:
        _run_alone(running, job)
    return len(jobs)


def _run_alone(running: _Running, job: Work) -> None:
    """Run one job in a transaction of its own; count the attempt as failed when it raises."""
    try:
        _settle(running, [job])
    except DatabaseUnavailable:
        raise
    except Exception as error:  # noqa: BLE001  as above
        _fail(running, job, error)


def _fail(running: _Running, job: Work, error: Exception) -> None:
    """Count a failed attempt of *job*; its reason names the error by kind, since its text may quote personal data."""
    reason = f"Attempt {job.attempts} failed with {type(error).__name__}; the worker's log has the details."
    settings = running.settings
    limits = Limits(
        max_attempts=settings.max_attempts, max_strandings=settings.max_strandings, delay_s=settings.retry_delay_s
    )
    state = running.transact(ledger.fail, job=job, reason=reason, gave_way=isinstance(error, GAVE_WAY), limits=limits)
    running.tale.failed(job, error, state=state)


def _settle(running: _Running, jobs: Sequence[Work]) -> int:
    """Settle the first of *jobs* in one transaction; return how many, at least one.

    Raises ResolutionUnsettled when the first job's profiles keep changing between look and lock.
    """
    for _ in range(RESOLUTIONS):
        began = perf_counter()
        settled = running.transact(_transact, running.settings, running.lane, jobs)
        if settled.jobs:
            running.tale.committed(settled.finished, seconds=perf_counter() - began)
            return settled.jobs
    message = f"The profiles of job {jobs[0].id} changed {RESOLUTIONS} times while it was being resolved."
    raise ResolutionUnsettled(message)


def _transact(tx: Transaction, settings: Settings, lane: Lane, jobs: Sequence[Work]) -> _Settled:
    """Hold, resolve, lock, decide, save and finish in the caller's transaction; return what that settles.

    An undo is settled alone: it reads what others wrote before it.
    """
    if jobs[0].kind is JobKind.UNDO:
        return _undo(tx, settings, lane, jobs[0])
    merges = list(takewhile(lambda job: job.kind is not JobKind.UNDO, jobs))
    unfinished = ledger.hold(tx, work=merges)
    looked_at = look(tx, jobs=merges)
    held = unfinished.result()
    pairs = [pair for pair in looked_at.result() if pair.job.id in held]
    if not pairs:
        return _Settled(len(merges))
    hand, decisions = settle(tx, settings, pairs=pairs)
    ends = list(map(finished, decisions))
    if decisions:
        save_decisions(tx, hand=hand, decisions=decisions)
        ledger.finish(tx, finished=ends)
    return _Settled(len(merges) if len(decisions) == len(pairs) else _place_after(merges, decisions), ends)


def _undo(tx: Transaction, settings: Settings, lane: Lane, job: Work) -> _Settled:
    """Undo what *job* names unless somebody has finished it meanwhile; one job is settled in any case."""
    if ledger.hold(tx, work=[job]).result():
        return _Settled(1, [undo(tx, settings, job=job)])
    return _Settled(1)


def _place_after(jobs: Sequence[Work], decisions: Sequence[Decision]) -> int:
    """Return how many of *jobs* are settled when *decisions* cover the first held ones."""
    if not decisions:
        return 0
    last = decisions[-1].job.id
    return next(place for place, job in enumerate(jobs, start=1) if job.id == last)
