"""`POST /users/merge`: up to 50 merges, answered as soon as they are durable."""

from http import HTTPStatus

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.web.accepted import accepted_answer, take_in
from app.web.auth import door, json_body
from schemas.merge import load_merge
from schemas.outcomes import JobKind

blueprint = Blueprint("users_merge", __name__)


@blueprint.post("/users/merge")
@door(permission="users.merge")
def merge() -> ResponseReturnValue:
    """Accept a batch of merges, whole or not at all. What becomes of each is told where `Location` points."""
    body = json_body()
    accepted = take_in(JobKind.MERGE, load_merge(body), body=body)
    return accepted_answer(accepted, status=HTTPStatus.ACCEPTED, message="success")
