"""`/merge/runs/{run_id}/resume`: lets the jobs of a paused run begin again."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.audit.log import Actor
from app.db.transaction import Transaction, run_in_transaction
from app.ledger import runs
from app.queue.run_pause import resume_merge_run
from app.web.api.runs import MANAGE, RUN, timed_run
from app.web.auth import current_actor, json_body, pool, requires
from app.web.idempotent import respond_once
from app.web.openapi.describe import KEY_IN_USE, REPEATABLE, Tag, describe
from schemas.runs import MergeRunSchema, ResumedRunSchema, load_resumed_run

blueprint = Blueprint("run_resume", __name__, url_prefix="/merge/runs")


@describe(
    Tag.RUNS,
    "Resume a paused run",
    body=ResumedRunSchema,
    example={"max_failures": "5%"},
    headers=REPEATABLE,
    replies={200: MergeRunSchema, 409: f"The run is not paused. {KEY_IN_USE}"},
)
@blueprint.post("/<uuid:run_id>/resume")
@requires(permission=MANAGE)
def resume_run_view(run_id: UUID) -> ResponseReturnValue:
    """Let the jobs of a run begin again that was paused because too many had failed, and return the run.

    `max_failures` sets another limit, and null removes it. Without the key, or without a body, the limit stays. Jobs
    that have ended before do not count for it.
    """
    body = json_body() if request.content_length or request.mimetype else {}
    change = load_resumed_run(body)
    return respond_once(
        lambda once: run_in_transaction(
            pool(), g.workspace_id, once(resume_requested_run), run_id, change, current_actor()
        ),
        lambda run: jsonify(RUN.dump(timed_run(run))),
        body=body,
    )


def resume_requested_run(tx: Transaction, run_id: UUID, change: Mapping[str, Any], actor: Actor) -> runs.MergeRun:
    resume_merge_run(tx, run_id=run_id, change=change, actor=actor)
    return runs.read_merge_run(tx, run_id=run_id)
