"""`/duplicates`: how a workspace wants its duplicates to be merged, what that would do, and runs that do it."""

from collections.abc import Iterator
from http import HTTPStatus
from itertools import chain
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.duplicates import csv_export, runs
from app.duplicates.policy import DuplicatePolicy, next_daily, read_policy, write_policy
from app.duplicates.preview import count_duplicates, preview_steps
from app.web.accepted import RETRY_AFTER
from app.web.auth import json_body, pool, requires, settings
from app.web.openapi.describe import Tag, describe, reply
from app.web.pagination import split_page
from schemas.duplicates import (
    DuplicatePreviewSchema,
    PolicySchema,
    RuleSchema,
    RunPageSchema,
    RunSchema,
    RunStartedSchema,
    load_policy,
    rule_from,
)
from schemas.fields import first_fault
from schemas.keeping import KeepRule, RunState, RunTrigger
from schemas.paging import PageQuery, load_query

blueprint = Blueprint("duplicates", __name__, url_prefix="/duplicates")

#: To see whose profiles are duplicates, and how they are merged; and to have them merged.
PREVIEW, RUN = "duplicates.preview", "duplicates.run"
EITHER = (PREVIEW, RUN)

POLICY = PolicySchema()
RULE_QUERY = RuleSchema()
SHOWN_PREVIEW = DuplicatePreviewSchema()
SHOWN_RUN = RunSchema()
PAGE_QUERY = PageQuery()
PAGE = RunPageSchema()


@describe(Tag.DUPLICATES, "Read the policy", replies={200: PolicySchema})
@blueprint.get("/policy")
@requires(permission=EITHER)
def policy() -> ResponseReturnValue:
    """Answer with the workspace's policy; the defaults when it never set one."""
    with open_transaction(pool(), g.workspace_id) as tx:
        return jsonify(POLICY.dump(read_policy(tx)))


@describe(Tag.DUPLICATES, "Set the policy", body=PolicySchema, replies={200: PolicySchema})
@blueprint.put("/policy")
@requires(permission=RUN)
def set_policy() -> ResponseReturnValue:
    """Set the workspace's policy, whole: what is left out gets its default. A run under way keeps the rule it has."""
    given = load_policy(json_body())

    def work(tx: Transaction) -> DuplicatePolicy:
        daily_at, zone = given["daily_at"], given["time_zone"]
        due = None if daily_at is None else next_daily(daily_at, time_zone=zone, after=tx.now())
        policy = DuplicatePolicy(**given, next_daily_at=due)
        write_policy(tx, policy)
        return policy

    return jsonify(POLICY.dump(run_in_transaction(pool(), g.workspace_id, work)))


@describe(Tag.DUPLICATES, "Count the duplicates", query=RuleSchema, replies={200: DuplicatePreviewSchema})
@blueprint.get("/preview")
@requires(permission=PREVIEW)
def preview() -> ResponseReturnValue:
    """Answer with what a run would find, in numbers: by the workspace's rule, or by that in the query.

    Counting ends after ten seconds; then `complete` is false, and `/duplicates/preview.csv` tells the whole.
    """
    rule = _rule()
    counts, complete = count_duplicates(pool(), settings(), workspace_id=g.workspace_id, rule=rule)
    return jsonify(SHOWN_PREVIEW.dump({"rule": rule, "complete": complete, "counts": counts}))


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
def preview_table() -> ResponseReturnValue:
    """Answer with what a run would do, profile by profile, in the vendor's columns.

    The rule is the workspace's, or that in the query.
    """
    rule = _rule()
    found = preview_steps(pool(), settings(), workspace_id=g.workspace_id, rule=rule)
    # The first step is taken before the answer begins, so that a database that is away is told by its status.
    first = next(found)

    def body() -> Iterator[str]:
        yield csv_export.csv_header()
        for taken in chain([first], found):
            yield csv_export.csv_lines(taken.plans, rule.identifier)

    response = Response(body(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="duplicates.csv"'
    return response


@describe(
    Tag.DUPLICATES,
    "Start a run",
    replies={202: reply(RunStartedSchema, "Location", "Retry-After"), 409: "Another run has not ended."},
)
@blueprint.post("/runs")
@requires(permission=RUN)
def start() -> ResponseReturnValue:
    """Begin a run by the workspace's rule, and answer 202 with where to follow it; 409 while one is under way."""

    def work(tx: Transaction) -> UUID:
        rule = read_policy(tx).rule
        return runs.start_run(tx, rule, trigger=RunTrigger.API, api_key_id=g.api_key_id)

    run_id = run_in_transaction(pool(), g.workspace_id, work)
    place = f"/duplicates/runs/{run_id}"
    response = jsonify(message="success", run_id=str(run_id), status_url=place)
    response.headers.update({"Location": place, "Retry-After": str(RETRY_AFTER)})
    return response, HTTPStatus.ACCEPTED


@describe(Tag.DUPLICATES, "List runs, newest first", query=PageQuery, replies={200: RunPageSchema})
@blueprint.get("/runs")
@requires(permission=EITHER)
def page() -> ResponseReturnValue:
    """Answer with a page of runs, newest first."""
    query = load_query(PAGE_QUERY, request.args)
    with open_transaction(pool(), g.workspace_id) as tx:
        found = runs.list_runs(tx, limit=query["limit"] + 1, before=query.get("cursor"))
    shown, next_cursor = split_page(found, query["limit"])
    return jsonify(PAGE.dump({"runs": shown, "next_cursor": next_cursor}))


@describe(Tag.DUPLICATES, "Poll a run", replies={200: reply(RunSchema, "Retry-After?")})
@blueprint.get("/runs/<uuid:run_id>")
@requires(permission=EITHER)
def show(run_id: UUID) -> ResponseReturnValue:
    """Answer with a run: how far it is, and what it has found so far."""
    with open_transaction(pool(), g.workspace_id) as tx:
        run = runs.read_run(tx, run_id=run_id)
    response = jsonify(SHOWN_RUN.dump(run))
    if run.state is RunState.RUNNING:
        response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


@describe(Tag.DUPLICATES, "Cancel a run", replies={200: RunSchema, 409: "The run has ended."})
@blueprint.post("/runs/<uuid:run_id>/cancel")
@requires(permission=RUN)
def cancel(run_id: UUID) -> ResponseReturnValue:
    """End a run and answer with it; 409 when it has ended. The merges that it asked for go on, and can be undone."""

    def work(tx: Transaction) -> runs.DuplicateRun:
        return runs.cancel_run(tx, run_id=run_id)

    return jsonify(SHOWN_RUN.dump(run_in_transaction(pool(), g.workspace_id, work)))


def _rule() -> KeepRule:
    """Return the rule that the query says, with what it leaves out as in the workspace's policy."""
    try:
        given: dict[str, Any] = load_query(RULE_QUERY, request.args)
    except ValidationError as error:
        raise ValidationError(first_fault(error.messages)) from None
    with open_transaction(pool(), g.workspace_id) as tx:
        own = read_policy(tx).rule
    return rule_from(given, by_default=own)
