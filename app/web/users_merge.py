"""`POST /users/merge`: up to 50 merges, answered as soon as they are durable."""

from http import HTTPStatus

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.web.accepted import accept_batch, accepted_response
from app.web.auth import json_body, requires
from app.web.openapi.describe import BATCH_HEADERS, IDEMPOTENCY_CONFLICT, IDEMPOTENT, Tag, describe, reply
from schemas.merge import MergeAcceptedSchema, MergeRequestSchema, load_merge
from schemas.outcomes import JobKind

blueprint = Blueprint("users_merge", __name__)


@describe(
    Tag.USERS,
    "Merge up to 50 pairs of profiles",
    body=MergeRequestSchema,
    example={
        "merge_updates": [
            {"identifier_to_merge": {"external_id": "ada-2"}, "identifier_to_keep": {"external_id": "ada"}}
        ]
    },
    headers=IDEMPOTENT,
    replies={202: reply(MergeAcceptedSchema, *BATCH_HEADERS), 409: IDEMPOTENCY_CONFLICT},
)
@blueprint.post("/users/merge")
@requires(permission="users.merge")
def merge() -> ResponseReturnValue:
    """Accept a batch of merges, whole or not at all. What becomes of each is told where `Location` points."""
    body = json_body()
    accepted = accept_batch(JobKind.MERGE, load_merge(body), body=body)
    return accepted_response(accepted, status=HTTPStatus.ACCEPTED, message="success")
