"""Creates runs through the API, and counts their jobs without a relay."""

from typing import Any

from app.db.connections import Pool
from app.db.transaction import run_in_transaction
from app.ledger.run_counting import CountingCursor
from tests.support.flask_caller import Caller
from workers.relay.runs import RunCounter, count_step

Json = dict[str, Any]


def create_run(caller: Caller, **body: Any) -> str:
    """Create a run and return its id."""
    response = caller.post("/merge/runs", body)
    created: Json = response.json

    assert response.status_code == 201, created
    run_id: str = created["run_id"]
    return run_id


def in_run(run_id: str) -> dict[str, str]:
    """Return the header that adds a request to a run."""
    return {"Merge-Run": run_id}


def merge_in(caller: Caller, run_id: str, *pairs: tuple[Json, Json], **headers: str) -> Json:
    """Request merges of pairs of (orphan, survivor) in a run; return the body of the response."""
    updates = [{"identifier_to_merge": orphan, "identifier_to_keep": survivor} for orphan, survivor in pairs]
    response = caller.post("/users/merge", {"merge_updates": updates}, headers={**in_run(run_id), **headers})
    accepted: Json = response.json

    assert response.status_code == 202, accepted
    return accepted


def count_all(pool: Pool) -> None:
    """Count the jobs of all runs in all workspaces, as the relay does."""
    counter = RunCounter(pool)
    while counter.run_once():
        pass


def count_once(pool: Pool, caller: Caller) -> None:
    """Run one step of the counting in the caller's workspace."""
    run_in_transaction(pool, caller.workspace_id, count_step, CountingCursor())


def counted(caller: Caller, pool: Pool, run_id: str) -> Json:
    """Run one step of the counting and return a run."""
    count_once(pool, caller)
    return read_run(caller, run_id)


def read_run(caller: Caller, run_id: str) -> Json:
    """Return a run from its URL."""
    response = caller.get(f"/merge/runs/{run_id}")
    run: Json = response.json

    assert response.status_code == 200, run
    return run


def close(caller: Caller, run_id: str) -> Json:
    """Close a run and return it."""
    response = caller.post(f"/merge/runs/{run_id}/close")
    run: Json = response.json

    assert response.status_code == 200, run
    return run
