"""What the console's pages load: one stylesheet, htmx, and the few lines of script that are ours. Anybody gets it."""

import mimetypes
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from app.errors import NotFound

blueprint = Blueprint("static_files", __name__)

FOLDER = Path(__file__).parent / "static"
PARTS = frozenset({"console.css", "console.js", "theme.js", "htmx.min.js", "htmx.LICENSE.txt", "icon.svg"})
#: Kept by the browser, but asked for each time, so that an upgrade is seen at once.
CACHING = "no-cache"


@blueprint.get("/parts/<name>")
def static_file(name: str) -> ResponseReturnValue:
    """Answer with a part of the pages, 304 to whoever has it already; no other file can be had."""
    if name not in PARTS:
        raise NotFound("There is no such part of the console.")
    response = Response(_content(name), mimetype=mimetypes.guess_type(name)[0])
    response.headers["Cache-Control"] = CACHING
    response.add_etag()
    return response.make_conditional(request)


@lru_cache(maxsize=len(PARTS))
def _content(name: str) -> bytes:
    """Return what the part *name* holds; it does not change while the process runs."""
    return (FOLDER / name).read_bytes()
