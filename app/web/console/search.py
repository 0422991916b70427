"""Search by any identifier, or by the id of a job or batch.

The search term is in the form and in no URL, since it may be an email address or a phone number.
"""

import re
from collections.abc import Sequence
from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.errors import NotFound
from app.ledger import queries
from app.ledger.queries import Job
from app.merging.profile import Profile
from app.users.export import export_profiles
from app.web.api.jobs import list_requested_jobs
from app.web.auth import POLLING, pool
from app.web.console.auth import signed_in
from app.web.console.profile_audit import latest_entries
from schemas.export import ExportRequest
from schemas.identifiers import BrazeId, Email, ExternalId, Phone, UserAlias
from schemas.paging import MAX_IDENTIFIER

blueprint = Blueprint("search", __name__)

ID = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
BRAZE_ID = re.compile(r"[0-9a-fA-F]{24}")
#: Limit of profiles and of jobs on the results page.
MAX_RESULTS = 50


@blueprint.post("/search")
@signed_in(permission=None)
def search_page() -> ResponseReturnValue:
    """Show matching profiles and jobs, or redirect to the job or batch of that id."""
    sought = request.form.get("sought", "").strip().replace("\x00", "")[:MAX_IDENTIFIER]
    may_poll = any(map(g.may, POLLING))
    if may_poll and ID.fullmatch(sought) and (address := _of_id(UUID(sought))):
        return redirect(address, HTTPStatus.SEE_OTHER)
    return render_template(
        "search.html",
        sought=sought,
        profiles=_profiles(sought) if g.may("users.export.ids") else None,
        jobs=_jobs(sought) if may_poll else None,
        entries=latest_entries(sought),
        most=MAX_RESULTS,
    )


def _of_id(each: UUID) -> str | None:
    """Return the URL of the job or batch with that id, or None."""
    with open_transaction(pool(), g.workspace_id) as tx:
        try:
            queries.read_job(tx, job_id=each)
        except NotFound:
            pass
        else:
            return url_for("console.jobs.job_page", job_id=each)
        try:
            queries.read_batch(tx, batch_id=each)
        except NotFound:
            return None
        return url_for("console.batches.batch_page", batch_id=each)


def _profiles(sought: str) -> Sequence[Profile]:
    """Return profiles by external_id, braze_id, email, phone or alias (label:name)."""
    if not sought:
        return ()
    named: list[ExternalId | UserAlias | BrazeId] = [ExternalId(sought)]
    if BRAZE_ID.fullmatch(sought):
        named.append(BrazeId(sought.lower()))
    label, colon, name = sought.partition(":")
    if colon and label and name:
        named.append(UserAlias(label=label, name=name))
    shared: list[Email | Phone] = [Email(sought), Phone(sought)]
    export_request = ExportRequest(named=named, shared=shared, device_id=None, fields=None)
    with open_transaction(pool(), g.workspace_id) as tx:
        return export_profiles(tx, request=export_request).profiles[: MAX_RESULTS + 1]


def _jobs(sought: str) -> Sequence[Job]:
    """Return the latest jobs with the identifier *sought*."""
    return list_requested_jobs({"identifier": sought, "limit": str(MAX_RESULTS)}).jobs if sought else ()
