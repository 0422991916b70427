"""Merging by hand: a form with two identifiers, its preview, then the merge."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from uuid_utils import uuid7

from app.errors import Rejected
from app.lane.preview import PreviewResult, preview_merges
from app.merging.side_by_side import compare_merge
from app.web.accepted import accept_request
from app.web.console.auth import signed_in
from app.web.console.field_rows import FieldRows, rows_of_page
from app.web.console.merge_form import CHOICES, EMPTY, MergeForm
from app.web.reading import may_read_values, visible_preview
from app.web.resources import pool, settings
from app.web.workspace_shares import query_share
from schemas.outcomes import JobKind, Outcome

blueprint = Blueprint("merging", __name__)

PERMISSION = "users.merge"
#: Form field with the Idempotency-Key, so that a second click has no effect.
KEY = "idempotency_key"


@blueprint.get("/merge")
@signed_in(permission=PERMISSION)
def merge_form_page() -> ResponseReturnValue:
    """Show the empty form."""
    return _page(EMPTY)


@blueprint.post("/merge/preview")
@signed_in(permission=PERMISSION)
def merge_preview_page() -> ResponseReturnValue:
    """Show the preview of the merge, made by the workers' own code; nothing is written."""
    form = MergeForm.of(request.form)
    try:
        updates = form.updates()
    except (ValidationError, Rejected):
        return _page(form.validated()), HTTPStatus.BAD_REQUEST
    with query_share():
        (preview,) = preview_merges(pool(), settings(), workspace_id=g.workspace_id, updates=updates)
    outcome = Outcome(preview.end.outcome)
    return _page(
        form,
        preview=visible_preview(preview),
        fields=_fields(preview),
        outcome=outcome,
        merges=outcome is Outcome.MERGED,
        key=str(uuid7()),
    )


@blueprint.post("/merge")
@signed_in(permission=PERMISSION)
def submit_merge() -> ResponseReturnValue:
    """Accept the merge and redirect to its batch; a form that is sent twice creates one merge."""
    form = MergeForm.of(request.form)
    try:
        updates = form.updates()
    except (ValidationError, Rejected):
        return _page(form.validated()), HTTPStatus.BAD_REQUEST
    accepted = accept_request(JobKind.MERGE, updates, body=form.body, key=request.form.get(KEY, ""))
    return redirect(url_for("console.batches.batch_page", batch_id=accepted.batch_id), HTTPStatus.SEE_OTHER)


def _fields(preview: PreviewResult) -> FieldRows | None:
    """Return both profiles side by side; None if it would not merge, or if the key may not read their values."""
    if preview.orphan is None or preview.survivor is None or not may_read_values():
        return None
    return rows_of_page(compare_merge(orphan=preview.orphan, survivor=preview.survivor, changed=preview.changes))


def _page(form: MergeForm, **preview: Any) -> str:
    """Return the page with the form, and with the context of *preview* below it."""
    return render_template("merge.html", form=form, choices=CHOICES, key_field=KEY, **preview)
