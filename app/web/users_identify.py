"""`POST /users/identify`: profiles get their external_id, or are merged into the profile that has it."""

from http import HTTPStatus

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.web.accepted import accept_batch, accepted_response
from app.web.auth import json_body, requires
from app.web.openapi.describe import BATCH_HEADERS, IDEMPOTENCY_CONFLICT, IDEMPOTENT, Tag, describe, reply
from schemas.identify import IdentifyRequestSchema, load_identify
from schemas.jobs import IdentifyAcceptedSchema
from schemas.outcomes import JobKind

blueprint = Blueprint("users_identify", __name__)


@describe(
    Tag.USERS,
    "Give unidentified profiles their external_id, up to 50 of each array",
    body=IdentifyRequestSchema,
    headers=IDEMPOTENT,
    replies={201: reply(IdentifyAcceptedSchema, *BATCH_HEADERS), 409: IDEMPOTENCY_CONFLICT},
)
@blueprint.post("/users/identify")
@requires(permission="users.identify")
def identify() -> ResponseReturnValue:
    """Accept a batch of profiles to identify; refused objects are told under `errors`, the others become jobs.

    The counts are of what was accepted, as the vendor's are. What becomes of each is told where `Location` points.
    """
    body = json_body()
    asked = load_identify(body)
    places = [update.index for update in asked.updates]
    accepted = accept_batch(JobKind.IDENTIFY, asked.updates, body=body, places=places)
    return accepted_response(accepted, status=HTTPStatus.CREATED, **asked.answer())
