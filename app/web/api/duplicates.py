"""`/duplicates`: the policy for merging duplicates, the preview of a run, and the runs."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from app.db.ids import new_id
from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.duplicates import csv_export, runs
from app.duplicates.policy import read_policy, set_policy
from app.duplicates.preview import count_duplicates, preview_steps
from app.plans.store import insert_plan
from app.web.accepted import RETRY_AFTER
from app.web.auth import AccessDenied, json_body, pool, requires, settings
from app.web.idempotent import respond_once
from app.web.long_polling import respond_when_changed
from app.web.openapi.describe import LONG_POLLED, LONG_POLLING, REPEATABLE, Tag, describe, reply
from app.web.pagination import split_page
from app.web.proxies import with_prefix
from app.web.resources import read_anywhere, reading_pool
from app.web.streamed_files import begun, stream_file
from app.web.workspace_shares import query_share
from schemas.duplicates import (
    DuplicatePreviewSchema,
    PolicySchema,
    RuleSchema,
    RunPageSchema,
    RunSchema,
    RunStartedSchema,
    RunStartSchema,
    load_policy,
    load_run_start,
    rule_from,
)
from schemas.fields import first_fault
from schemas.keeping import KeepRule, RunState, RunTrigger
from schemas.paging import PageQuery, load_query

blueprint = Blueprint("duplicates", __name__, url_prefix="/duplicates")

#: The permission to read duplicates and runs, and the permission to merge duplicates.
PREVIEW, RUN = "duplicates.preview", "duplicates.run"
EITHER = (PREVIEW, RUN)
#: A planned run also needs this.
PLAN = "plans.write"

POLICY = PolicySchema()
RULE_QUERY = RuleSchema()
PREVIEW_SCHEMA = DuplicatePreviewSchema()
RUN_SCHEMA = RunSchema()
STARTED = RunStartedSchema()
PAGE_QUERY = PageQuery()
PAGE = RunPageSchema()


@describe(Tag.DUPLICATES, "Read the policy", replies={200: PolicySchema})
@blueprint.get("/policy")
@requires(permission=EITHER)
def read_policy_view() -> ResponseReturnValue:
    """Return the workspace's policy: the defaults if it has set none."""
    with open_transaction(pool(), g.workspace_id) as tx:
        return jsonify(POLICY.dump(read_policy(tx)))


@describe(Tag.DUPLICATES, "Set the policy", body=PolicySchema, replies={200: PolicySchema})
@blueprint.put("/policy")
@requires(permission=RUN)
def set_policy_view() -> ResponseReturnValue:
    """Replace the workspace's policy; members that the body lacks get their defaults. A running run keeps its rule."""
    policy = run_in_transaction(pool(), g.workspace_id, set_policy, load_policy(json_body()))
    return jsonify(POLICY.dump(policy))


@describe(Tag.DUPLICATES, "Count the duplicates", query=RuleSchema, replies={200: DuplicatePreviewSchema})
@blueprint.get("/preview")
@requires(permission=PREVIEW)
def preview_duplicates_view() -> ResponseReturnValue:
    """Return the counts that a run would have with the workspace's rule, or with the rule in the query.

    Counting stops after ten seconds; then `complete` is false. `/duplicates/preview.csv` has no such limit.
    """
    rule = requested_rule()
    with query_share():
        counts, complete = read_anywhere(
            partial(count_duplicates, settings=settings(), workspace_id=g.workspace_id, rule=rule)
        )
    return jsonify(PREVIEW_SCHEMA.dump({"rule": rule, "complete": complete, "counts": counts}))


@describe(
    Tag.DUPLICATES,
    "List the merges of a run, profile by profile",
    query=RuleSchema,
    replies={
        200: reply(
            {"type": "string"}, "Content-Disposition", media="text/csv", description="A table in the vendor's columns."
        )
    },
)
@blueprint.get("/preview.csv")
@requires(permission=PREVIEW)
def export_preview_view() -> ResponseReturnValue:
    """Return the merges of a run with the workspace's rule, or with the rule in the query, as a table.

    The table has a row for each profile, and the vendor's columns.
    """
    return preview_csv(requested_rule())


def preview_csv(rule: KeepRule) -> Response:
    """Return the merges of a run by *rule* as a streamed table."""

    def content(_: ExitStack) -> Iterator[bytes]:
        found = preview_steps(reading_pool(), settings(), workspace_id=g.workspace_id, rule=rule)
        lines = (csv_export.csv_lines(step.plans, rule.identifier).encode() for step in found)
        return begun(lines, head=csv_export.csv_header().encode())

    return stream_file(
        content, name="duplicates.csv", content_type="text/csv; charset=utf-8", event="duplicates_export_failed"
    )


