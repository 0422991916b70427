"""`POST /users/external_ids/rename` and `/remove`: new external_ids for profiles, and the end of the old ones."""

from http import HTTPStatus

from flask import Blueprint, g
from flask.typing import ResponseReturnValue

from app.users import external_ids
from app.web.actor import current_actor
from app.web.auth import json_body, pool, requires, settings
from schemas.external_ids import load_removals, load_renames

blueprint = Blueprint("users_external_ids", __name__)


@blueprint.post("/users/external_ids/rename")
@requires(permission="users.external_ids.rename")
def rename() -> ResponseReturnValue:
    """Give profiles new external_ids, and tell rename by rename what could not be done; old ones keep resolving."""
    request = load_renames(json_body(), placeholders=settings().refused_identifiers)
    refused = external_ids.rename(pool(), workspace_id=g.workspace_id, renames=request.renames, asker=current_actor())
    return request.answer(refused), HTTPStatus.CREATED


@blueprint.post("/users/external_ids/remove")
@requires(permission="users.external_ids.remove")
def remove() -> ResponseReturnValue:
    """Let deprecated external_ids mean nobody from now on, and tell one by one which could not be removed."""
    request = load_removals(json_body())
    refused = external_ids.remove(
        pool(), workspace_id=g.workspace_id, external_ids=request.external_ids, asker=current_actor()
    )
    return request.answer(refused), HTTPStatus.CREATED
