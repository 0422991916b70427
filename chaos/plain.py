"""Celery without the ledger: one task for each update, with Celery's own safeguards.

A task exists only as a message; no row in the database records it. Its safeguards are late acknowledgement, rejection
when the worker is lost, a short visibility timeout, and five retries after any error. The merge is the product's code.
"""

from typing import Any
from uuid import UUID

from celery import Celery, Task
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.queries import load_queries
from app.db.transaction import Transaction, run_in_transaction
from app.errors import ResolutionUnsettled
from app.lane.lock_and_decide import lock_and_decide, resolve_pairs
from app.lane.save import save_effects
from app.ledger.execution import ClaimedJob
from schemas.outcomes import JobKind
from workers import resources
from workers.celery import make_celery

QUERIES = load_queries("chaos", "plain.sql")
TASK = "chaos.plain.merge"


def make_plain(settings: Settings) -> Celery:
    """Return a Celery application with the product's settings and another task."""
    celery = make_celery(settings)
    celery.conf.include = ["chaos.plain"]
    return celery


app = make_plain(resources.settings())


@app.task(name=TASK, bind=True, autoretry_for=(Exception,), max_retries=5, retry_backoff=1, retry_backoff_max=10)
def merge(self: Task, workspace_id: int, kind: str, orphan: dict[str, Any], survivor: dict[str, Any]) -> None:
    """Merge one pair, and record the run of this task."""
    job = ClaimedJob(
        id=UUID(self.request.id),
        batch_id=uuid7(),
        index=0,
        kind=JobKind(kind),
        orphan_wire=orphan,
        survivor_wire=survivor,
        attempts=1,
    )
    run_in_transaction(resources.pool(), workspace_id, _transact, job)


def _transact(tx: Transaction, job: ClaimedJob) -> None:
    """Resolve, lock, merge, save and record the run, in the caller's transaction."""
    pairs = resolve_pairs(tx, jobs=[job]).result()
    working_set, decisions = lock_and_decide(tx, resources.settings(), pairs=pairs)
    if not decisions:
        raise ResolutionUnsettled("The profiles changed between resolution and lock.")
    save_effects(tx, working_set=working_set, decisions=decisions)
    outcome = decisions[0].outcome.value
    tx.execute(QUERIES["note_run"], {"task_id": job.id, "outcome": outcome})
