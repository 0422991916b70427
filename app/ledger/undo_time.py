"""Until when merges can be undone."""

from dataclasses import replace
from datetime import datetime, timedelta

from app.ledger.queries import Batch, Job
from app.ledger.runs import MergeRun
from schemas.outcomes import Outcome, RunKind

#: Outcomes that an undo reverses.
UNDOABLE = frozenset({Outcome.MERGED, Outcome.IDENTIFIED})
#: A hundred years: later times may be beyond the calendar.
LONGEST_DAYS = 36_500.0


def with_undo_time(job: Job, *, days: float) -> Job:
    """Return *job* with the time until which it can be undone; None if it merged nothing, or was undone."""
    if job.outcome not in UNDOABLE or job.undone_at is not None or job.finished_at is None:
        return job
    return replace(job, undoable_until=_end(job.finished_at, days))


def batch_with_undo_time(batch: Batch, *, days: float) -> Batch:
    """Return *batch* with the times of its jobs."""
    return replace(batch, jobs=[with_undo_time(job, days=days) for job in batch.jobs])


def run_with_undo_time(run: MergeRun, *, days: float) -> MergeRun:
    """Return *run* with the time until which all of its merges can be undone; None if it merged nothing."""
    merged = any(run.counts.get(outcome) for outcome in UNDOABLE)
    if not merged or run.kind is RunKind.UNDO or run.first_ended_at is None:
        return run
    return replace(run, undoable_until=_end(run.first_ended_at, days))


def _end(merged_at: datetime, days: float) -> datetime:
    return merged_at + timedelta(days=min(days, LONGEST_DAYS))
