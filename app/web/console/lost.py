"""Any other URL under the console's: a page that says so, instead of an answer for programs."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.errors import NotFound
from app.web.console.auth import signed_in

blueprint = Blueprint("lost", __name__)


@blueprint.get("/<path:anything>")
@signed_in(permission=None)
def nowhere(anything: str) -> ResponseReturnValue:
    """Raise NotFound, whatever *anything* is."""
    del anything
    raise NotFound("There is no such page in the console.")
