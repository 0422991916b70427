"""Write, read and merge profiles through the web application, without a broker."""

from typing import Any

from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Pool
from app.lane.run import Lane, execute_lane
from tests.support.flask_caller import Caller

Json = dict[str, Any]

NOON = "2026-05-01T12:00:00Z"
#: NOON as exports write it.
NOON_TEXT = "2026-05-01T12:00:00.000Z"


def track(caller: Caller, **arrays: Any) -> Json:
    """Send *arrays* to `/users/track` and return the body; fail unless it accepts at least one object."""
    response = caller.post("/users/track", arrays)
    body: Json = response.json

    assert response.status_code == 201, body
    return body


def export(caller: Caller, **identifiers: Any) -> list[Json]:
    """Return the profiles that `/users/export/ids` returns for *identifiers*."""
    response = caller.post("/users/export/ids", identifiers)

    assert response.status_code == 201, response.json
    users: list[Json] = response.json["users"]
    return users


def the_profile(caller: Caller, external_id: str = "me") -> Json:
    """Return the one profile with *external_id*."""
    (user,) = export(caller, external_ids=[external_id])
    return user


def merge(caller: Caller, pool: Pool, *, orphan: str, survivor: str) -> None:
    """Merge two profiles by their external_ids, through the web application and the lane."""
    update = {"identifier_to_merge": {"external_id": orphan}, "identifier_to_keep": {"external_id": survivor}}
    accepted = caller.post("/users/merge", {"merge_updates": [update]}).json
    (job,) = caller.get(accepted["status_url"]).json["jobs"]
    execute_lane(pool, Settings(), Lane(workspace_id=caller.workspace_id, job_ids=[job["job_id"]], task_id=uuid7()))
    (job,) = caller.get(accepted["status_url"]).json["jobs"]

    assert job["outcome"] == "merged", job
