"""Writes the audit of runs: who created, closed, cancelled or undid one."""

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
    changes: list[dict[str, Any]] = [{"field": "state", "before": before, "after": after, "rule": None}]
    _log(tx, run_id, changes, actor)


def log_bulk_action(
    tx: Transaction, *, run_id: UUID, action: BulkAction, filters: Mapping[str, Any], jobs: int, actor: Actor
) -> None:
    """Add an action on many jobs to the audit, with the filter and the number of the jobs."""
    chosen = {"action": action, "filter": filters, "jobs": jobs}
    changes: list[dict[str, Any]] = [
        {"field": "state", "before": None, "after": RunStatus.RUNNING, "rule": None},
        {"field": "jobs", "before": None, "after": chosen, "rule": None},
    ]
    _log(tx, run_id, changes, actor)


def _log(tx: Transaction, run_id: UUID, changes: Sequence[Mapping[str, Any]], actor: Actor) -> None:
    if str(run_id) not in actor.path:
        actor = replace(actor, path=f"{actor.path}/{run_id}")
    log_events(tx, action=Action.RUN, actor=actor, events=[AuditEvent(braze_id=None, changes=changes)])