@describe(
    Tag.DUPLICATES,
    "Start a run",
    body=RunStartSchema,
    example={"plan": True},
    headers=REPEATABLE,
    replies={202: reply(RunStartedSchema, "Location", "Retry-After"), 409: "Another run has not ended."},
)
@blueprint.post("/runs")
@requires(permission=RUN)
def start_run_view() -> ResponseReturnValue:
    """Start a run with the workspace's rule; 409 while another run has not ended.

    With `"plan": true` it merges nothing: its merges become a plan, which `POST /merge/plans/{plan_id}/apply` applies
    when the run has finished. This needs the permission `plans.write` too. `status_url` is the URL of the run.
    """
    body = json_body() if request.content_length or request.mimetype else {}
    planned = load_run_start(body)
    if planned and not g.may(PLAN):
        raise AccessDenied("Access Denied")

    def answer(started: tuple[UUID, UUID | None]) -> ResponseReturnValue:
        run_id, plan_id = started
        url = f"/duplicates/runs/{run_id}"
        response = jsonify(
            STARTED.dump({"message": "success", "run_id": run_id, "status_url": url, "plan_id": plan_id})
        )
        response.headers.update({"Location": with_prefix(url), "Retry-After": str(RETRY_AFTER)})
        return response, HTTPStatus.ACCEPTED

    return respond_once(
        lambda once: run_in_transaction(pool(), g.workspace_id, once(start_requested_run), planned=planned),
        answer,
        body=body or None,
    )


@describe(Tag.DUPLICATES, "List runs, newest first", query=PageQuery, replies={200: RunPageSchema})
@blueprint.get("/runs")
@requires(permission=EITHER)
def list_runs_view() -> ResponseReturnValue:
    """Return a page of runs, newest first."""
    query = load_query(PAGE_QUERY, request.args)
    with open_transaction(pool(), g.workspace_id) as tx:
        found = runs.list_runs(tx, limit=query["limit"] + 1, before=query.get("cursor"))
    listed, next_cursor = split_page(found, query["limit"])
    return jsonify(PAGE.dump({"runs": listed, "next_cursor": next_cursor}))


@describe(
    Tag.DUPLICATES, "Poll a run", headers=LONG_POLLING, replies={200: reply(RunSchema, *LONG_POLLED, "Retry-After?")}
)
@blueprint.get("/runs/<uuid:run_id>")
@requires(permission=EITHER)
def read_run_view(run_id: UUID) -> ResponseReturnValue:
    """Return the state and the current counts of a run; 304 if they have not changed since `If-None-Match`.

    With `Prefer: wait=N` the 304 is sent after N seconds without a change, and a change at once.
    """

    def read() -> Response:
        with open_transaction(pool(), g.workspace_id) as tx:
            run = runs.read_run(tx, run_id=run_id)
        response = jsonify(RUN_SCHEMA.dump(run))
        if run.state is RunState.RUNNING:
            response.headers["Retry-After"] = str(RETRY_AFTER)
        return response

    return respond_when_changed(read)


@describe(Tag.DUPLICATES, "Cancel a run", headers=REPEATABLE, replies={200: RunSchema, 409: "The run has ended."})
@blueprint.post("/runs/<uuid:run_id>/cancel")
@requires(permission=RUN)
def cancel_run_view(run_id: UUID) -> ResponseReturnValue:
    """End a run and return it; 409 if it has ended. The merges that it has requested continue, and can be undone."""
    return respond_once(
        lambda once: run_in_transaction(pool(), g.workspace_id, once(runs.cancel_run), run_id=run_id),
        lambda run: jsonify(RUN_SCHEMA.dump(run)),
    )


def start_requested_run(tx: Transaction, *, planned: bool) -> tuple[UUID, UUID | None]:
    """Start a run by the policy's rule; return its id, and the id of its plan if it is *planned*."""
    plan_id = new_id() if planned else None
    rule = read_policy(tx).rule
    run_id = runs.start_run(tx, rule, trigger=RunTrigger.API, api_key_id=g.api_key_id, plan_id=plan_id)
    if plan_id is not None:
        insert_plan(tx, settings(), plan_id=plan_id, api_key_id=g.api_key_id, scan_id=run_id)
    return run_id, plan_id


def requested_rule() -> KeepRule:
    """Return the rule of the query; members that it lacks are those of the workspace's policy."""
    try:
        given: dict[str, Any] = load_query(RULE_QUERY, request.args)
    except ValidationError as error:
        raise ValidationError(first_fault(error.messages)) from None
    with open_transaction(pool(), g.workspace_id) as tx:
        own = read_policy(tx).rule
    return rule_from(given, by_default=own)
