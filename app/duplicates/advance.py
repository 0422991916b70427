"""Advances duplicate runs step by step: each step adds the merges that it finds to the ledger, in batches of the run.

A step and the cursor of the next one are saved in one transaction, so that no group is skipped or added twice when a
process is killed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from app.config import Settings
from app.db.citus.work import WorkKind, find_workspaces_with
from app.db.connections import Connection, Pool
from app.db.transaction import Transaction, run_in_transaction
from app.duplicates.counts import DuplicateCounts
from app.duplicates.cursor import ScanCursor
from app.duplicates.pairs import DuplicatePair, list_pairs
from app.duplicates.planning import plan_step
from app.duplicates.policy import rule_from_row, take_due_policy
from app.duplicates.runs import QUERIES, start_run
from app.duplicates.scan import Scan, no_standby, read_step
from app.errors import Conflict
from app.ledger.accept import NewBatch, insert_batch
from app.ledger.backlog import count_waiting_jobs
from app.merging.keep_rule import GroupPlan
from schemas.keeping import RunTrigger, SharedAddress
from schemas.merge import MAX_UPDATES
from schemas.outcomes import BatchSource, JobKind
from schemas.urgency import BACKGROUND_PRIORITY

#: Waiting jobs of the workspace at which a run pauses, so that few of them delay the merges of clients.
MAX_WAITING_JOBS = 5_000
#: The path that its batches record.
PATH = "/duplicates/runs"


def workspaces_with_due_runs(connection: Connection) -> list[int]:
    """List the workspaces that have a running run, or a daily run that is due."""
    return find_workspaces_with(connection, WorkKind.DUPLICATES, QUERIES["workspaces_with_duplicates_to_merge"])


def advance_run(
    pool: Pool, settings: Settings, *, workspace_id: int, find_standby: Callable[[], Pool | None] = no_standby
) -> bool:
    """Start a workspace's daily run if it is due, and take a step of the running run; return whether it took one.

    It takes none while another process does, or while too many jobs of the workspace wait. The step is read as in
    read_step.
    """
    run_in_transaction(pool, workspace_id, start_due_daily_run)
    return run_in_transaction(pool, workspace_id, take_step, settings, find_standby) or plan_step(
        pool, settings, workspace_id=workspace_id, find_standby=find_standby
    )


def start_due_daily_run(tx: Transaction, *, now: datetime | None = None) -> None:
    """Start a workspace's daily run if it is due; a run that is already running replaces it."""
    policy = take_due_policy(tx, now=now or tx.now())
    if policy is not None:
        with suppress(Conflict):  # the running run merges the same duplicates
            start_run(tx, policy.rule, trigger=RunTrigger.DAILY)


def take_step(tx: Transaction, settings: Settings, find_standby: Callable[[], Pool | None] = no_standby) -> bool:
    """Take a step of the workspace's running run; return whether it took one.

    The merges that it adds resolve their profiles again.
    """
    row = tx.execute(QUERIES["lock_running_run"]).fetchone()
    if row is None or _must_pause(tx, settings):
        return False
    scan = Scan(rule=rule_from_row(row), refused=settings.refused_identifiers)
    cursor = ScanCursor.from_json(row["cursor"])
    step = read_step(tx, scan, cursor, find_standby)
    created = [_batch(row, updates) for updates in pack_batches(step.plans, by=scan.rule.identifier)]
    for batch in created:
        insert_batch(tx, batch)
    counts = DuplicateCounts.from_json(row["counts"]).add_step(step, batches=len(created))
    parameters = {
        "id": row["id"],
        "cursor": Jsonb({} if step.cursor is None else step.cursor.to_json()),
        "counts": Jsonb(counts.to_json()),
        "finished": step.cursor is None,
    }
    tx.execute(QUERIES["save_run"], parameters)
    return True


def pack_batches(plans: Iterable[GroupPlan], *, by: SharedAddress) -> Iterator[list[DuplicatePair]]:
    """Yield the merges of *plans* in batches of at most MAX_UPDATES; a group that fits into one batch is not split."""
    batch: list[DuplicatePair] = []
    for plan in plans:
        updates = list(list_pairs(plan, by=by))
        if batch and len(batch) + len(updates) > MAX_UPDATES:
            yield batch
            batch = []
        batch += updates
        while len(batch) > MAX_UPDATES:
            yield batch[:MAX_UPDATES]
            batch = batch[MAX_UPDATES:]
    if batch:
        yield batch


def _batch(row: Mapping[str, Any], updates: Sequence[DuplicatePair]) -> NewBatch:
    return NewBatch(
        api_key_id=row["api_key_id"],
        path=PATH,
        kind=JobKind.MERGE,
        updates=updates,
        source=BatchSource.DUPLICATES,
        priority=BACKGROUND_PRIORITY,
        run_id=row["id"],
    )


def _must_pause(tx: Transaction, settings: Settings) -> bool:
    bound = min(MAX_WAITING_JOBS, max(1, settings.waiting_bound // 2))
    return count_waiting_jobs(tx, bound=bound) >= bound
