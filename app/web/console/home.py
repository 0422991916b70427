"""The home page: the latest batches and the user's key.

A module of its own since the navigation marks the entry of the current page by its blueprint.
"""

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

from app.web.auth import POLLING
from app.web.console import batches
from app.web.console.auth import signed_in

blueprint = Blueprint("home", __name__)

LATEST = "10"


@blueprint.get("", strict_slashes=False)
@signed_in(permission=None)
def home_page() -> ResponseReturnValue:
    """Show the latest batches, if the key may read them, and the permissions of the key."""
    latest = batches.batch_list_context({"limit": LATEST}) if any(map(g.may, POLLING)) else None
    return render_template("home.html", **(latest or {"batches": None}))
