"""The form that makes a plan from a file of pairs, or from pairs that are pasted."""

from collections.abc import Sequence
from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.db.transaction import run_in_transaction, unchanged
from app.errors import Rejected
from app.plans import store
from app.text_files.files import FileError
from app.text_files.merge_pairs import FilePair
from app.text_files.pair_texts import read_text_pairs
from app.web.api.plans import WRITE
from app.web.auth import current_actor
from app.web.console.auth import signed_in
from app.web.console.plans.pages import render_plan_list
from app.web.resources import pool, settings
from app.web.workspace_shares import query_share
from schemas.merge import MAX_UPDATES, load_merge

#: Faulty lines that the page lists.
MAX_FAULTS = 20
#: Pasted text that the form keeps after a fault, in characters.
MAX_SHOWN = 20_000
NOTHING = "Choose a file, or paste pairs."
PASTED = "The pasted text"
NO_PAIRS = "{name} has no pairs."


def add_upload_routes(blueprint: Blueprint) -> None:
    """Add the form to *blueprint*."""
    blueprint.post("")(submit_plan)


@signed_in(permission=WRITE)
def submit_plan() -> ResponseReturnValue:
    """Plan the pairs of the form and redirect to the plan; with a faulty line, show the faults and plan nothing."""
    upload = request.files.get("file")
    pasted = request.form.get("pairs", "")
    data = upload.read() if upload and upload.filename else pasted.encode(errors="surrogatepass")
    name = (upload.filename if upload else None) or PASTED
    if not data.strip():
        return _refuse([NOTHING], pasted)
    try:
        pairs = read_text_pairs(data, name)
    except FileError as error:
        return _refuse([str(error)], pasted)
    faults = [f"Line {pair.line}: {pair.fault}" for pair in pairs if pair.fault is not None]
    if faults or not pairs:
        return _refuse(faults or [NO_PAIRS.format(name=name)], pasted)
    return redirect(url_for("console.plans.plan_page", plan_id=_plan(pairs)), HTTPStatus.SEE_OTHER)


def _plan(pairs: Sequence[FilePair]) -> UUID:
    """Plan *pairs* page by page and return the id of the plan. A plan that is not complete is discarded."""
    plan_id: UUID | None = None
    parts = {"workspace_id": g.workspace_id, "wrap": unchanged}
    try:
        with query_share():
            for start in range(0, len(pairs), MAX_UPDATES):
                updates = load_merge({"merge_updates": [pair.update for pair in pairs[start : start + MAX_UPDATES]]})
                if plan_id is None:
                    plan, _ = store.create_plan(pool(), settings(), updates=updates, api_key_id=g.api_key_id, **parts)
                    plan_id = plan.id
                else:
                    store.extend_plan(pool(), settings(), plan_id=plan_id, updates=updates, **parts)
    except Exception:
        if plan_id is not None:
            run_in_transaction(pool(), g.workspace_id, store.discard_plan, plan_id=plan_id, actor=current_actor())
        raise
    if plan_id is None:
        raise Rejected(NOTHING)
    return plan_id


def _refuse(faults: Sequence[str], pasted: str) -> ResponseReturnValue:
    page = render_plan_list(
        faults=faults[:MAX_FAULTS], more_faults=max(0, len(faults) - MAX_FAULTS), text=pasted[:MAX_SHOWN]
    )
    return page, HTTPStatus.BAD_REQUEST
