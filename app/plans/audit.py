"""Writes the audit of plans: who applied or discarded one."""

from dataclasses import replace
from uuid import UUID

from app.audit.log import Actor, AuditEvent, log_events
from app.db.transaction import Transaction
from schemas.audit import Action
from schemas.plans import PlanState


def log_plan_change(
    tx: Transaction, *, plan_id: UUID, before: PlanState, after: PlanState, actor: Actor, run_id: UUID | None = None
) -> None:
    """Add the change of a plan's state to the audit. The path of the entry names the plan."""
    if str(plan_id) not in actor.path:
        actor = replace(actor, path=f"{actor.path}/{plan_id}")
    changes = [{"field": "state", "before": before, "after": after, "rule": None}]
    if run_id is not None:
        changes.append({"field": "run_id", "before": None, "after": str(run_id), "rule": None})
    log_events(tx, action=Action.PLAN, actor=actor, events=[AuditEvent(braze_id=None, changes=changes)])
