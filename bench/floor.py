"""The floor: the product's merge code, called in a single process on lanes of fifty, without HTTP and broker.

`python -m bench.floor WARM` runs WARM lanes, prints this, and waits for SIGUSR1. Then it runs the rest of the ledger,
prints the seconds that this took, and waits for a signal, so that the benchmark can read its resource usage.
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

#: The line that it prints when it is ready, and the text before the seconds.
WARM, TOOK = "It is warm.", "It took"
QUERIES = load_queries("bench", "floor.sql")


def main(warm: int) -> None:
    """Run the whole ledger, lane by lane."""
    # Blocked from the start, so that an early signal is not lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    settings = Settings.from_environ()
    with open_pool(settings, name="floor") as pool:
        lanes = _lanes(pool)
        # A worker does this when it is ready.
        tune_gc()
        _run(pool, settings, lanes[:warm])
        _print(WARM)
        signal.sigwait([signal.SIGUSR1])
        began = perf_counter()
        _run(pool, settings, lanes[warm:])
        _print(f"{TOOK} {perf_counter() - began:.6f}")
        signal.sigwait([signal.SIGUSR1])


def _lanes(pool: Pool) -> list[list[UUID]]:
    """Return the jobs of the ledger in order, fifty in a lane."""
    with open_transaction(pool, WORKSPACE_ID) as tx:
        ids = [row["id"] for row in tx.execute(QUERIES["list_jobs"])]
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]


def _run(pool: Pool, settings: Settings, lanes: list[list[UUID]]) -> None:
    """Run *lanes* one after the other."""
    for job_ids in lanes:
        execute_lane(pool, settings, Lane(workspace_id=WORKSPACE_ID, job_ids=job_ids, task_id=uuid7()))


def _print(line: str) -> None:
    """Print *line* for the benchmark, which reads it from the log."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
