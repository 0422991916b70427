"""`POST /users/delete`: people erased, by any of their identifiers; in effect when the answer leaves."""

from http import HTTPStatus

from flask import Blueprint, g
from flask.typing import ResponseReturnValue

from app.users.delete import delete_profiles
from app.web.actor import current_actor
from app.web.auth import json_body, pool, requires
from app.web.openapi.describe import Tag, describe
from schemas.deletion import DeletedSchema, DeletionSchema, load_deletion

blueprint = Blueprint("users_delete", __name__)


@describe(Tag.USERS, "Erase up to 50 people", body=DeletionSchema, replies={201: DeletedSchema})
@blueprint.post("/users/delete")
@requires(permission="users.delete")
def delete() -> ResponseReturnValue:
    """Erase everyone whom the request means, and answer with how many identifiers it held, whoever they meant."""
    request = load_deletion(json_body())
    delete_profiles(pool(), workspace_id=g.workspace_id, request=request, asker=current_actor())
    return request.answer(), HTTPStatus.CREATED
