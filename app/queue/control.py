"""Changes of the queue's settings, which the audit records."""

from typing import Any

from app.audit.log import Actor, AuditEvent, log_events
from app.db.transaction import Transaction
from app.ledger import queue_control as ledger
from schemas.audit import Action
from schemas.queue import QueueChange, QueueState

ACTIONS = {QueueState.PAUSED: Action.PAUSE, QueueState.RUNNING: Action.RESUME}


def change_queue(tx: Transaction, change: QueueChange, *, actor: Actor) -> None:
    """Pause or resume the queue, or change its limit. The audit gets an entry for each setting that changed."""
    before, after = ledger.save_queue_change(tx, change, api_key_id=actor.api_key_id)
    if after.state is not before.state:
        _log(tx, ACTIONS[after.state], actor, "state", before.state, after.state)
    limits = before.merges_per_minute_limit, after.merges_per_minute_limit
    if limits[0] != limits[1]:
        _log(tx, Action.LIMIT, actor, "merges_per_minute_limit", *limits)


def _log(tx: Transaction, action: Action, actor: Actor, field: str, before: Any, after: Any) -> None:
    change = {"field": field, "before": before, "after": after, "rule": None}
    log_events(tx, action=action, actor=actor, events=[AuditEvent(braze_id=None, changes=[change])])
