"""Applies and discards a plan, after a page that names the number of its pairs."""

from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, g, redirect, url_for
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction, run_in_transaction
from app.errors import Conflict
from app.plans import store
from app.plans.applying import INCOMPLETE, apply_plan
from app.plans.store import MergePlan
from app.web.api.plans import APPLY, SAME_KEY, WRITE, require_other_key
from app.web.auth import AccessDenied, current_actor
from app.web.console.auth import signed_in
from app.web.console.confirmation import Confirmation, confirmation_page, count_of
from app.web.console.error_pages import error_page
from app.web.resources import pool, settings
from schemas.outcomes import Outcome


def add_action_routes(blueprint: Blueprint) -> None:
    """Add these pages to *blueprint*."""
    for path, get, post in (
        ("/<uuid:plan_id>/apply", apply_plan_page, submit_apply_plan),
        ("/<uuid:plan_id>/discard", discard_plan_page, submit_discard_plan),
    ):
        blueprint.get(path)(get)
        blueprint.post(path)(post)


@signed_in(permission=APPLY)
def apply_plan_page(plan_id: UUID) -> ResponseReturnValue:
    """Ask whether to apply a plan; 409 if it was applied already or is not complete."""
    with open_transaction(pool(), g.workspace_id) as tx:
        plan = store.require_open(store.read_plan(tx, plan_id=plan_id))
    if not plan.complete:
        raise Conflict(INCOMPLETE)
    own = settings().plan_two_keys and plan.created_by is not None and plan.created_by.id == g.api_key_id
    merges = plan.counts.get(Outcome.MERGED.value, 0)
    pairs = count_of(plan.updates_count, "pair")
    sentences = [
        f"{count_of(merges, 'pair')} would merge; {plan.updates_count - merges:,} would end without an effect.",
        "A pair whose profiles have changed since the plan is not merged.",
    ]
    lasting = "The run can be undone afterwards."
    obstacle = SAME_KEY if own else None
    return _confirm(plan, f"Apply {pairs}?", sentences, lasting, button=f"Apply {pairs}", obstacle=obstacle)


@signed_in(permission=APPLY)
def submit_apply_plan(plan_id: UUID) -> ResponseReturnValue:
    """Apply a plan and redirect to it; the page shows its run."""
    actor = current_actor()
    try:
        run_in_transaction(
            pool(),
            g.workspace_id,
            apply_plan,
            plan_id=plan_id,
            chosen=None,
            priority=None,
            actor=actor,
            authorize=lambda planned_by: require_other_key(planned_by, actor),
        )
    except AccessDenied as error:
        return error_page(HTTPStatus.FORBIDDEN, str(error))
    return redirect(url_for("console.plans.plan_page", plan_id=plan_id), HTTPStatus.SEE_OTHER)


@signed_in(permission=WRITE)
def discard_plan_page(plan_id: UUID) -> ResponseReturnValue:
    """Ask whether to discard a plan; 409 if it was applied already."""
    with open_transaction(pool(), g.workspace_id) as tx:
        plan = store.require_open(store.read_plan(tx, plan_id=plan_id))
    pairs = count_of(plan.updates_count, "pair")
    lasting = "This cannot be undone. To plan the pairs again, send them again."
    title, button = f"Discard the plan with {pairs}?", f"Discard {pairs}"
    return _confirm(plan, title, ["No profile changes."], lasting, button=button)


@signed_in(permission=WRITE)
def submit_discard_plan(plan_id: UUID) -> ResponseReturnValue:
    """Discard a plan and redirect to the list."""
    run_in_transaction(pool(), g.workspace_id, store.discard_plan, plan_id=plan_id, actor=current_actor())
    return redirect(url_for("console.plans.plan_list_page"), HTTPStatus.SEE_OTHER)


def _confirm(
    plan: MergePlan, title: str, sentences: list[str], lasting: str, *, button: str, obstacle: str | None = None
) -> str:
    page = url_for("console.plans.plan_page", plan_id=plan.id)
    question = Confirmation(
        title=title,
        sentences=sentences,
        lasting=lasting,
        button=button,
        back=page,
        obstacle=obstacle,
        trail=[("Plans", url_for("console.plans.plan_list_page")), (str(plan.id), page)],
    )
    return confirmation_page(question)
