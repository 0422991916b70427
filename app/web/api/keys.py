"""`/keys`: the API keys of the workspace. The command line creates and revokes them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.keys.uses import ListedKey, list_workspace_keys
from app.web.auth import pool, requires
from app.web.openapi.describe import Tag, describe
from app.web.pagination import split_page
from schemas.keys import KeyPageSchema
from schemas.paging import PageQuery, load_query

blueprint = Blueprint("keys", __name__, url_prefix="/keys")

READ = "keys.read"
QUERY = PageQuery()
PAGE = KeyPageSchema()


@describe(Tag.KEYS, "List the keys, newest first", query=PageQuery, replies={200: KeyPageSchema})
@blueprint.get("")
@requires(permission=READ)
def list_keys_view() -> ResponseReturnValue:
    """Return a page of the keys of the workspace with their last use; expired and revoked ones too."""
    keys, next_cursor = page_of_keys(request.args)
    return jsonify(PAGE.dump({"keys": keys, "next_cursor": next_cursor}))


def page_of_keys(arguments: Mapping[str, Any]) -> tuple[Sequence[ListedKey], UUID | None]:
    """Return the page of keys that *arguments* select, and the cursor of the next; raise ValidationError."""
    query = load_query(QUERY, arguments)
    with open_transaction(pool(), g.workspace_id) as tx:
        found = list_workspace_keys(tx, limit=query["limit"] + 1, before=query.get("cursor"))
    return split_page(found, query["limit"])
