"""`POST /users/delete`: people erased, by any of their identifiers; in effect when the answer leaves."""

from http import HTTPStatus

from flask import Blueprint, g
from flask.typing import ResponseReturnValue

from app.users import delete
from app.web.actor import asker
from app.web.auth import door, json_body, pool
from app.web.openapi.describe import Tag, describe
from schemas.deletion import DeletedSchema, DeletionSchema, load_deletion

blueprint = Blueprint("users_delete", __name__)


@describe(Tag.USERS, "Erase up to 50 people", body=DeletionSchema, replies={201: DeletedSchema})
@blueprint.post("/users/delete")
@door(permission="users.delete")
def delete() -> ResponseReturnValue:
    """Erase everyone whom the request means, and answer with how many identifiers it held, whoever they meant."""
    request = load_deletion(json_body())
    delete.delete(pool(), workspace_id=g.workspace_id, request=request, asker=asker())
    return request.answer(), HTTPStatus.CREATED
