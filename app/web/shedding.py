"""Load shedding: requests that create jobs are refused while too many jobs of their workspace wait.

The number of waiting jobs is an estimate that a short-lived thread updates, so that no request waits for the count.
"""

import logging
from threading import Thread

from flask import Flask, Response, current_app, g

from app.config import Settings
from app.db.connections import Pool
from app.db.errors import CONTENTION_ERRORS
from app.db.transaction import open_transaction
from app.errors import DatabaseUnavailable
from app.ledger.backlog import BacklogLimiter
from app.web.resources import pool

log = logging.getLogger(__name__)
NAME = "mergelane-backlogs"


def register_load_shedding(flask: Flask, settings: Settings) -> None:
    """Add the backlog estimates to *flask* and update them after requests."""
    flask.extensions[NAME] = BacklogLimiter(settings.waiting_bound)
    flask.after_request(count_backlog_when_due)


def backlogs() -> BacklogLimiter:
    """Return the backlog estimates of this process; the count of this request's workspace may follow the response."""
    g.creates_jobs = True
    limiter: BacklogLimiter = current_app.extensions[NAME]
    return limiter


def count_backlog_when_due(response: Response) -> Response:
    """Start to count the waiting jobs of the workspace, if the request creates jobs and the estimate is old."""
    if "creates_jobs" in g:
        limiter, workspace_id, connections = backlogs(), g.workspace_id, pool()
        if limiter.claim_count(workspace_id):
            Thread(target=_count, args=(limiter, workspace_id, connections), name="backlog", daemon=True).start()
    return response


def _count(limiter: BacklogLimiter, workspace_id: int, connections: Pool) -> None:
    """Update the estimate of a workspace; without an answer of the database the old estimate stays."""
    try:
        with open_transaction(connections, workspace_id) as tx:
            limiter.count(tx)
    except (DatabaseUnavailable, *CONTENTION_ERRORS) as error:
        log.warning("backlog_not_counted", extra={"error": type(error).__name__})
