"""Pages of a plan: up to 50 updates with what they would do, and how they saw their profiles."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.config import Settings
from app.db.connections import Pool
from app.db.transaction import Transaction
from app.lane.decide import Decision
from app.lane.preview import Preparation, PreviewResult, list_results, preview_decisions
from app.ledger.execution import JobResult
from app.ledger.profile_ref import ProfileRef
from app.merging.profile import Profile
from app.plans.earlier import repeat_earlier_merges
from app.profiles.fingerprint import digest_fields
from schemas.identifiers import ExternalId, Recorded, UserAlias, from_record, sharing_key, to_record
from schemas.merge import Update
from schemas.outcomes import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPair:
    """The pair of one update of an applied plan, and the profiles that the plan saw."""

    index: int
    orphan: Recorded
    survivor: Recorded
    profile_ids: Sequence[int]
    #: The identifiers of these profiles, as keys.
    names: Sequence[tuple[str, ...]]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "PlannedPair":
        """Return the pair of a table row."""
        ids = (row["orphan_id"], row["survivor_id"])
        return cls(
            index=row["index"],
            orphan=from_record(row["orphan_identifier"]),
            survivor=from_record(row["survivor_identifier"]),
            profile_ids=[each for each in ids if each is not None],
            names=[tuple(each) for each in row["names"]],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanUpdate:
    """One update of a plan, with the result that it would have."""

    orphan_identifier: Mapping[str, Any]
    survivor_identifier: Mapping[str, Any]
    result: PreviewResult
    #: How it saw its profiles, as the table stores it; None unless it would merge.
    seen: Mapping[str, Any] | None = None
    #: The identifiers of its profiles, as keys.
    names: Sequence[tuple[str, ...]] = ()

    @property
    def index(self) -> int:
        """Its place in the plan."""
        return self.result.index

    @property
    def end(self) -> JobResult:
        """The result that it would have."""
        return self.result.end

    @property
    def changes(self) -> list[dict[str, Any]]:
        """The changes of the survivor."""
        return self.result.changes

    @property
    def excluded(self) -> bool:
        """Whether it would merge a pair that is recorded as not a match."""
        return self.result.excluded

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "PlanUpdate":
        """Return the update of a table row."""
        end = JobResult(
            # No job has executed it.
            job_id=UUID(int=0),
            outcome=Outcome(row["outcome"]),
            reason=row["reason"],
            orphan=_ref(row, "orphan"),
            survivor=_ref(row, "survivor"),
        )
        return cls(
            orphan_identifier=row["orphan_identifier"],
            survivor_identifier=row["survivor_identifier"],
            result=PreviewResult(index=row["index"], end=end, changes=row["changes"], excluded=row["excluded"]),
        )

    def to_row(self) -> dict[str, Any]:
        """Return the row of the table, without the changes."""
        end = self.end.to_row()
        return {
            **{name: value for name, value in end.items() if name not in {"id", "held_keys"}},
            "index": self.index,
            "orphan_identifier": self.orphan_identifier,
            "survivor_identifier": self.survivor_identifier,
            "excluded": self.excluded,
            "seen": self.seen,
            "names": self.names,
        }


def preview_page(
    pool: Pool,
    settings: Settings,
    *,
    workspace_id: int,
    plan_id: UUID,
    first: int | Callable[[Transaction], int],
    updates: Sequence[Update[Recorded]],
) -> list[PlanUpdate]:
    """Return *updates* with their results after the updates of the plan before them.

    *first* is the index of the first one, or a function that reads it in the same transaction. Nothing is written.
    Raises as preview_merges.
    """
    identifiers = [identifier for update in updates for identifier in (update.orphan, update.survivor)]

    def repeat_earlier(tx: Transaction) -> Preparation[Mapping[int, int]]:
        index = first(tx) if callable(first) else first
        if index == 0:
            return Preparation(first=index, result={})
        earlier = repeat_earlier_merges(tx, settings, plan_id=plan_id, identifiers=identifiers)
        return Preparation(first=index, result=earlier.last_writes, resolutions=earlier.resolutions)

    previewed = preview_decisions(pool, settings, workspace_id=workspace_id, updates=updates, prepare=repeat_earlier)
    seen = _list_seen(previewed.decisions, previewed.prepared)
    return [
        PlanUpdate(
            orphan_identifier=to_record(update.orphan),
            survivor_identifier=to_record(update.survivor),
            result=result,
            seen=each,
            names=sorted({name for profile in (decision.orphan, decision.survivor) for name in _names(profile)}),
        )
        for update, result, each, decision in zip(
            updates, list_results(previewed), seen, previewed.decisions, strict=True
        )
    ]


def _list_seen(decisions: Sequence[Decision], last_writes: Mapping[int, int]) -> list[dict[str, Any] | None]:
    """Return how each of *decisions* saw its profiles; *last_writes* are those of earlier updates."""
    writes = dict(last_writes)
    seen: list[dict[str, Any] | None] = []
    for each in decisions:
        if each.merged is None or each.orphan is None or each.survivor is None:
            seen.append(None)
            continue
        seen.append({"orphan": _side(each.orphan, writes), "survivor": _side(each.survivor, writes)})
        writes[each.survivor.id] = each.job.index
    return seen


def _side(profile: Profile, writes: Mapping[int, int]) -> dict[str, Any]:
    after = writes.get(profile.id)
    return {
        "fields": digest_fields(profile),
        "updated_at": profile.updated_at.isoformat() if after is None else None,
        "after": after,
    }


def _names(profile: Profile | None) -> Iterator[tuple[str, ...]]:
    """Yield the keys of the identifiers of *profile*, in the form of sharing_key."""
    if profile is None:
        return
    if profile.external_id is not None:
        yield sharing_key(ExternalId(profile.external_id))
    for label, name in profile.user_aliases.items():
        yield sharing_key(UserAlias(label=label, name=name))
    if profile.email is not None:
        yield ("email", profile.email.key)
    if profile.phone is not None and profile.phone.e164 is not None:
        yield ("phone", profile.phone.e164)


def _ref(row: Mapping[str, Any], role: str) -> ProfileRef | None:
    if row[f"{role}_id"] is None:
        return None
    return ProfileRef(id=row[f"{role}_id"], braze_id=row[f"{role}_braze_id"], external_id=row[f"{role}_external_id"])
