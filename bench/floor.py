"""The floor: the product's own merge code, called in this one process on lanes of fifty, with no HTTP and no broker.

`python -m bench.floor WARM` runs WARM lanes, says so, and waits for SIGUSR1; then it runs the rest of the ledger, says
how many seconds that took, and waits to be ended, so that what it used can be read.
"""

import signal
import sys
from time import perf_counter
from uuid import UUID

from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Pool, open_pool
from app.db.queries import load_queries
from app.db.transaction import open_transaction
from app.gc_tuning import tune_gc
from app.lane.run import Lane, execute_lane
from bench.world import BATCH, WORKSPACE_ID

#: What it says when it is ready to be measured, and before the seconds that it took.
WARM, TOOK = "It is warm.", "It took"
QUERIES = load_queries("bench", "floor.sql")


def main(warm: int) -> None:
    """Run the whole ledger, lane by lane."""
    # Blocked from the start, so that a signal that comes early is not lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    settings = Settings.from_environ()
    with open_pool(settings, name="floor") as pool:
        lanes = _lanes(pool)
        # As a worker does when it is ready.
        tune_gc()
        _run(pool, settings, lanes[:warm])
        _tell(WARM)
        signal.sigwait([signal.SIGUSR1])
        began = perf_counter()
        _run(pool, settings, lanes[warm:])
        _tell(f"{TOOK} {perf_counter() - began:.6f}")
        signal.sigwait([signal.SIGUSR1])


def _lanes(pool: Pool) -> list[list[UUID]]:
    """Return the jobs of the ledger in order, fifty to a lane."""
    with open_transaction(pool, WORKSPACE_ID) as tx:
        ids = [row["id"] for row in tx.execute(QUERIES["list_jobs"])]
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]


def _run(pool: Pool, settings: Settings, lanes: list[list[UUID]]) -> None:
    """Run *lanes* one after the other."""
    for job_ids in lanes:
        execute_lane(pool, settings, Lane(workspace_id=WORKSPACE_ID, job_ids=job_ids, task_id=uuid7()))


def _tell(line: str) -> None:
    """Print *line* for the benchmark, which reads it from the log."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
