"""`POST /users/external_ids/rename` and `/remove`: new external_ids for profiles, and the end of the old ones."""

from http import HTTPStatus

from flask import Blueprint, g
from flask.typing import ResponseReturnValue

from app.users.external_ids import remove_external_ids, rename_external_ids
from app.web.actor import current_actor
from app.web.auth import json_body, pool, requires, settings
from app.web.openapi.describe import Tag, describe
from schemas.external_ids import (
    RemovalsSchema,
    RemovedSchema,
    RenamedSchema,
    RenamesSchema,
    load_removals,
    load_renames,
)

blueprint = Blueprint("users_external_ids", __name__)


@describe(Tag.USERS, "Give up to 50 profiles new external_ids", body=RenamesSchema, replies={201: RenamedSchema})
@blueprint.post("/users/external_ids/rename")
@requires(permission="users.external_ids.rename")
def rename() -> ResponseReturnValue:
    """Give profiles new external_ids, and tell rename by rename what could not be done; old ones keep resolving."""
    request = load_renames(json_body(), placeholders=settings().refused_identifiers)
    refused = rename_external_ids(pool(), workspace_id=g.workspace_id, renames=request.renames, asker=current_actor())
    return request.answer(refused), HTTPStatus.CREATED


@describe(Tag.USERS, "Remove up to 50 deprecated external_ids", body=RemovalsSchema, replies={201: RemovedSchema})
@blueprint.post("/users/external_ids/remove")
@requires(permission="users.external_ids.remove")
def remove() -> ResponseReturnValue:
    """Let deprecated external_ids mean nobody from now on, and tell one by one which could not be removed."""
    request = load_removals(json_body())
    refused = remove_external_ids(
        pool(), workspace_id=g.workspace_id, external_ids=request.external_ids, asker=current_actor()
    )
    return request.answer(refused), HTTPStatus.CREATED
