"""Pauses runs with too many failed jobs, and resumes them.

Workers begin no job of a paused run: the statement by which they begin a lane reads the pause. The relay delays the
waiting jobs that it meets, and after the run was resumed it makes them due again.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.db.ids import FIRST_ID
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Conflict, NotFound
from app.ledger.cancel import QUERIES as CANCEL_QUERIES
from app.ledger.runs import NO_RUN, UNFINISHED, limit_of
from schemas.failure_limits import FailureLimit, count_failures

QUERIES = load_queries("app.ledger", "run_pause.sql")

NOT_PAUSED = "This run is {state} and not paused; only a paused run can be resumed."
REASON = "{failed:,} of {ended:,} ended jobs are dead, refused or ambiguous, and the limit is {limit}."
#: Batches whose jobs one step makes due again.
BATCHES = 100


def pause_failing_runs(tx: Transaction, counts: Mapping[UUID, Mapping[str, int]]) -> dict[UUID, str]:
    """Pause those of the runs that exceed their limit of failures; return their reasons.

    *counts* are the jobs of each run by outcome, or by state while they have none.
    """
    reasons: dict[UUID, str] = {}
    for row in tx.execute(QUERIES["lock_limits"], {"ids": sorted(counts)}).fetchall():
        limit, of_run = limit_of(row), counts[row["id"]]
        ended = max(0, _count_ended(of_run) - row["ended_before"])
        failed = max(0, count_failures(of_run) - row["failed_before"])
        if limit is not None and limit.is_exceeded(failed=failed, ended=ended):
            reasons[row["id"]] = REASON.format(failed=failed, ended=ended, limit=limit)
            tx.execute(QUERIES["pause_run"], {"id": row["id"], "reason": reasons[row["id"]]})
    return reasons


def resume_paused_run(tx: Transaction, *, run_id: UUID, change: Mapping[str, Any]) -> str:
    """Resume a paused run and return the reason of its pause.

    *change* may have another limit under `max_failures`. Only jobs that end from now on count for the limit. Raises
    NotFound, and Conflict when the run is not paused.
    """
    row = tx.execute(QUERIES["lock_pause"], {"id": run_id}).fetchone()
    if row is None:
        raise NotFound(NO_RUN)
    if row["reason"] is None:
        raise Conflict(NOT_PAUSED.format(state=row["state"]))
    limit = change.get("max_failures", limit_of(row)) or FailureLimit()
    saved = {
        "id": run_id,
        "max_failures": limit.number,
        "max_failures_percent": limit.percent,
        "ended_before": _count_ended(row["counts"]),
        "failed_before": count_failures(row["counts"]),
    }
    tx.execute(QUERIES["save_limit"], saved)
    tx.execute(QUERIES["resume_run"], {"id": run_id})
    reason: str = row["reason"]
    return reason


def end_pauses(tx: Transaction, *, run_ids: Sequence[UUID]) -> None:
    """Delete the pauses of runs that have finished or were cancelled."""
    tx.execute(QUERIES["end_pauses"], {"ids": list(run_ids)})


def delay_jobs(tx: Transaction, runs: Mapping[UUID, UUID]) -> None:
    """Delay pending jobs, given with their *runs*, until these are resumed."""
    rows = tx.execute(QUERIES["lock_paused_runs"], {"ids": sorted(set(runs.values()))}).fetchall()
    paused = {row["run_id"] for row in rows}
    tx.execute(QUERIES["delay_jobs"], {"ids": [job_id for job_id, run_id in runs.items() if run_id in paused]})


def hasten_resumed_jobs(tx: Transaction) -> bool:
    """Make the delayed jobs of some batches of a resumed run due; return whether there was such a run."""
    row = tx.execute(QUERIES["lock_resumed_run"]).fetchone()
    if row is None:
        return False
    page = {"run_id": row["run_id"], "after": row["last_batch_id"] or FIRST_ID, "limit": BATCHES}
    batch_ids = [found["id"] for found in tx.execute(CANCEL_QUERIES["list_batches_of_run"], page)]
    tx.execute(QUERIES["make_jobs_due"], {"batch_ids": batch_ids})
    if len(batch_ids) < BATCHES:
        end_pauses(tx, run_ids=[row["run_id"]])
    else:
        tx.execute(QUERIES["save_place"], {"id": row["run_id"], "last_batch_id": batch_ids[-1]})
    return True


def _count_ended(counts: Mapping[str, int]) -> int:
    return sum(jobs for name, jobs in counts.items() if name not in UNFINISHED)
