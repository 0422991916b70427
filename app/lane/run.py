"""A lane is run: its jobs begin, are decided in order, and end with their outcomes recorded."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.config import Settings
from app.db import Connection, Pool, in_transaction
from app.errors import DatabaseUnavailable, ResolutionUnsettled
from app.lane.decide import Decision, decide
from app.lane.hand import Hand
from app.lane.save import QUERIES, save_decisions
from app.ledger import work as ledger
from app.ledger.work import Finished, Party, Work
from app.merging.prioritization import Denoted
from app.merging.profile import Profile
from app.profiles.locking import lock
from app.profiles.resolution import MergedAway, Resolved, resolve

log = logging.getLogger(__name__)

#: Times that a resolution may change between look and lock before the attempt is given up.
RESOLUTIONS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What one Celery message carries: jobs of one workspace, in order, and the task that brings them."""

    workspace_id: int
    job_ids: Sequence[UUID]
    task_id: UUID


@dataclass(frozen=True, slots=True)
class Pair:
    """A job with what its two identifiers denote."""

    job: Work
    orphan: Resolved
    survivor: Resolved


def run(pool: Pool, settings: Settings, lane: Lane) -> None:
    """Bring every unfinished job of *lane* to its outcome, or count a failed attempt on it.

    Running a lane again, late, or twice at once has no effect beyond the first: the job rows say what is done, and are
    finished in the transaction of their effect. Raises DatabaseUnavailable when PostgreSQL does not answer.
    """
    jobs = in_transaction(
        pool,
        lambda connection: ledger.begin(
            connection, workspace_id=lane.workspace_id, job_ids=lane.job_ids, task_id=lane.task_id
        ),
    )
    while jobs:
        jobs = jobs[_run_some(pool, settings, lane, jobs) :]


def _run_some(pool: Pool, settings: Settings, lane: Lane, jobs: Sequence[Work]) -> int:
    """Run the first of *jobs*, as many as one transaction can take in order; return how many are settled.

    When the transaction fails, the jobs are run one by one, so that the one that fails takes no lane-mate with it.
    """
    try:
        return _settle(pool, settings, lane, jobs)
    except DatabaseUnavailable:
        raise
    except Exception as error:  # noqa: BLE001  whatever a job raises is counted on that job, and its mates go on
        if len(jobs) == 1:
            _fail(pool, settings, lane, jobs[0], error)
            return 1
        log.warning(
            "lane_split", extra={"task_id": str(lane.task_id), "jobs": len(jobs), "error": type(error).__name__}
        )
    for job in jobs:
        _run_alone(pool, settings, lane, job)
    return len(jobs)


def _run_alone(pool: Pool, settings: Settings, lane: Lane, job: Work) -> None:
    """Run one job in a transaction of its own; count the attempt as failed when it raises."""
    try:
        _settle(pool, settings, lane, [job])
    except DatabaseUnavailable:
        raise
    except Exception as error:  # noqa: BLE001  as above
        _fail(pool, settings, lane, job, error)


def _fail(pool: Pool, settings: Settings, lane: Lane, job: Work, error: Exception) -> None:
    """Count a failed attempt of *job*; its reason names the error by kind, since its text may quote personal data."""
    reason = f"Attempt {job.attempts} failed with {type(error).__name__}; the worker's log has the details."
    state = in_transaction(
        pool,
        lambda connection: ledger.fail(
            connection,
            workspace_id=lane.workspace_id,
            job_id=job.id,
            reason=reason,
            max_attempts=settings.max_attempts,
            delay_s=settings.retry_delay_s,
        ),
    )
    log.error(
        "job_attempt_failed",
        extra={"job_id": str(job.id), "attempt": job.attempts, "state": state, "task_id": str(lane.task_id)},
        exc_info=error,
    )


def _settle(pool: Pool, settings: Settings, lane: Lane, jobs: Sequence[Work]) -> int:
    """Settle the first of *jobs* in one transaction; return how many, at least one.

    Raises ResolutionUnsettled when the first job's profiles keep changing between look and lock.
    """
    for _ in range(RESOLUTIONS):
        settled = in_transaction(pool, lambda connection: _transact(connection, settings, lane, jobs))
        if settled:
            return settled
    message = f"The profiles of job {jobs[0].id} changed {RESOLUTIONS} times while it was being resolved."
    raise ResolutionUnsettled(message)


