"""`/merge/plans`: merges that are previewed, kept, and applied exactly as they were read."""

from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.audit.log import Actor
from app.db.transaction import open_transaction, run_in_transaction
from app.plans import store
from app.plans.applying import apply_plan
from app.plans.pages import PlanUpdate
from app.plans.store import MergePlan
from app.web.accepted import RETRY_AFTER
from app.web.auth import AccessDenied, current_actor, json_body, pool, requires, settings
from app.web.idempotent import respond_once
from app.web.openapi.describe import REPEATABLE, Tag, describe, reply
from app.web.pagination import split_page
from app.web.proxies import with_prefix
from app.web.reading import visible_preview
from app.web.urgency import given_priority
from app.web.workspace_shares import query_share
from schemas.base import SuccessSchema
from schemas.merge import MergeRequestSchema, load_merge
from schemas.paging import PageQuery, load_query
from schemas.plans import (
    ApplySchema,
    PlanAppliedSchema,
    PlanCreatedSchema,
    PlanPageSchema,
    PlanSchema,
    PlanUpdateQuery,
    load_apply,
)

blueprint = Blueprint("plans", __name__, url_prefix="/merge/plans")

WRITE, APPLY = "plans.write", "plans.apply"
EITHER = (WRITE, APPLY)
SAME_KEY = (
    "The key that applies a plan must not be the key that planned it (MERGELANE_PLAN_TWO_KEYS); let another person"
    " apply it."
)
NOT_OPEN = "The plan was applied already."

CREATED = PlanCreatedSchema()
PLAN = PlanSchema()
PAGE = PlanPageSchema()
PAGE_QUERY = PageQuery()
UPDATE_QUERY = PlanUpdateQuery()


@describe(
    Tag.PLANS,
    "Plan up to 50 merges",
    body=MergeRequestSchema,
    example={
        "merge_updates": [
            {"identifier_to_merge": {"external_id": "ada-2"}, "identifier_to_keep": {"external_id": "ada"}}
        ]
    },
    headers=REPEATABLE,
    replies={201: reply(PlanCreatedSchema, "Location", "Idempotent-Replayed?")},
)
@blueprint.post("")
@requires(permission=WRITE)
def create_plan_view() -> ResponseReturnValue:
    """Preview merges as `POST /users/merge/preview` does, and keep them as a plan. No profile changes.

    The body is that of `/users/merge`. The plan is kept for `MERGELANE_PLAN_HOURS`, by default 24.
    """
    body = json_body()
    updates = load_merge(body)
    with query_share():
        return respond_once(
            lambda once: store.create_plan(
                pool(),
                settings(),
                workspace_id=g.workspace_id,
                updates=updates,
                api_key_id=g.api_key_id,
                wrap=once,
            ),
            lambda created: (_created(*created), HTTPStatus.CREATED),
            body=body,
        )


@describe(
    Tag.PLANS,
    "Append up to 50 merges to a plan",
    body=MergeRequestSchema,
    headers=REPEATABLE,
    replies={
        200: reply(PlanCreatedSchema, "Location", "Idempotent-Replayed?"),
        409: "The plan was applied already, another request appends to it, or the first request with this"
        " Idempotency-Key is still running.",
    },
)
@blueprint.post("/<uuid:plan_id>/updates")
@requires(permission=WRITE)
def extend_plan_view(plan_id: UUID) -> ResponseReturnValue:
    """Append merges to an open plan and return their previews, which see the effects of all merges before them.

    Send the pages of a plan one after the other.
    """
    body = json_body()
    updates = load_merge(body)
    with query_share():
        return respond_once(
            lambda once: store.extend_plan(
                pool(), settings(), workspace_id=g.workspace_id, plan_id=plan_id, updates=updates, wrap=once
            ),
            lambda extended: _created(*extended),
            body=body,
        )


@describe(Tag.PLANS, "List plans, newest first", query=PageQuery, replies={200: PlanPageSchema})
@blueprint.get("")
@requires(permission=EITHER)
def list_plans_view() -> ResponseReturnValue:
    """Return a page of plans without their updates, newest first."""
    query = load_query(PAGE_QUERY, request.args)
    with open_transaction(pool(), g.workspace_id) as tx:
        found = store.list_plans(tx, limit=query["limit"] + 1, before=query.get("cursor"))
    plans, next_cursor = split_page(found, query["limit"])
    return jsonify(PAGE.dump({"plans": plans, "next_cursor": next_cursor}))


