"""The search: one field for whatever one has at hand, an identifier or the id of a job or a batch.

What is looked for comes in a form and stands in no URL, since it may be an address or a phone number.
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
from app.users.export import export
from app.web.auth import POLLING, pool
from app.web.console.auth import signed_in
from app.web.merge_jobs import wanted_jobs
from schemas.export import ExportRequest
from schemas.identifiers import BrazeId, Email, ExternalId, Phone, UserAlias
from schemas.paging import MAX_IDENTIFIER

blueprint = Blueprint("search", __name__)

ID = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
BRAZE_ID = re.compile(r"[0-9a-fA-F]{24}")
#: Profiles and jobs that a page of results shows at most.
MOST = 50


@blueprint.post("/search")
@signed_in(permission=None)
def search_page() -> ResponseReturnValue:
    """Show the profiles and jobs that answer to what is sought, or lead to the one job or batch of that id."""
    sought = request.form.get("sought", "").strip().replace("\x00", "")[:MAX_IDENTIFIER]
    may_poll = any(map(g.may, POLLING))
    if may_poll and ID.fullmatch(sought) and (address := _of_id(UUID(sought))):
        return redirect(address, HTTPStatus.SEE_OTHER)
    return render_template(
        "search.html",
        sought=sought,
        profiles=_profiles(sought) if g.may("users.export.ids") else None,
        jobs=_jobs(sought) if may_poll else None,
        most=MOST,
    )


def _of_id(each: UUID) -> str | None:
    """Return the URL of the job or the batch with the id *each*, or None."""
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
    """Return the profiles that have *sought* as external_id, braze_id, email, phone, or as label:name of an alias."""
    if not sought:
        return ()
    named: list[ExternalId | UserAlias | BrazeId] = [ExternalId(sought)]
    if BRAZE_ID.fullmatch(sought):
        named.append(BrazeId(sought.lower()))
    label, colon, name = sought.partition(":")
    if colon and label and name:
        named.append(UserAlias(label=label, name=name))
    shared: list[Email | Phone] = [Email(sought), Phone(sought)]
    asked = ExportRequest(named=named, shared=shared, device_id=None, fields=None)
    with open_transaction(pool(), g.workspace_id) as tx:
        return export(tx, request=asked).profiles[: MOST + 1]


def _jobs(sought: str) -> Sequence[Job]:
    """Return the latest jobs that speak of *sought*."""
    return wanted_jobs({"identifier": sought, "limit": str(MOST)})[0] if sought else ()