def _transact(connection: Connection, settings: Settings, lane: Lane, jobs: Sequence[Work]) -> int:
    """Hold, resolve, lock, decide, save and finish in the caller's transaction; return how many jobs are settled."""
    held = ledger.hold(connection, workspace_id=lane.workspace_id, work=jobs)
    if not held:
        return len(jobs)
    seen = _resolve(connection, lane.workspace_id, held)
    hand = Hand(lock(connection, workspace_id=lane.workspace_id, ids=_denoted(seen)))
    # What was resolved may have changed before the locks were had: it is resolved again under them, and compared.
    pairs = _agreeing(seen, _resolve(connection, lane.workspace_id, held))
    decisions = decide_in_order(pairs, hand=hand, now=_now(connection), settings=settings)
    if decisions:
        save_decisions(connection, workspace_id=lane.workspace_id, hand=hand, decisions=decisions)
        ledger.finish(connection, workspace_id=lane.workspace_id, finished=[_finished(each) for each in decisions])
    return len(jobs) if len(decisions) == len(held) else _place_after(jobs, decisions)


def decide_in_order(pairs: Sequence[Pair], *, hand: Hand, now: datetime, settings: Settings) -> list[Decision]:
    """Decide *pairs* in order, each seeing what those before it did; stop before one that must be looked up again.

    *hand* takes in what the merges do. Each decision has a time of its own, a microsecond apart, so that two survivors
    of one lane never tie.
    """
    decisions: list[Decision] = []
    for place, pair in enumerate(pairs):
        if hand.is_stale(pair.job.orphan) or hand.is_stale(pair.job.survivor):
            break
        decision = decide(
            pair.job,
            orphan=hand.follow(pair.job.orphan, pair.orphan),
            survivor=hand.follow(pair.job.survivor, pair.survivor),
            hand=hand,
            at=now + timedelta(microseconds=place),
            settings=settings,
        )
        if decision.merged and decision.orphan:
            hand.absorb(merged=decision.merged, orphan=decision.orphan)
        if decision.identified:
            hand.identify(decision.identified)
        decisions.append(decision)
    return decisions


def _resolve(connection: Connection, workspace_id: int, jobs: Sequence[Work]) -> list[Pair]:
    """Return *jobs* with what their identifiers denote now."""
    identifiers = [identifier for job in jobs for identifier in (job.orphan, job.survivor)]
    resolved = resolve(connection, workspace_id=workspace_id, identifiers=identifiers)
    return [Pair(*each) for each in zip(jobs, resolved[::2], resolved[1::2], strict=True)]


def _agreeing(seen: Sequence[Pair], again: Sequence[Pair]) -> list[Pair]:
    """Return the pairs up to the first whose resolution changed between the two looks."""
    for place, (first, second) in enumerate(zip(seen, again, strict=True)):
        if first != second:
            return list(seen[:place])
    return list(seen)


def _denoted(pairs: Sequence[Pair]) -> set[int]:
    """Return the ids of all profiles that *pairs* lead to, those behind redirects too."""
    found: set[int] = set()
    for resolved in (side for pair in pairs for side in (pair.orphan, pair.survivor)):
        if isinstance(resolved, Denoted):
            found.add(resolved.id)
        elif isinstance(resolved, MergedAway):
            found.add(resolved.survivor_id)
    return found


def _now(connection: Connection) -> datetime:
    """Return the time by the database's clock."""
    row = connection.execute(QUERIES["the_time"]).fetchone()
    if row is None:
        raise DatabaseUnavailable("PostgreSQL does not tell the time; try again in a few seconds.")
    moment: datetime = row["now"]
    return moment


def _place_after(jobs: Sequence[Work], decisions: Sequence[Decision]) -> int:
    """Return how many of *jobs* are settled when *decisions* cover the first held ones."""
    if not decisions:
        return 0
    last = decisions[-1].job.id
    return next(place for place, job in enumerate(jobs, start=1) if job.id == last)


def _finished(decision: Decision) -> Finished:
    """Return what the ledger records of *decision*."""
    return Finished(
        job_id=decision.job.id,
        outcome=decision.outcome,
        reason=decision.reason,
        orphan=_party(decision.merged_away or decision.orphan),
        survivor=_party(decision.survivor),
    )


def _party(profile: Profile | MergedAway | None) -> Party | None:
    """Return how the ledger names *profile*."""
    if profile is None:
        return None
    profile_id = profile.id if isinstance(profile, Profile) else profile.orphan_id
    return Party(id=profile_id, braze_id=profile.braze_id, external_id=profile.external_id)
