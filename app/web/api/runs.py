"""`/merge/runs`: operations of many batches as one thing with a state."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.audit.log import Actor
from app.audit.runs import log_run_change
from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.ledger import runs
from app.ledger.batch_lists import BatchFilter, list_batches
from app.ledger.undo_time import run_with_undo_time
from app.queue import cancel
from app.undo.run_undo import accept_run_undo
from app.web.accepted import RETRY_AFTER
from app.web.api.run_filters import list_requested_runs
from app.web.auth import current_actor, json_body, pool, requires, settings
from app.web.idempotent import respond_once
from app.web.job_permissions import require_kind, require_permission
from app.web.long_polling import digest_of, respond_when_changed
from app.web.openapi.describe import KEY_IN_USE, LONG_POLLED, LONG_POLLING, REPEATABLE, Tag, describe, reply
from app.web.proxies import with_prefix
from app.web.urgency import urgency_of_run
from schemas.jobs import BatchPageSchema
from schemas.outcomes import RunStatus
from schemas.paging import PageQuery, load_query
from schemas.runs import (
    MergeRunPageQuery,
    MergeRunPageSchema,
    MergeRunSchema,
    NewRunSchema,
    RunCreatedSchema,
    load_new_run,
)

blueprint = Blueprint("runs", __name__, url_prefix="/merge/runs")

READ, MANAGE = "runs.read", "runs.manage"
EITHER = (READ, MANAGE)

RUN = MergeRunSchema()
PAGE = MergeRunPageSchema()
#: Members that are not part of the ETag.
MOMENTARY = frozenset({"merges_per_minute", "estimated_finish_at"})
BATCH_QUERY = PageQuery()
BATCH_PAGE = BatchPageSchema()


@describe(
    Tag.RUNS,
    "Create a run",
    body=NewRunSchema,
    example={"label": "March duplicates", "max_failures": "2%"},
    headers=(*REPEATABLE, "Priority"),
    replies={201: reply(RunCreatedSchema, "Location")},
)
@blueprint.post("")
@requires(permission=MANAGE)
def create_run_view() -> ResponseReturnValue:
    """Create an open run. Requests to merge, identify and undo join it with the header `Merge-Run: {run_id}`.

    With `max_failures` the run is paused when more of its jobs are dead, refused or ambiguous. The others wait until
    the run is resumed or cancelled. Imports of profiles join a run of the kind `import`.
    """
    body = json_body()
    given = load_new_run(body)
    given["priority"] = urgency_of_run(given.get("priority"))

    def answer(run_id: UUID) -> ResponseReturnValue:
        return _created(run_id), HTTPStatus.CREATED

    return respond_once(
        lambda once: run_in_transaction(pool(), g.workspace_id, once(_create), given, current_actor()),
        answer,
        body=body,
    )


@describe(
    Tag.RUNS,
    "List runs, newest first, by kind, state, source, key, time, or by the outcome and identifier of a job",
    query=MergeRunPageQuery,
    replies={200: MergeRunPageSchema},
)
@blueprint.get("")
@requires(permission=EITHER)
def list_merge_runs_view() -> ResponseReturnValue:
    """Return a page of runs, newest first, or oldest first with `order=oldest`.

    A page reads at most 10,000 runs, or 2,000 with a filter of an outcome. When few of them match, it has less than
    `limit` runs although there are more: the list ends when `next_cursor` is null. The filter of an identifier needs
    the permission of jobs: `users.merge` or `users.identify`.
    """
    page = list_requested_runs(request.args)
    return jsonify(PAGE.dump({"runs": [timed_run(run) for run in page.runs], "next_cursor": page.next_cursor}))


@describe(
    Tag.RUNS,
    "Poll a run",
    headers=LONG_POLLING,
    replies={200: reply(MergeRunSchema, *LONG_POLLED, "Retry-After?")},
)
@blueprint.get("/<uuid:run_id>")
@requires(permission=EITHER)
def read_merge_run_view(run_id: UUID) -> ResponseReturnValue:
    """Return a run with the counts of its jobs, at most about a second old, its rate and its estimated end.

    304 if nothing but the rate and the estimated end has changed since the response of `If-None-Match`; with
    `Prefer: wait=N` after N seconds without a change.
    """

    def read() -> Response:
        with open_transaction(pool(), g.workspace_id) as tx:
            run = runs.read_merge_run(tx, run_id=run_id)
        dumped = RUN.dump(timed_run(run))
        response = jsonify(dumped)
        # The rate and the end differ from moment to moment, also while no job ends.
        response.set_etag(digest_of({name: value for name, value in dumped.items() if name not in MOMENTARY}))
        if run.state in {RunStatus.OPEN, RunStatus.RUNNING}:
            response.headers["Retry-After"] = str(RETRY_AFTER)
        return response

    return respond_when_changed(read)


@describe(Tag.RUNS, "List the batches of a run, newest first", query=PageQuery, replies={200: BatchPageSchema})
@blueprint.get("/<uuid:run_id>/batches")
@requires(permission=EITHER)
def list_batches_of_run_view(run_id: UUID) -> ResponseReturnValue:
    """Return a page of the batches of a run, newest first, without their jobs."""
    query = load_query(BATCH_QUERY, request.args)
    with open_transaction(pool(), g.workspace_id) as tx:
        runs.read_run_state(tx, run_id=run_id)
        page = list_batches(tx, matching=BatchFilter(run_id=run_id), limit=query["limit"], after=query.get("cursor"))
    return jsonify(BATCH_PAGE.dump({"batches": page.batches, "next_cursor": page.next_cursor}))


@describe(
    Tag.RUNS,
    "Close a run",
    headers=REPEATABLE,
    replies={200: MergeRunSchema, 409: f"The run is not open. {KEY_IN_USE}"},
)
@blueprint.post("/<uuid:run_id>/close")
@requires(permission=MANAGE)
def close_run_view(run_id: UUID) -> ResponseReturnValue:
    """Close an open run and return it: it gets no more batches, and is finished when its jobs have ended."""
    return respond_once(
        lambda once: run_in_transaction(pool(), g.workspace_id, once(close_requested_run), run_id, current_actor()),
        lambda run: jsonify(RUN.dump(timed_run(run))),
    )


@describe(
    Tag.RUNS,
    "Cancel a run",
    headers=REPEATABLE,
    replies={
        202: reply(MergeRunSchema, "Location", "Retry-After"),
        409: f"No job of the run waits any more, and it gets no more jobs, or it is an import. {KEY_IN_USE}",
    },
)
@blueprint.post("/<uuid:run_id>/cancel")
@requires(permission=MANAGE)
def cancel_merge_run_view(run_id: UUID) -> ResponseReturnValue:
    """Close a run, cancel its jobs that no worker has begun, and return the run.

    No worker begins one of its jobs after the response. They get the outcome `cancelled` in the background. Jobs that
    run are finished: `counts` has them apart. The run is `cancelled` when all have ended. A scan for duplicates and an
    undo of a run end too. The key also needs the permission of the jobs.
    """

    def answer(run: runs.MergeRun) -> ResponseReturnValue:
        response = jsonify(RUN.dump(timed_run(run)))
        response.headers.update(_poll(run_id))
        return response, HTTPStatus.ACCEPTED

    return respond_once(
        lambda once: run_in_transaction(pool(), g.workspace_id, once(cancel_requested_run), run_id, current_actor()),
        answer,
    )


@describe(
    Tag.RUNS,
    "Undo all merges of a run",
    headers=(*REPEATABLE, "Priority"),
    replies={
        202: reply(RunCreatedSchema, "Location", "Retry-After"),
        409: (
            "The run has unfinished jobs or nothing to undo, is an undo or an import, or another undo of it is running."
            f" {KEY_IN_USE}"
        ),
    },
)
@blueprint.post("/<uuid:run_id>/undo")
@requires(permission=MANAGE)
def undo_run_view(run_id: UUID) -> ResponseReturnValue:
    """Undo every merge of a run that is not undone, the latest first, as a run of its own: `run_id` is its id.

    An open run is closed. The key also needs the permission of the jobs that it undoes. 409 while a job of the run is
    unfinished, and for an import, which has no jobs.
    """

    def answer(undo_id: UUID) -> ResponseReturnValue:
        response = _created(undo_id)
        response.headers.update(_poll(undo_id))
        return response, HTTPStatus.ACCEPTED

    return respond_once(
        lambda once: run_in_transaction(pool(), g.workspace_id, once(undo_requested_run), run_id, current_actor()),
        answer,
    )


def _created(run_id: UUID) -> Response:
    url = f"/merge/runs/{run_id}"
    response = jsonify(run_id=str(run_id), status_url=url)
    response.headers["Location"] = with_prefix(url)
    return response


def _poll(run_id: UUID) -> dict[str, str]:
    """Return the headers of a response after which the client polls a run."""
    return {"Location": with_prefix(f"/merge/runs/{run_id}"), "Retry-After": str(RETRY_AFTER)}


def _create(tx: Transaction, given: dict[str, Any], actor: Actor) -> UUID:
    run_id = runs.create_run(
        tx,
        label=given.get("label"),
        kind=given["kind"],
        priority=given["priority"],
        max_failures=given.get("max_failures"),
        api_key_id=actor.api_key_id,
        request_id=actor.request_id,
    )
    log_run_change(tx, run_id=run_id, before=None, after=RunStatus.OPEN, actor=actor)
    return run_id


def close_requested_run(tx: Transaction, run_id: UUID, actor: Actor) -> runs.MergeRun:
    closed = runs.close_run(tx, run_id=run_id)
    log_run_change(tx, run_id=run_id, before=RunStatus.OPEN, after=RunStatus.RUNNING, actor=actor)
    return closed


def cancel_requested_run(tx: Transaction, run_id: UUID, actor: Actor) -> runs.MergeRun:
    cancel.cancel_merge_run(tx, run_id=run_id, actor=actor, authorize=require_kind)
    return runs.read_merge_run(tx, run_id=run_id)


def undo_requested_run(tx: Transaction, run_id: UUID, actor: Actor) -> UUID:
    undo_id = accept_run_undo(
        tx,
        run_id=run_id,
        authorize=require_permission,
        priority=urgency_of_run(),
        api_key_id=actor.api_key_id,
        request_id=actor.request_id,
    )
    log_run_change(tx, run_id=undo_id, before=None, after=RunStatus.RUNNING, actor=actor)
    return undo_id


def timed_run(run: runs.MergeRun) -> runs.MergeRun:
    """Return *run* with the time until which it can be undone."""
    return run_with_undo_time(run, days=settings().undo_days)
