"""A run over duplicates goes on, step by step: what is to be merged goes into the ledger as batches of its own.

A step and where the next goes on are one transaction, so that whatever is killed in between, no group is passed over
and none is put into the ledger twice.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from app.config import Settings
from app.db.connections import Connection, Pool
from app.db.transaction import Transaction, run_in_transaction
from app.duplicates.counts import Counts
from app.duplicates.cursor import Position
from app.duplicates.policy import rule_of, take_due_policy
from app.duplicates.runs import QUERIES, start
from app.duplicates.scan import Walk, step
from app.errors import Conflict
from app.ledger.accept import NewBatch, insert
from app.ledger.backlog import waiting
from app.merging.keeping import Duplicate, Fate
from schemas.identifiers import Email, Member, Phone
from schemas.keeping import RunTrigger, SharedAddress, Undecided
from schemas.merge import MAX_UPDATES
from schemas.outcomes import BatchSource, JobKind

#: Jobs of the workspace that may wait before a run pauses, so that its clients' merges wait behind few of a run's.
AHEAD = 5_000
#: What its batches say was asked for.
PATH = "/duplicates/runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A merge within a group."""

    orphan: Member
    survivor: Member


def workspaces_to_serve(connection: Connection) -> list[int]:
    """Return the workspaces that have a run under way, or whose daily run is due."""
    return [row["workspace_id"] for row in connection.execute(QUERIES["workspaces_with_duplicates_to_merge"])]


def go_on(pool: Pool, settings: Settings, *, workspace_id: int) -> bool:
    """Begin a workspace's daily run if it is due, and take a step of the run under way; return whether one was taken.

    None is taken while another process takes one, or while too many jobs of the workspace wait.
    """
    run_in_transaction(pool, workspace_id, begin_daily)
    return run_in_transaction(pool, workspace_id, take_step, settings)


def begin_daily(tx: Transaction, *, now: datetime | None = None) -> None:
    """Begin a workspace's daily run if it is due; a run that is under way takes its place."""
    policy = take_due_policy(tx, now=now or tx.now())
    if policy is not None:
        try:
            start(tx, policy.rule, trigger=RunTrigger.DAILY)
        except Conflict:
            # It walks over the same duplicates.
            return


def take_step(tx: Transaction, settings: Settings) -> bool:
    """Take a step of the workspace's run, in the caller's transaction; return whether one was taken."""
    row = tx.execute(QUERIES["hold_run"]).fetchone()
    if row is None or _is_ahead(tx, settings):
        return False
    walk = Walk(rule=rule_of(row), refused=settings.refused_identifiers)
    taken = step(tx, walk, Position.from_json(row["position"]))
    made = [_batch(row, updates) for updates in batches(taken.fates, by=walk.rule.identifier)]
    for batch in made:
        insert(tx, batch)
    counts = Counts.from_json(row["counts"]).after(taken, batches=len(made))
    parameters = {
        "id": row["id"],
        "position": Jsonb({} if taken.position is None else taken.position.to_json()),
        "counts": Jsonb(counts.to_json()),
        "finished": taken.position is None,
    }
    tx.execute(QUERIES["save_run"], parameters)
    return True


def batches(fates: Iterable[Fate], *, by: SharedAddress) -> Iterator[list[Pair]]:
    """Yield the merges of *fates* in batches as large as a request's; a group is not cut that fits into one."""
    batch: list[Pair] = []
    for fate in fates:
        updates = list(_updates(fate, by))
        if batch and len(batch) + len(updates) > MAX_UPDATES:
            yield batch
            batch = []
        batch += updates
        while len(batch) > MAX_UPDATES:
            yield batch[:MAX_UPDATES]
            batch = batch[MAX_UPDATES:]
    if batch:
        yield batch


def _updates(fate: Fate, by: SharedAddress) -> Iterator[Pair]:
    """Yield the merges of *fate*, whose group is told by the address *by*."""
    if isinstance(fate.keeper, Undecided):
        return
    address = Email(fate.address) if by is SharedAddress.EMAIL else Phone(fate.address)
    survivor = _member(fate.keeper, address)
    for orphan in fate.orphans:
        yield Pair(orphan=_member(orphan, address), survivor=survivor)


def _member(duplicate: Duplicate, address: Email | Phone) -> Member:
    """Return *duplicate* as jobs name it."""
    return Member(braze_id=duplicate.braze_id, address=address, identified=duplicate.identified)


def _batch(row: Mapping[str, Any], updates: Sequence[Pair]) -> NewBatch:
    """Return a batch of the run *row*."""
    return NewBatch(
        api_key_id=row["api_key_id"],
        path=PATH,
        kind=JobKind.MERGE,
        updates=updates,
        source=BatchSource.DUPLICATES,
        run_id=row["id"],
    )


def _is_ahead(tx: Transaction, settings: Settings) -> bool:
    """Return whether so many jobs of the workspace wait that its run pauses."""
    bound = min(AHEAD, max(1, settings.waiting_bound // 2))
    return waiting(tx, bound=bound) >= bound
