"""`POST /users/identify`: profiles get their external_id, or are merged into the profile that has it."""

from http import HTTPStatus

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.web.accepted import accept_batch, accepted_response
from app.web.auth import json_body, requires
from app.web.openapi.describe import BATCH_HEADERS, IDEMPOTENCY_CONFLICT, IDEMPOTENT, Tag, describe, reply
from app.web.resources import settings
from schemas.identify import IdentifyRequestSchema, load_identify
from schemas.jobs import IdentifyAcceptedSchema
from schemas.outcomes import JobKind

blueprint = Blueprint("users_identify", __name__)


@describe(
    Tag.USERS,
    "Give up to 50 unidentified profiles their external_id",
    body=IdentifyRequestSchema,
    headers=IDEMPOTENT,
    replies={201: reply(IdentifyAcceptedSchema, *BATCH_HEADERS), 409: IDEMPOTENCY_CONFLICT},
)
@blueprint.post("/users/identify")
@requires(permission="users.identify")
def identify() -> ResponseReturnValue:
    """Accept a batch of profiles to identify; `errors` lists the refused objects, the others become jobs.

    The response is sent when the jobs have finished, and `batch` contains their outcomes. After
    `MERGELANE_IDENTIFY_WAIT_S` seconds, by default 10, it is sent with jobs that still run. `Prefer: wait=N` sets
    another time, `Prefer: respond-async` responds at once. The counts are of accepted objects, as the vendor's are.
    Later merges and identifications that name an identifier of an unfinished one wait for it.
    """
    body = json_body()
    asked = load_identify(body)
    places = [update.index for update in asked.updates]
    accepted = accept_batch(JobKind.IDENTIFY, asked.updates, body=body, places=places)
    return accepted_response(
        accepted, status=HTTPStatus.CREATED, default_wait_s=settings().identify_wait_s, **asked.answer()
    )
