"""Batches: all of them, newest first, with how far each is, and one with its jobs."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import borrow
from app.ledger import queries
from app.web.auth import POLLING, pool
from app.web.console.auth import signed_in
from app.web.console.jobs import matching
from app.web.console.progress import pace_of
from app.web.merge_batches import wanted_batches
from schemas.outcomes import JobState, Outcome
from schemas.paging import Cursor

blueprint = Blueprint("batches", __name__, url_prefix="/batches")

CURSOR = Cursor()


@blueprint.get("")
@signed_in(permission=POLLING)
def page() -> ResponseReturnValue:
    """Show a page of batches; while one of them is unfinished the browser asks for the list again."""
    template = "batch_list.html" if "HX-Request" in request.headers else "batches.html"
    return render_template(template, **listed(request.args))


@blueprint.get("/<uuid:batch_id>")
@signed_in(permission=POLLING)
def show(batch_id: UUID) -> ResponseReturnValue:
    """Show a batch and its jobs, those of one state or outcome; the browser asks again until all are settled."""
    return _shown(batch_id, request.args)


@blueprint.post("/<uuid:batch_id>")
@signed_in(permission=POLLING)
def find(batch_id: UUID) -> ResponseReturnValue:
    """Show a batch and those of its jobs that speak of an identifier: it comes in a form, so that no URL has it."""
    return _shown(batch_id, request.form)


def listed(arguments: Mapping[str, str]) -> dict[str, Any]:
    """Return what the template of a list of batches needs: those that *arguments* of a query string ask for.

    Raises ValidationError when the arguments cannot be understood.
    """
    batches, next_cursor = wanted_batches(arguments)
    begun = [batch.created_at for batch in batches if batch.state != JobState.FINISHED]
    return {
        "batches": batches,
        "older": None if next_cursor is None else CURSOR.serialize("cursor", {"cursor": next_cursor}),
        "again_after": pace_of(max(begun)) if begun else None,
        "source": f"{url_for('console.batches.page')}?{urlencode(dict(arguments))}",
        "is_first_page": "cursor" not in arguments,
    }


def _shown(batch_id: UUID, asked: Mapping[str, str]) -> ResponseReturnValue:
    """Show a batch with those of its jobs that are *asked* for."""
    with borrow(pool(), workspace_id=g.workspace_id) as connection:
        batch = queries.read_batch(connection, workspace_id=g.workspace_id, batch_id=batch_id)
    asked = {name: asked.get(name, "") for name in ("state", "outcome", "identifier")}
    unfinished = batch.state != JobState.FINISHED
    in_url = {name: value for name, value in asked.items() if value and name != "identifier"}
    return render_template(
        "batch_body.html" if "HX-Request" in request.headers else "batch.html",
        batch=batch,
        jobs=matching(batch.jobs, asked),
        asked=asked,
        states=list(JobState),
        outcomes=sorted({job.outcome for job in batch.jobs if job.outcome}, key=list(Outcome).index),
        # What was found by an identifier stays as it was found: asking again would need it in a URL.
        again_after=pace_of(batch.created_at) if unfinished and not asked["identifier"] else None,
        source=f"{url_for('console.batches.show', batch_id=batch_id)}?{urlencode(in_url)}",
    )
