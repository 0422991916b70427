"""Writes the audit of runs: who created, closed, cancelled, paused, resumed or undid one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from app.audit.log import Actor, AuditEvent, log_events
from app.db.transaction import Transaction
from schemas.audit import Action
from schemas.bulk import BulkAction
from schemas.outcomes import RunStatus


def log_run_change(tx: Transaction, *, run_id: UUID, before: RunStatus | None, after: RunStatus, actor: Actor) -> None:
    """Add the change of a run's state to the audit. The path of the entry names the run."""
    _log(tx, run_id, Action.RUN, actor, [{"field": "state", "before": before, "after": after, "rule": None}])


def log_run_pause(tx: Transaction, *, run_id: UUID, action: Action, reason: str, actor: Actor) -> None:
    """Add to the audit that a run was paused for *reason*, or was resumed after it. The path names the run."""
    before, after = (None, reason) if action is Action.PAUSE else (reason, None)
    _log(tx, run_id, action, actor, [{"field": "paused_reason", "before": before, "after": after, "rule": None}])


def log_bulk_action(
    tx: Transaction, *, run_id: UUID, action: BulkAction, filters: Mapping[str, Any], jobs: int, actor: Actor
) -> None:
    """Add an action on many jobs to the audit, with the filter and the number of the jobs."""
    chosen = {"action": action, "filter": filters, "jobs": jobs}
    changes: list[dict[str, Any]] = [
        {"field": "state", "before": None, "after": RunStatus.RUNNING, "rule": None},
        {"field": "jobs", "before": None, "after": chosen, "rule": None},
    ]
    _log(tx, run_id, Action.RUN, actor, changes)


def _log(tx: Transaction, run_id: UUID, action: Action, actor: Actor, changes: Sequence[Mapping[str, Any]]) -> None:
    if str(run_id) not in actor.path:
        actor = replace(actor, path=f"{actor.path}/{run_id}")
    log_events(tx, action=action, actor=actor, events=[AuditEvent(braze_id=None, changes=changes)])
