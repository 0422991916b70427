"""Requests undos through the API and runs them without a broker."""

from typing import Any

import pytest

from app.db.connections import Pool
from tests.support.flask_caller import Caller
from tests.support.lane_runs import job, merged, run_jobs
from tests.support.profiles import track

Json = dict[str, Any]


def merge_one(caller: Caller, pool: Pool, orphan: Json, survivor: Json) -> str:
    """Merge one pair; return the id of its job."""
    (done,) = merged(caller, pool, (orphan, survivor))
    job_id: str = done["job_id"]

    assert done["outcome"] == "merged", done
    return job_id


def ask_to_undo(caller: Caller, job_id: str) -> Json:
    """Request the undo of a job without running it; return the body of the response."""
    response = caller.post(f"/merge/jobs/{job_id}/undo")
    accepted: Json = response.json

    assert response.status_code == 202, accepted
    return accepted


def undo_one(caller: Caller, pool: Pool, job_id: str, **settings: Any) -> Json:
    """Undo the job *job_id* in a lane with *settings*; return the undo job with its changes."""
    (done,) = run_jobs(caller, pool, ask_to_undo(caller, job_id), **settings)
    return job(caller, done["job_id"], include="changes")


def rename(caller: Caller, current: str, new: str) -> None:
    """Rename the external_id *current* to *new*."""
    renames = [{"current_external_id": current, "new_external_id": new}]
    response = caller.post("/users/external_ids/rename", {"external_id_renames": renames})

    assert (response.json or {})["rename_errors"] == [], response.json


@pytest.fixture
def guest(caller: Caller) -> Json:
    """The alias of a new profile that has no other identifier."""
    alias = {"alias_label": "mail", "alias_name": "guest"}
    track(caller, attributes=[{"user_alias": alias, "colour": "red", "_update_existing_only": False}])
    return alias
