"""Duplicates: runs over them go on step by step, each short, and one for each workspace in turn."""

import logging

from app.config import Settings
from app.db.connections import Pool, lend_connection
from app.db.errors import CONTENTION_ERRORS
from app.db.transaction import run_in_transaction
from app.duplicates.advance import go_on, workspaces_to_serve
from app.duplicates.runs import fail
from app.errors import DatabaseUnavailable

log = logging.getLogger(__name__)


class Runner:
    """Puts the merges of duplicates into the ledger. Any number of relays may: a run is taken by one at a time."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        """Look after the runs behind *pool*."""
        self._pool = pool
        self._settings = settings

    def run_once(self) -> int:
        """Begin the daily runs that are due and take a step of every run; return how many steps were taken."""
        with lend_connection(self._pool) as connection:
            workspaces = workspaces_to_serve(connection)
        return sum(self._go_on(workspace_id) for workspace_id in workspaces)

    def _go_on(self, workspace_id: int) -> bool:
        """Take a step of one workspace's run. A run that cannot go on fails; the relay and the other runs do not."""
        try:
            return go_on(self._pool, self._settings, workspace_id=workspace_id)
        except (DatabaseUnavailable, *CONTENTION_ERRORS):
            raise
        except Exception:
            log.exception("duplicate_run_failed", extra={"workspace_id": workspace_id})
            run_in_transaction(self._pool, workspace_id, fail)
            return False
