"""`POST /users/export/ids`: profiles read back by any of their identifiers."""

from http import HTTPStatus

from flask import Blueprint, g
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.users.export import export_profiles
from app.web.auth import json_body, pool, requires
from app.web.openapi.describe import Tag, describe
from schemas.export import ExportedSchema, ExportSchema, load_export
from schemas.profile import ProfileSchema

blueprint = Blueprint("users_export", __name__)


@describe(Tag.USERS, "Read profiles by any of their identifiers", body=ExportSchema, replies={201: ExportedSchema})
@blueprint.post("/users/export/ids")
@requires(permission="users.export.ids")
def ids() -> ResponseReturnValue:
    """Answer with every profile asked for, with the external_ids that nobody has, and what too many profiles share."""
    request = load_export(json_body())
    with open_transaction(pool(), g.workspace_id) as tx:
        found = export_profiles(tx, request=request)
    shown = ProfileSchema(only=request.fields and request.fields & ProfileSchema().fields.keys())
    unknown = {"invalid_user_ids": found.unknown_external_ids} if found.unknown_external_ids else {}
    truncated = {"truncated": found.truncated} if found.truncated else {}
    users = [shown.dump(profile) for profile in found.profiles]
    return {"users": users, "message": "success", **unknown, **truncated}, HTTPStatus.CREATED
