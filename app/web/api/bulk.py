"""`/merge/jobs/bulk`: retry, cancel or undo all jobs of a filter, in the background."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Blueprint, g, jsonify
from flask.typing import ResponseReturnValue

from app.audit.log import Actor
from app.db.transaction import Transaction, run_in_transaction
from app.queue.bulk import BulkRun, accept_bulk
from app.web.accepted import RETRY_AFTER
from app.web.api.jobs import job_filter_from
from app.web.auth import POLLING, current_actor, json_body, pool, requires
from app.web.idempotent import respond_once
from app.web.job_permissions import require_kind
from app.web.openapi.describe import KEY_IN_USE, REPEATABLE, Tag, describe, reply
from app.web.proxies import with_prefix
from schemas.bulk import BulkAcceptedSchema, BulkAction, BulkRequestSchema, load_bulk_request

blueprint = Blueprint("bulk", __name__, url_prefix="/merge/jobs")

ACCEPTED = BulkAcceptedSchema()


@describe(
    Tag.MERGES,
    "Retry, cancel or undo all jobs of a filter",
    body=BulkRequestSchema,
    example={"action": "retry", "filter": {"from": "2026-03-01T08:00:00Z"}},
    headers=REPEATABLE,
    replies={
        202: reply(BulkAcceptedSchema, "Location", "Retry-After"),
        409: f"No job that matches can be retried, cancelled or undone. {KEY_IN_USE}",
    },
)
@blueprint.post("/bulk")
@requires(permission=POLLING)
def accept_bulk_view() -> ResponseReturnValue:
    """Do something to all jobs that match, as a run: at most 10,000 jobs, the newest first.

    The list of jobs is that of this moment. A job that has changed when its turn comes is left alone. The key needs the
    permission of the jobs' kinds; for undos, that of the jobs that they undo. `runs.read` lets it poll the run.
    """
    body = json_body()
    given = load_bulk_request(body)

    def answer(accepted: BulkRun) -> ResponseReturnValue:
        url = f"/merge/runs/{accepted.run_id}"
        members = {"run_id": accepted.run_id, "status_url": url, "jobs": accepted.jobs, "more": accepted.more}
        response = jsonify(ACCEPTED.dump(members))
        response.headers.update({"Location": with_prefix(url), "Retry-After": str(RETRY_AFTER)})
        return response, HTTPStatus.ACCEPTED

    return respond_once(
        lambda once: run_in_transaction(pool(), g.workspace_id, once(accept_requested_bulk), given, current_actor()),
        answer,
        body=body,
    )


def accept_requested_bulk(tx: Transaction, given: Mapping[str, Any], actor: Actor) -> BulkRun:
    """Accept the loaded action *given*. Raises AccessDenied, Rejected and Conflict."""
    return accept_bulk(
        tx,
        action=BulkAction(given["action"]),
        matching=job_filter_from(given["filter"]),
        actor=actor,
        authorize=require_kind,
    )
