"""Load is shed at the door: requests that would make jobs are refused while too many of their workspace's wait.

How many wait is looked up beside the requests, in a thread that lives for one look, so that nobody waits for it.
"""

import logging
from threading import Thread

from flask import Flask, Response, current_app, g

from app.config import Settings
from app.db.connections import Pool
from app.db.errors import CONTENTION_ERRORS
from app.db.transaction import open_transaction
from app.errors import DatabaseUnavailable
from app.ledger.backlog import Backlogs
from app.web.resources import pool

LOG = logging.getLogger(__name__)
NAME = "mergelane-backlogs"


def register_load_shedding(flask: Flask, settings: Settings) -> None:
    """Have the backlogs behind *flask* looked at."""
    flask.extensions[NAME] = Backlogs(settings.waiting_bound)
    flask.after_request(count_backlog_when_due)


def backlogs() -> Backlogs:
    """Return what this process knows of backlogs; that of this request's workspace is looked at if that is due."""
    g.made_jobs = True
    known: Backlogs = current_app.extensions[NAME]
    return known


def count_backlog_when_due(response: Response) -> Response:
    """Have the backlog of a workspace whose request would make jobs looked at, if that is due."""
    if "made_jobs" in g:
        known, workspace_id, connections = backlogs(), g.workspace_id, pool()
        if known.is_due(workspace_id):
            Thread(target=_look, args=(known, workspace_id, connections), name="backlog", daemon=True).start()
    return response


def _look(known: Backlogs, workspace_id: int, connections: Pool) -> None:
    """Look at a workspace's backlog; a database that has no time for it is asked another time."""
    try:
        with open_transaction(connections, workspace_id) as tx:
            known.look(tx)
    except (DatabaseUnavailable, *CONTENTION_ERRORS) as error:
        LOG.warning("The waiting jobs could not be counted", extra={"error": type(error).__name__})