@describe(Tag.PLANS, "Read a plan", query=PlanUpdateQuery, replies={200: PlanSchema})
@blueprint.get("/<uuid:plan_id>")
@requires(permission=EITHER)
def read_plan_view(plan_id: UUID) -> ResponseReturnValue:
    """Return a plan: its summary and a page of its updates, in their order.

    A change has its values if the key may read profiles (`users.export.ids` or `audit.read`).
    """
    query = load_query(UPDATE_QUERY, request.args)
    limit = query["limit"]
    with open_transaction(pool(), g.workspace_id) as tx:
        plan = store.read_plan(tx, plan_id=plan_id)
        updates = store.list_updates(tx, plan_id=plan_id, first=query.get("cursor", -1) + 1, limit=limit + 1)
    following = updates[limit - 1].index if len(updates) > limit else None
    return jsonify(PLAN.dump({**_members(plan, updates[:limit]), "next_cursor": following}))


@describe(Tag.PLANS, "Discard a plan", replies={200: SuccessSchema, 409: NOT_OPEN})
@blueprint.delete("/<uuid:plan_id>")
@requires(permission=WRITE)
def discard_plan_view(plan_id: UUID) -> ResponseReturnValue:
    """Discard an open plan with its updates."""
    run_in_transaction(pool(), g.workspace_id, store.discard_plan, plan_id=plan_id, actor=current_actor())
    return jsonify(message="success")


@describe(
    Tag.PLANS,
    "Apply a plan",
    body=ApplySchema,
    example={"only": [0]},
    headers=(*REPEATABLE, "Priority"),
    replies={
        202: reply(PlanAppliedSchema, "Location", "Retry-After", "Idempotent-Replayed?"),
        409: "The plan was applied already, or the first request with this Idempotency-Key is still running.",
    },
)
@blueprint.post("/<uuid:plan_id>/apply")
@requires(permission=APPLY)
def apply_plan_view(plan_id: UUID) -> ResponseReturnValue:
    """Apply a plan, or some of its updates, at most once, as a run: `run_id` is its id.

    A merge takes place only if both profiles are as the plan saw them, after the earlier merges of the plan. Otherwise
    its outcome is `changed_since_plan`, and the other merges take place.
    """
    body = json_body() if request.content_length or request.mimetype else {}
    chosen, priority, actor = load_apply(body), given_priority(), current_actor()
    return respond_once(
        lambda once: run_in_transaction(
            pool(),
            g.workspace_id,
            once(apply_plan),
            plan_id=plan_id,
            chosen=chosen,
            priority=priority,
            actor=actor,
            authorize=lambda planned_by: require_other_key(planned_by, actor),
        ),
        lambda run_id: (_applied(run_id), HTTPStatus.ACCEPTED),
        body=body,
    )


def require_other_key(planned_by: UUID | None, actor: Actor) -> None:
    """Raise AccessDenied if the installation wants two people, and the key has planned itself."""
    if settings().plan_two_keys and planned_by == actor.api_key_id:
        raise AccessDenied(SAME_KEY)


def _created(plan: MergePlan, updates: list[PlanUpdate]) -> Response:
    url = f"/merge/plans/{plan.id}"
    response = jsonify(CREATED.dump({**_members(plan, updates), "status_url": url}))
    response.headers["Location"] = with_prefix(url)
    return response


def _applied(run_id: UUID) -> Response:
    url = f"/merge/runs/{run_id}"
    response = jsonify(run_id=str(run_id), status_url=url)
    response.headers.update({"Location": with_prefix(url), "Retry-After": str(RETRY_AFTER)})
    return response


def _members(plan: MergePlan, updates: list[PlanUpdate]) -> dict[str, Any]:
    """Return the members of *plan* with its visible *updates*."""
    members: dict[str, Any] = {name: getattr(plan, name) for name in MergePlan.__slots__}
    return {**members, "updates": visible_updates(updates)}


def visible_updates(updates: Sequence[PlanUpdate]) -> list[PlanUpdate]:
    """Return *updates* with the changes that the key may read."""
    return [replace(each, result=visible_preview(each.result)) for each in updates]
