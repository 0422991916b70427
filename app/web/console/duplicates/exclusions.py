"""Pages of exclusions: the pairs that are not a match, a form that adds one, and the deletion of one."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from app.db.transaction import open_transaction, run_in_transaction
from app.duplicates import exclusions
from app.errors import NotFound, Rejected
from app.web.api.exclusions import EXCLUDE, READING
from app.web.auth import current_actor
from app.web.console.auth import signed_in
from app.web.console.confirmation import Confirmation, confirmation_page
from app.web.errors import first_sentence
from app.web.json_bodies import check_text
from app.web.pagination import cursor_text, split_page
from app.web.resources import pool
from schemas.exclusions import MAX_REASON, load_exclusions
from schemas.paging import DEFAULT_LIMIT, PageQuery, load_query

QUERY = PageQuery()
#: The kinds of identifiers of the form.
KINDS = ("braze_id", "external_id")
SIDES = ("one", "other")


def add_exclusion_routes(blueprint: Blueprint) -> None:
    """Add these pages to *blueprint*."""
    blueprint.get("/exclusions")(exclusion_list_page)
    blueprint.post("/exclusions")(submit_exclusion)
    blueprint.get("/exclusions/<uuid:exclusion_id>/delete")(delete_exclusion_page)
    blueprint.post("/exclusions/<uuid:exclusion_id>/delete")(submit_delete_exclusion)


@signed_in(permission=READING)
def exclusion_list_page() -> ResponseReturnValue:
    """Show a page of exclusions, newest first, and the form. `one` and `other` in the query fill in braze_ids."""
    arguments = request.args.to_dict()
    form = {f"{side}.value": arguments.pop(side, "")[:100] for side in SIDES}
    return _page(arguments, form)


@signed_in(permission=EXCLUDE)
def submit_exclusion() -> ResponseReturnValue:
    """Record a pair that is not a match and redirect to the list; with a fault, show the form as it was sent."""
    form = request.form.to_dict()
    sides = [{form.get(f"{side}.kind", KINDS[0]): form.get(f"{side}.value", "").strip()} for side in SIDES]
    body = {"exclusions": [{"profiles": sides, "reason": form.get("reason", "").strip() or None}]}
    try:
        check_text(body)
        requested = load_exclusions(body)
        exclusions.add_exclusions(pool(), workspace_id=g.workspace_id, requested=requested, asker=current_actor())
    except ValidationError as error:
        return _page({}, form, fault=first_sentence(error.messages)), HTTPStatus.BAD_REQUEST
    except (Rejected, NotFound) as error:
        return _page({}, form, fault=str(error)), HTTPStatus(error.status)
    return redirect(url_for("console.duplicates.exclusion_list_page"), HTTPStatus.SEE_OTHER)


@signed_in(permission=EXCLUDE)
def delete_exclusion_page(exclusion_id: UUID) -> ResponseReturnValue:
    """Ask whether runs may merge a pair again."""
    with open_transaction(pool(), g.workspace_id) as tx:
        exclusion = exclusions.read_exclusion(tx, exclusion_id=exclusion_id)
    one, other = (profile.braze_id for profile in exclusion.profiles)
    page = url_for("console.duplicates.exclusion_list_page")
    question = Confirmation(
        title="Delete 1 exclusion?",
        sentences=[f"Runs over duplicates may then merge {one} and {other} again."],
        lasting="You can record the pair again, but merges that were made meanwhile stay until they are undone.",
        button="Delete 1 exclusion",
        back=page,
        trail=[("Duplicates", url_for("console.duplicates.duplicates_page")), ("Pairs that are not a match", page)],
    )
    return confirmation_page(question)


@signed_in(permission=EXCLUDE)
def submit_delete_exclusion(exclusion_id: UUID) -> ResponseReturnValue:
    """Delete an exclusion and redirect to the list."""
    run_in_transaction(
        pool(), g.workspace_id, exclusions.delete_exclusion, exclusion_id=exclusion_id, asker=current_actor()
    )
    return redirect(url_for("console.duplicates.exclusion_list_page"), HTTPStatus.SEE_OTHER)


def _page(arguments: dict[str, str], form: dict[str, str], *, fault: str | None = None) -> str:
    query: dict[str, Any] = load_query(QUERY, arguments)
    with open_transaction(pool(), g.workspace_id) as tx:
        found = exclusions.list_exclusions(tx, limit=DEFAULT_LIMIT + 1, before=query.get("cursor"))
    listed, next_cursor = split_page(found, DEFAULT_LIMIT)
    return render_template(
        "duplicates/exclusions.html",
        exclusions=listed,
        older=cursor_text(next_cursor),
        is_first_page="cursor" not in query,
        form=form,
        fault=fault,
        kinds=KINDS,
        longest_reason=MAX_REASON,
        may_exclude=g.may(EXCLUDE),
    )
