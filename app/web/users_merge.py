"""`POST /users/merge`: up to 50 merges, answered as soon as they are durable."""

from http import HTTPStatus

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.web.accepted import accept_batch, accepted_response
from app.web.auth import json_body, requires
from schemas.merge import load_merge
from schemas.outcomes import JobKind

blueprint = Blueprint("users_merge", __name__)


@blueprint.post("/users/merge")
@requires(permission="users.merge")
def merge() -> ResponseReturnValue:
    """Accept a batch of merges, whole or not at all. What becomes of each is told where `Location` points."""
    body = json_body()
    accepted = accept_batch(JobKind.MERGE, load_merge(body), body=body)
    return accepted_response(accepted, status=HTTPStatus.ACCEPTED, message="success")
