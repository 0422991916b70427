"""`/merge/jobs`: single updates, by state, outcome or identifier, what a merge changed, and dead ones retried."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.db import Connection, borrow, in_transaction
from app.ledger import reading, retrying
from app.web.accepted import RETRY_AFTER
from app.web.door import POLLING, door, pool
from app.web.pages import cut
from schemas.jobs import JobPageQuery, JobPageSchema, JobQuery, JobSchema, load_query

blueprint = Blueprint("merge_jobs", __name__, url_prefix="/merge/jobs")

QUERY = JobQuery()
JOB = JobSchema()
PAGE_QUERY = JobPageQuery()
PAGE = JobPageSchema()


@blueprint.get("/<uuid:job_id>")
@door(permission=POLLING)
def read(job_id: UUID) -> ResponseReturnValue:
    """Answer with a job; with `?include=changes`, what it changed on the survivor beside it."""
    query = load_query(QUERY, request.args)
    with borrow(pool(), workspace_id=g.workspace_id) as connection:
        shown: dict[str, Any] = JOB.dump(reading.read_job(connection, workspace_id=g.workspace_id, job_id=job_id))
        if "include" in query:
            shown["changes"] = reading.read_changes(connection, workspace_id=g.workspace_id, job_id=job_id)
    return jsonify(shown)


@blueprint.get("")
@door(permission=POLLING)
def page() -> ResponseReturnValue:
    """Answer with a page of the jobs that are wanted, newest first."""
    query = load_query(PAGE_QUERY, request.args)
    wanted = reading.Wanted(state=query.get("state"), outcome=query.get("outcome"), identifier=query.get("identifier"))
    with borrow(pool(), workspace_id=g.workspace_id) as connection:
        jobs = reading.list_jobs(
            connection,
            workspace_id=g.workspace_id,
            wanted=wanted,
            limit=query["limit"] + 1,
            before=query.get("cursor"),
        )
    shown, next_cursor = cut(jobs, query["limit"])
    return jsonify(PAGE.dump({"jobs": shown, "next_cursor": next_cursor}))


@blueprint.post("/<uuid:job_id>/retry")
@door(permission="users.merge")
def retry(job_id: UUID) -> ResponseReturnValue:
    """Put a dead job back in the queue and answer 202 with it as it stands; 409 when it is not dead."""

    def work(connection: Connection) -> reading.Job:
        retrying.retry(connection, workspace_id=g.workspace_id, job_id=job_id)
        return reading.read_job(connection, workspace_id=g.workspace_id, job_id=job_id)

    shown = jsonify(JOB.dump(in_transaction(pool(), work, workspace_id=g.workspace_id)))
    shown.headers.update({"Location": f"/merge/jobs/{job_id}", "Retry-After": str(RETRY_AFTER)})
    return shown, HTTPStatus.ACCEPTED
