"""The rehearsal: what a merge now would do, by the very code that would do it, and nothing of it stays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Pool
from app.db.transaction import Transaction, run_in_transaction
from app.errors import ResolutionUnsettled
from app.lane.decide import Decision, rules_of
from app.lane.lock_and_decide import finished, look, settle
from app.lane.save import save_effects
from app.ledger.execution import Finished, Work
from app.merging.changes import changes
from schemas.identifiers import Identifier, to_wire
from schemas.merge import Update
from schemas.outcomes import JobKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What would become of one update, and what it would change on the survivor."""

    index: int
    end: Finished
    changes: list[dict[str, Any]]


class _CurtainError(Exception):
    """Ends the rehearsal's transaction without effect, and carries what was seen."""

    def __init__(self, decisions: Sequence[Decision]) -> None:
        super().__init__("The rehearsal is over; nothing of it stays.")
        self.decisions = decisions


def preview(
    pool: Pool, settings: Settings, *, workspace_id: int, updates: Sequence[Update[Identifier]]
) -> list[Rehearsed]:
    """Return what a merge of *updates* now would do, each seeing what those listed before it would have done.

    All of it happens in one transaction that is rolled back. Raises ResolutionUnsettled when the profiles keep
    changing under it, and DatabaseUnavailable when PostgreSQL does not answer.
    """
    jobs = [_job(index, update) for index, update in enumerate(updates)]
    try:
        run_in_transaction(pool, workspace_id, _rehearse, settings, jobs)
    except _CurtainError as curtain:
        return [_rehearsed(decision) for decision in curtain.decisions]
    raise AssertionError("A rehearsal ended without being rolled back.")


def _rehearse(tx: Transaction, settings: Settings, jobs: Sequence[Work]) -> None:
    """Settle and save *jobs* in order, then raise what was seen, so that the transaction has no effect."""
    seen: list[Decision] = []
    while len(seen) < len(jobs):
        pairs = look(tx, jobs=jobs[len(seen) :]).result()
        hand, decisions = settle(tx, settings, pairs=pairs)
        if not decisions:
            raise ResolutionUnsettled("The profiles changed while they were looked at; ask again.")
        save_effects(tx, hand=hand, decisions=decisions)
        seen += decisions
    raise _CurtainError(seen)


def _job(index: int, update: Update[Identifier]) -> Work:
    """Return *update* as the job that it would become."""
    return Work(
        id=uuid7(),
        batch_id=uuid7(),
        index=index,
        kind=JobKind.MERGE,
        orphan_wire=to_wire(update.orphan),
        survivor_wire=to_wire(update.survivor),
        attempts=1,
    )


def _rehearsed(decision: Decision) -> Rehearsed:
    """Return what *decision* would have done."""
    would_change: list[dict[str, Any]] = []
    if decision.merged and decision.survivor and decision.orphan:
        rules = rules_of(decision.job.kind)
        would_change = changes(before=decision.survivor, after=decision.merged, orphan=decision.orphan, rules=rules)
    return Rehearsed(index=decision.job.index, end=finished(decision), changes=would_change)
