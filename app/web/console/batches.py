"""Batches, newest first, with how far each is."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.ledger.reading import Batch
from app.web.console.entrance import signed_in
from app.web.console.progress import pace
from app.web.door import POLLING
from app.web.merge_batches import wanted_batches
from schemas.jobs import Cursor
from schemas.outcomes import JobState

blueprint = Blueprint("batches", __name__)

CURSOR = Cursor()


@blueprint.get("/batches")
@signed_in(permission=POLLING)
def page() -> ResponseReturnValue:
    """Show a page of batches; while one of them is unfinished the browser asks for the list again."""
    template = "batch_list.html" if "HX-Request" in request.headers else "batches.html"
    return render_template(template, **listed(request.args))


def listed(arguments: Mapping[str, str]) -> dict[str, Any]:
    """Return what the template of a list of batches needs: those that *arguments* of a query string ask for.

    Raises ValidationError when the arguments cannot be understood.
    """
    batches, next_cursor = wanted_batches(arguments)
    return {
        "batches": batches,
        "older": None if next_cursor is None else CURSOR.serialize("cursor", {"cursor": next_cursor}),
        "again_after": again_after(batches),
        "source": f"{url_for('console.batches.page')}?{urlencode(dict(arguments))}",
        "is_first_page": "cursor" not in arguments,
    }


def again_after(batches: Sequence[Batch]) -> int | None:
    """Return the seconds after which to look at *batches* again; None when all of them have finished."""
    begun = [batch.created_at for batch in batches if batch.state != JobState.FINISHED]
    return pace((datetime.now(UTC) - max(begun)).total_seconds()) if begun else None
