"""Static files of the console: stylesheet, htmx and our script. They need no session."""

import mimetypes
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from app.errors import NotFound

blueprint = Blueprint("static_files", __name__)

FOLDER = Path(__file__).parent / "static"
PARTS = frozenset({"console.css", "console.js", "theme.js", "htmx.min.js", "htmx.LICENSE.txt", "icon.svg"})
#: Browsers revalidate each time, so that an upgrade takes effect at once.
CACHING = "no-cache"


@blueprint.get("/parts/<name>")
def static_file(name: str) -> ResponseReturnValue:
    """Return a static file, or 304; 404 for any name that is not in the list."""
    if name not in PARTS:
        raise NotFound("The console has no such file.")
    response = Response(_content(name), mimetype=mimetypes.guess_type(name)[0])
    response.headers["Cache-Control"] = CACHING
    response.add_etag()
    return response.make_conditional(request)


@lru_cache(maxsize=len(PARTS))
def _content(name: str) -> bytes:
    return (FOLDER / name).read_bytes()
