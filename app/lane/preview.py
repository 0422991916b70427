"""Preview merges: run them with the code of a lane, in a transaction that is rolled back."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar
from uuid import UUID

from app.config import Settings
from app.db.connections import Pool
from app.db.ids import new_id
from app.db.transaction import Transaction, retry_until_stable
from app.errors import ResolutionUnsettled
from app.lane.decide import Decision
from app.lane.lock_and_decide import lock_and_decide, pair_jobs, resolve_pairs, to_result
from app.lane.save import save_effects
from app.ledger.execution import ClaimedJob, JobResult
from app.merging.changes import list_changes
from app.merging.profile import Profile
from app.profiles.exclusions import find_excluded_pairs
from app.profiles.resolution import Resolution
from schemas.identifiers import Recorded, to_record
from schemas.merge import Update
from schemas.outcomes import JobKind

Prepared = TypeVar("Prepared")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewResult:
    """The result that one update would have now, and its changes of the survivor."""

    index: int
    end: JobResult
    changes: list[dict[str, Any]]
    #: Whether it would merge a pair that is recorded as not a match.
    excluded: bool = False
    #: Both profiles before the merge; None if it would not merge.
    orphan: Profile | None = None
    survivor: Profile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation(Generic[Prepared]):
    """What the transaction of a preview did before the preview."""

    #: The index of the first update.
    first: int = 0
    #: What the caller finds in the preview afterwards.
    result: Prepared
    #: The resolutions of the updates' identifiers, orphan and survivor of each, if they are known already.
    resolutions: Sequence[Resolution] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewed(Generic[Prepared]):
    """The decisions of a preview, before anything else sees them."""

    decisions: Sequence[Decision]
    #: The jobs that merge a pair that is recorded as not a match.
    excluded: Collection[UUID]
    #: The result of the preparation.
    prepared: Prepared


class _PreviewedError(Exception):
    """Leaves the transaction, so that it is rolled back, with the decisions."""

    def __init__(self, previewed: Previewed[Any]) -> None:
        super().__init__("The preview is complete and is rolled back.")
        self.previewed = previewed


def preview_merges(
    pool: Pool, settings: Settings, *, workspace_id: int, updates: Sequence[Update[Recorded]]
) -> list[PreviewResult]:
    """Return the results that *updates* would have now; each sees the effects of those before it.

    Raises ResolutionUnsettled when the profiles keep changing, and DatabaseUnavailable when PostgreSQL does not
    answer.
    """
    nothing = Preparation(result=None)
    return list_results(
        preview_decisions(pool, settings, workspace_id=workspace_id, updates=updates, prepare=lambda _: nothing)
    )


def preview_decisions(
    pool: Pool,
    settings: Settings,
    *,
    workspace_id: int,
    updates: Sequence[Update[Recorded]],
    prepare: Callable[[Transaction], Preparation[Prepared]],
) -> Previewed[Prepared]:
    """Return the decisions about *updates*, after *prepare* in the same transaction.

    The transaction is repeated while other transactions merge the profiles, and always rolled back. Raises as
    preview_merges.
    """
    try:
        retry_until_stable(pool, workspace_id, _merge_and_raise, settings, updates=updates, prepare=prepare)
    except _PreviewedError as error:
        return error.previewed
    raise AssertionError("A preview was committed.")


def list_results(previewed: Previewed[Any]) -> list[PreviewResult]:
    """Return the results of a preview, in order."""
    return [
        _to_preview_result(decision, excluded=decision.job.id in previewed.excluded) for decision in previewed.decisions
    ]


def _merge_and_raise(
    tx: Transaction,
    settings: Settings,
    *,
    updates: Sequence[Update[Recorded]],
    prepare: Callable[[Transaction], Preparation[Any]],
) -> None:
    """Decide *updates* in order, then raise the decisions, so that the transaction has no effect."""
    prepared = prepare(tx)
    jobs = [_to_job(prepared.first + nth, update) for nth, update in enumerate(updates)]
    resolutions = prepared.resolutions
    decided: list[Decision] = []
    excluded: set[UUID] = set()
    while len(decided) < len(jobs):
        rest = jobs[len(decided) :]
        pairs = resolve_pairs(tx, jobs=rest).result() if resolutions is None else pair_jobs(rest, resolutions)
        resolutions = None
        working_set, decisions = lock_and_decide(tx, settings, pairs=pairs)
        if not decisions:
            raise ResolutionUnsettled("The profiles changed before they could be locked; request the preview again.")
        excluded |= _excluded_jobs(tx, decisions)
        decided += decisions
        if len(decided) < len(jobs):
            # Only the updates that follow see the effects, which are rolled back.
            save_effects(tx, working_set=working_set, decisions=decisions)
    raise _PreviewedError(Previewed(decisions=decided, excluded=excluded, prepared=prepared.result))


def _excluded_jobs(tx: Transaction, decisions: Sequence[Decision]) -> set[UUID]:
    """Return the jobs of *decisions* that merge an excluded pair; they are not saved yet."""
    merged = {
        each.job.id: frozenset((each.orphan.id, each.survivor.id))
        for each in decisions
        if each.merged and each.orphan and each.survivor
    }
    pairs = find_excluded_pairs(tx, ids=frozenset().union(*merged.values()))
    return {job_id for job_id, pair in merged.items() if pair in pairs}


def _to_job(index: int, update: Update[Recorded]) -> ClaimedJob:
    return ClaimedJob(
        id=new_id(),
        batch_id=new_id(),
        index=index,
        kind=JobKind.MERGE,
        orphan_wire=to_record(update.orphan),
        survivor_wire=to_record(update.survivor),
        attempts=1,
    )


def _to_preview_result(decision: Decision, *, excluded: bool) -> PreviewResult:
    result = PreviewResult(
        index=decision.job.index, end=to_result(decision, searchable=False), changes=[], excluded=excluded
    )
    if not (decision.merged and decision.survivor and decision.orphan):
        return result
    changes = list_changes(before=decision.survivor, after=decision.merged, orphan=decision.orphan)
    return replace(result, changes=changes, orphan=decision.orphan, survivor=decision.survivor)
