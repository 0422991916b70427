"""`POST /users/alias/update`: aliases that get another name under their label."""

from http import HTTPStatus

from flask import Blueprint, g
from flask.typing import ResponseReturnValue

from app.users.aliases import update_aliases
from app.web.auth import json_body, pool, requires
from app.web.openapi.describe import Tag, describe
from schemas.aliases import AliasesProcessedSchema, AliasesRefusedSchema, AliasUpdatesSchema, load_alias_updates

blueprint = Blueprint("users_alias_update", __name__)


@describe(
    Tag.USERS,
    "Rename aliases",
    body=AliasUpdatesSchema,
    replies={201: AliasesProcessedSchema, 400: AliasesRefusedSchema},
)
@blueprint.post("/users/alias/update")
@requires(permission="users.alias.update")
def update() -> ResponseReturnValue:
    """Rename the aliases whose objects are sound, and tell object by object which are not; 400 when none is."""
    request = load_alias_updates(json_body())
    if request.errors and not request.updates:
        return request.answer(), HTTPStatus.BAD_REQUEST
    skipped = update_aliases(pool(), workspace_id=g.workspace_id, updates=request.updates)
    return request.answer(skipped), HTTPStatus.CREATED
