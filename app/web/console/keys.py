"""The page of the API keys of the workspace."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from app.web.api.keys import READ, page_of_keys
from app.web.console.auth import signed_in
from app.web.pagination import cursor_text
from schemas.keys import KeyState

blueprint = Blueprint("keys", __name__, url_prefix="/keys")

TONES = {KeyState.OPEN: "good", KeyState.EXPIRED: "part", KeyState.REVOKED: "none"}


@blueprint.get("")
@signed_in(permission=READ)
def key_list_page() -> ResponseReturnValue:
    """Show a page of keys, newest first, with permissions and last use."""
    keys, next_cursor = page_of_keys(request.args)
    return render_template(
        "keys/list.html",
        keys=keys,
        tones=TONES,
        older=cursor_text(next_cursor),
        is_first_page="cursor" not in request.args,
    )
