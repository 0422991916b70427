"""Statements that are repeated in place while the schema changes beside running code.

PostgreSQL refuses a prepared statement after its table got another column type (or, where a query does not name its
columns, another column). A lock that VACUUM FULL, REINDEX or ALTER TABLE holds may outlast the lock timeout. When a
migration and a request wait for each other's locks, PostgreSQL ends one of the two. None of these is a fault of the
request. A statement that changed nothing yet is simply run again: outside a transaction, or in one that only reads.
Transactions that write are repeated as a whole, by app/db/transaction.py.
"""

from typing import Any, Self

import psycopg
from psycopg import errors as postgres
from psycopg import pq
from psycopg.rows import Row

from app.db.budget import budget_left_s
from app.db.client_timeout import TimeoutConnection

#: PostgreSQL ended a statement because of the locks of another session.
LOCK_ERRORS = (postgres.LockNotAvailable, postgres.DeadlockDetected)
#: How often a statement is run when it cannot get a lock: three lock timeouts, half a minute by default.
LOCK_ATTEMPTS = 3
#: How often a statement is run when its plan is stale. A second schema change may follow at once.
PLAN_ATTEMPTS = 3
#: The function of PostgreSQL that reports a stale plan. The message is translated, and its SQLSTATE has other causes.
STALE_PLAN_SOURCE = "RevalidateCachedQuery"


def is_stale_plan(error: BaseException | None) -> bool:
    """Return whether PostgreSQL refused a prepared statement because its result has other columns or types by now."""
    return isinstance(error, postgres.FeatureNotSupported) and error.diag.source_function == STALE_PLAN_SOURCE


class RepeatingCursor(psycopg.Cursor[Row]):
    """A cursor that runs a statement again after a stale plan, a lock timeout or a deadlock, where that is safe."""

    def execute(
        self, query: Any, params: Any = None, *, prepare: bool | None = None, binary: bool | None = None
    ) -> Self:
        """Do as psycopg; raise the error of the last attempt."""
        attempt = 1
        while True:
            try:
                return super().execute(query, params, prepare=prepare, binary=binary)
            except (postgres.FeatureNotSupported, *LOCK_ERRORS) as error:
                attempts = LOCK_ATTEMPTS if isinstance(error, LOCK_ERRORS) else PLAN_ATTEMPTS
                if attempt >= attempts or not (isinstance(error, LOCK_ERRORS) or is_stale_plan(error)):
                    raise
                if (left_s := budget_left_s()) is not None and left_s <= 0:
                    raise
                if not self._start_again():
                    raise
            attempt += 1

    def _start_again(self) -> bool:
        """Bring the session back to before the failed statement, without plans; return False if that is impossible."""
        connection = self.connection
        if connection.pgconn.pipeline_status != pq.PipelineStatus.OFF:
            return False
        begin = connection.reading if isinstance(connection, TimeoutConnection) else None
        if connection.info.transaction_status == pq.TransactionStatus.INERROR:
            if begin is None:
                return False
            super().execute("ROLLBACK", prepare=False)
        super().execute("DEALLOCATE ALL", prepare=False)
        for statement in begin or ():
            super().execute(statement, prepare=False)
        return True
