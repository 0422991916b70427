"""`POST /users/alias/new`: aliases for profiles that have an external_id, or for new ones that have none."""

from http import HTTPStatus

from flask import Blueprint, g
from flask.typing import ResponseReturnValue

from app.users.aliases import give_aliases
from app.web.auth import json_body, pool, requires
from app.web.openapi.describe import Tag, describe
from schemas.aliases import AliasesProcessedSchema, AliasesRefusedSchema, NewAliasesSchema, load_aliases

blueprint = Blueprint("users_alias", __name__)


@describe(
    Tag.USERS,
    "Add aliases to profiles, or create profiles with an alias only",
    body=NewAliasesSchema,
    replies={201: AliasesProcessedSchema, 400: AliasesRefusedSchema},
)
@blueprint.post("/users/alias/new")
@requires(permission="users.alias.new")
def new() -> ResponseReturnValue:
    """Give the aliases that are sound, and tell object by object which are not; 400 when none is."""
    request = load_aliases(json_body())
    if request.errors and not request.aliases:
        return request.answer(), HTTPStatus.BAD_REQUEST
    skipped = give_aliases(pool(), workspace_id=g.workspace_id, aliases=request.aliases)
    return request.answer(skipped), HTTPStatus.CREATED
