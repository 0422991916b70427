"""Jobs of applied plans: each merges only if both profiles are as its plan saw them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from app.db.queries import load_queries
from app.db.transaction import Deferred, Transaction
from app.lane.decide import Decision
from app.ledger.execution import ClaimedJob
from app.merging.profile import Profile, describe_profile
from app.profiles.fingerprint import changed_fields
from schemas.outcomes import Outcome

QUERIES = load_queries("app.lane", "planned.sql")

FORGOTTEN = (
    "The plan does not have this pair any more: a profile of it was deleted, or the plan has expired. Plan it again."
)
OTHER_OUTCOME = "The plan saw the outcome {planned}, and now it would be {now}. Plan the pair again."
OTHER_PROFILE = "The {role} was profile {planned} when the plan saw it, and now is {now}. Plan the pair again."
CHANGED = "{profile} has changed since the plan saw it: {fields}. Plan the pair again."
NOT_MERGED = (
    "{profile} is without an earlier merge of the plan, which did not happen or was undone. Plan the pair again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSide:
    """A profile as the plan saw it."""

    id: int
    braze_id: str
    #: The digests of its fields.
    fields: Mapping[str, str]
    #: The time of its last write; None if an earlier merge of the plan writes it.
    updated_at: datetime | None
    #: The index of that merge in the plan, and its time if it has been committed.
    after: int | None
    after_at: datetime | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any], role: str) -> "PlannedSide | None":
        """Return one side of a table row; None if the plan saw no merge."""
        seen = (row["seen"] or {}).get(role)
        if seen is None:
            return None
        updated_at = seen["updated_at"]
        return cls(
            id=row[f"{role}_id"],
            braze_id=row[f"{role}_braze_id"],
            fields=seen["fields"],
            updated_at=None if updated_at is None else datetime.fromisoformat(updated_at),
            after=seen["after"],
            after_at=row[f"{role}_after_at"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedJob:
    """What the plan of a job saw."""

    plan_id: UUID
    index: int
    outcome: Outcome
    orphan: PlannedSide | None
    survivor: PlannedSide | None


@dataclass(slots=True)
class PlanChecks:
    """Checks the decisions of a lane against the plans of its jobs, in order."""

    #: The jobs of plans; None for one whose plan does not have its update any more.
    jobs: Mapping[UUID, PlannedJob | None]
    #: When the merges of this lane wrote their survivors, by plan and index.
    _written: dict[tuple[UUID, int], datetime] = field(default_factory=dict)

    def check(self, decision: Decision) -> Decision:
        """Return *decision*, or the refusal of a job whose profiles are not as its plan saw them."""
        if decision.job.id not in self.jobs:
            return decision
        planned = self.jobs[decision.job.id]
        reason = FORGOTTEN if planned is None else self._difference(decision, planned)
        if reason is not None:
            return replace(decision, outcome=Outcome.CHANGED_SINCE_PLAN, reason=reason, merged=None, identified=None)
        if planned is not None and decision.merged:
            self._written[planned.plan_id, planned.index] = decision.at
        return decision

    def _difference(self, decision: Decision, planned: PlannedJob) -> str | None:
        """Return the reason why *decision* is not what the plan saw; None if it is."""
        if decision.outcome is not planned.outcome:
            return OTHER_OUTCOME.format(planned=planned.outcome, now=decision.outcome)
        if not decision.merged:
            return None
        sides = (("orphan", decision.orphan, planned.orphan), ("survivor", decision.survivor, planned.survivor))
        reasons = (self._change(role, found, seen, planned.plan_id) for role, found, seen in sides if found and seen)
        return next((reason for reason in reasons if reason), None)

    def _change(self, role: str, found: Profile, seen: PlannedSide, plan_id: UUID) -> str | None:
        if found.id != seen.id:
            return OTHER_PROFILE.format(role=role, planned=seen.braze_id, now=found.braze_id)
        name = describe_profile(found).capitalize()
        expected = seen.updated_at
        if seen.after is not None:
            expected = self._written.get((plan_id, seen.after), seen.after_at)
            if expected is None:
                return NOT_MERGED.format(profile=name)
        fields = changed_fields(seen.fields, found)
        if not fields and found.updated_at != expected:
            # A write may leave every field as it was, and counts too.
            fields = ["updated_at"]
        return CHANGED.format(profile=name, fields=", ".join(fields)) if fields else None


def load_plan_checks(tx: Transaction, *, jobs: Sequence[ClaimedJob]) -> Deferred[PlanChecks]:
    """Request what the plans of *jobs* saw. Without a job of a plan, no statement is sent."""
    ids = [job.id for job in jobs if job.planned]
    if not ids:
        return Deferred(lambda: PlanChecks({}))
    nothing: dict[UUID, PlannedJob | None] = dict.fromkeys(ids)
    return tx.defer(
        QUERIES["load_planned_jobs"],
        {"ids": ids},
        read=lambda cursor: PlanChecks(nothing | {row["job_id"]: _planned_job(row) for row in cursor.fetchall()}),
    )


def _planned_job(row: Mapping[str, Any]) -> PlannedJob:
    return PlannedJob(
        plan_id=row["plan_id"],
        index=row["index"],
        outcome=Outcome(row["outcome"]),
        orphan=PlannedSide.from_row(row, "orphan"),
        survivor=PlannedSide.from_row(row, "survivor"),
    )
