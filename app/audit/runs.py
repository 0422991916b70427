"""Writes the audit of runs: who created, closed, cancelled or undid one."""

from dataclasses import replace
from uuid import UUID

from app.audit.log import Actor, AuditEvent, log_events
from app.db.transaction import Transaction
from schemas.audit import Action
from schemas.outcomes import RunStatus


def log_run_change(tx: Transaction, *, run_id: UUID, before: RunStatus | None, after: RunStatus, actor: Actor) -> None:
    """Add the change of a run's state to the audit. The path of the entry names the run."""
    if str(run_id) not in actor.path:
        actor = replace(actor, path=f"{actor.path}/{run_id}")
    changes = [{"field": "state", "before": before, "after": after, "rule": None}]
    log_events(tx, action=Action.RUN, actor=actor, events=[AuditEvent(braze_id=None, changes=changes)])
