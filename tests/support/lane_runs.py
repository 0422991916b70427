"""Sends requests that create jobs, and runs these jobs without a broker."""

from typing import Any

from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Pool
from app.lane.run import Lane, execute_lane
from tests.support.flask_caller import Caller

Json = dict[str, Any]


def ext(external_id: str) -> Json:
    """Return the identifier of a profile by external_id."""
    return {"external_id": external_id}


def merged(caller: Caller, pool: Pool, *pairs: tuple[Json, Json]) -> list[Json]:
    """Merge pairs of (orphan, survivor) in one request and one lane; return the finished jobs."""
    return run_jobs(caller, pool, ask_to_merge(caller, *pairs))


def ask_to_merge(caller: Caller, *pairs: tuple[Json, Json]) -> Json:
    """Request merges of pairs of (orphan, survivor) without running the jobs; return the body of the response."""
    updates = [{"identifier_to_merge": orphan, "identifier_to_keep": survivor} for orphan, survivor in pairs]
    accepted: Json = caller.post("/users/merge", {"merge_updates": updates}).json
    return accepted


def identified(caller: Caller, pool: Pool, **arrays: Any) -> list[Json]:
    """Send an identify request, run its jobs in one lane, and return the finished jobs."""
    return run_jobs(caller, pool, caller.post("/users/identify", arrays).json)


def run_jobs(caller: Caller, pool: Pool, accepted: Json, **settings: Any) -> list[Json]:
    """Run the jobs of an accepted batch in one lane with *settings*, and return them."""
    job_ids = [job["job_id"] for job in jobs_of(caller, accepted)]
    execute_lane(pool, Settings(**settings), Lane(workspace_id=caller.workspace_id, job_ids=job_ids, task_id=uuid7()))
    return jobs_of(caller, accepted)


def job(caller: Caller, job_id: str, **query: str) -> Json:
    """Return a job from its URL."""
    response = caller.get(f"/merge/jobs/{job_id}", **query)
    shown: Json = response.json

    assert response.status_code == 200, shown
    return shown


def jobs_of(caller: Caller, accepted: Json) -> list[Json]:
    """Return the jobs of an accepted batch from its URL."""
    jobs: list[Json] = caller.get(accepted["status_url"]).json["jobs"]
    return jobs


def outcomes(jobs: list[Json]) -> list[str]:
    """Return the outcomes of *jobs*."""
    return [job["outcome"] for job in jobs]
