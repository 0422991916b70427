"""Pages of batches: the list, newest first, and one batch with its jobs."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.ledger import queries
from app.web.api.batches import list_requested_batches
from app.web.auth import POLLING, pool
from app.web.console.auth import signed_in
from app.web.console.jobs import filter_jobs
from app.web.console.progress import poll_interval_since
from app.web.pagination import cursor_text
from schemas.outcomes import JobState, Outcome

blueprint = Blueprint("batches", __name__, url_prefix="/batches")


@blueprint.get("")
@signed_in(permission=POLLING)
def batch_list_page() -> ResponseReturnValue:
    """Show a page of batches; the browser reloads the list while one of them is unfinished."""
    template = "batch_list.html" if "HX-Request" in request.headers else "batches.html"
    return render_template(template, **batch_list_context(request.args))


@blueprint.get("/<uuid:batch_id>")
@signed_in(permission=POLLING)
def batch_page(batch_id: UUID) -> ResponseReturnValue:
    """Show a batch and its jobs, filtered by state or outcome; the browser reloads it until all jobs are settled."""
    return _batch_page(batch_id, request.args)


@blueprint.post("/<uuid:batch_id>")
@signed_in(permission=POLLING)
def batch_search_page(batch_id: UUID) -> ResponseReturnValue:
    """Show a batch and its jobs with an identifier, which is in the form so that it is in no URL."""
    return _batch_page(batch_id, request.form)


def batch_list_context(arguments: Mapping[str, str]) -> dict[str, Any]:
    """Return the template context of a batch list, filtered by *arguments* of a query string.

    Raises ValidationError for invalid arguments.
    """
    batches, next_cursor = list_requested_batches(arguments)
    begun = [batch.created_at for batch in batches if batch.state != JobState.FINISHED]
    return {
        "batches": batches,
        "older": cursor_text(next_cursor),
        "again_after": poll_interval_since(max(begun)) if begun else None,
        "source": f"{url_for('console.batches.batch_list_page')}?{urlencode(dict(arguments))}",
        "is_first_page": "cursor" not in arguments,
    }


def _batch_page(batch_id: UUID, filters: Mapping[str, str]) -> ResponseReturnValue:
    with open_transaction(pool(), g.workspace_id) as tx:
        batch = queries.read_batch(tx, batch_id=batch_id)
    filters = {name: filters.get(name, "") for name in ("state", "outcome", "identifier")}
    unfinished = batch.state != JobState.FINISHED
    in_url = {name: value for name, value in filters.items() if value and name != "identifier"}
    return render_template(
        "batch_body.html" if "HX-Request" in request.headers else "batch.html",
        batch=batch,
        jobs=filter_jobs(batch.jobs, filters),
        filters=filters,
        states=list(JobState),
        outcomes=sorted({job.outcome for job in batch.jobs if job.outcome}, key=list(Outcome).index),
        # A search by identifier is not reloaded: its URL would contain the identifier.
        again_after=poll_interval_since(batch.created_at) if unfinished and not filters["identifier"] else None,
        source=f"{url_for('console.batches.batch_page', batch_id=batch_id)}?{urlencode(in_url)}",
    )
