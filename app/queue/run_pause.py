"""Pauses of runs, which the audit records. The relay pauses a failing run, and a person resumes it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.audit.log import Actor
from app.audit.runs import log_run_pause
from app.db.transaction import Transaction
from app.ledger.run_pause import resume_paused_run
from schemas.audit import Action

PATH = "/merge/runs"


def log_paused_runs(tx: Transaction, reasons: Mapping[UUID, str]) -> None:
    """Add to the audit that the relay has paused these runs, and why."""
    actor = Actor(api_key_id=None, request_id=None, path=PATH)
    for run_id, reason in reasons.items():
        log_run_pause(tx, run_id=run_id, action=Action.PAUSE, reason=reason, actor=actor)


def resume_merge_run(tx: Transaction, *, run_id: UUID, change: Mapping[str, Any], actor: Actor) -> None:
    """Resume a paused run; *change* may have another limit. Raises NotFound, and Conflict when it is not paused."""
    reason = resume_paused_run(tx, run_id=run_id, change=change)
    log_run_pause(tx, run_id=run_id, action=Action.RESUME, reason=reason, actor=actor)
