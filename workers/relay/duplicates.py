"""Advances duplicate runs, one short step for each workspace in turn."""

import logging
from functools import partial

from app.config import Settings
from app.db.connections import Pool, lend_connection
from app.db.errors import CONTENTION_ERRORS
from app.db.replica import Replica
from app.db.transaction import run_in_transaction
from app.duplicates.advance import advance_run, workspaces_with_due_runs
from app.duplicates.runs import fail_run
from app.errors import DatabaseUnavailable

log = logging.getLogger(__name__)


class DuplicateRunner:
    """Adds the merges of duplicate runs to the ledger. Only one relay at a time advances a run."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings
        self._replica = Replica(settings, name="relay")

    def run_once(self) -> int:
        """Start the daily runs that are due and take a step of every run; return the number of steps."""
        with lend_connection(self._pool) as connection:
            workspaces = workspaces_with_due_runs(connection)
        return sum(self._advance(workspace_id) for workspace_id in workspaces)

    def _advance(self, workspace_id: int) -> bool:
        """Take a step of one workspace's run. An error fails the run; the relay and other runs continue."""
        try:
            find_standby = partial(self._replica.standby_pool, self._pool)
            return advance_run(self._pool, self._settings, workspace_id=workspace_id, find_standby=find_standby)
        except (DatabaseUnavailable, *CONTENTION_ERRORS):
            raise
        except Exception:
            log.exception("duplicate_run_failed", extra={"workspace_id": workspace_id})
            run_in_transaction(self._pool, workspace_id, fail_run)
            return False
