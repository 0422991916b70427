"""`/openapi.json` and `/docs`: the wire described, for programs and for people. Whoever asks may see it.

The page is Swagger UI from a wheel. It loads nothing from any other host, and its policy has the browser see to that.
"""

import mimetypes
from functools import lru_cache
from pathlib import Path

import flask_swagger_ui
import orjson
from flask import Blueprint, Response, current_app, request
from flask.typing import ResponseReturnValue

from app.errors import NotFound
from app.web.openapi.describe import CONDITIONAL, Tag, describe, reply
from app.web.openapi.document import build

blueprint = Blueprint("docs", __name__)

NAME = "mergelane-openapi"
ANY_DOCUMENT = {"type": "object", "title": "OpenApiDocument", "additionalProperties": True}
SWAGGER = Path(flask_swagger_ui.__file__).parent / "dist"
OURS = Path(__file__).parent / "ui"
#: What the page is made of, by its name in the URL.
PARTS = {
    "start.js": OURS,
    "swagger-ui-bundle.js": SWAGGER,
    "swagger-ui.css": SWAGGER,
    "favicon-32x32.png": SWAGGER,
}
#: Scripts, styles and requests to this server alone. Swagger UI sets styles on elements and has pictures in its styles.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: Kept by the browser, but asked for each time, so that an upgrade is seen at once.
CACHING = "no-cache"


@describe(
    Tag.SERVER,
    "Read this document",
    headers=CONDITIONAL,
    replies={200: reply(ANY_DOCUMENT, "ETag", description="An OpenAPI 3.1 document.")},
)
@blueprint.get("/openapi.json")
def document() -> ResponseReturnValue:
    """Answer with the description of every endpoint; it is made when first asked for."""
    made: bytes | None = current_app.extensions.get(NAME)
    if made is None:
        made = current_app.extensions[NAME] = orjson.dumps(build(current_app))
    return _answer(made, "application/json")


@describe(
    Tag.SERVER,
    "Show this document in a browser",
    headers=CONDITIONAL,
    replies={200: reply({"type": "string"}, "ETag", media="text/html", description="A page.")},
)
@blueprint.get("/docs")
def page() -> ResponseReturnValue:
    """Answer with the page, which reads the description and lets one try it out."""
    return _answer(_content(OURS / "index.html"), "text/html")


@describe(
    Tag.SERVER,
    "Read a file of the page",
    headers=CONDITIONAL,
    replies={200: reply(None, "ETag", description="A script, a style sheet or an image."), 404: "No such file."},
)
@blueprint.get("/docs/<name>")
def part(name: str) -> ResponseReturnValue:
    """Answer with a part of the page; no other file can be had."""
    if name not in PARTS:
        raise NotFound("There is nothing at this URL; check its path.")
    return _answer(_content(PARTS[name] / name), mimetypes.guess_type(name)[0])


@lru_cache(maxsize=len(PARTS) + 1)
def _content(path: Path) -> bytes:
    """Return what the file at *path* holds; it does not change while the process runs."""
    return path.read_bytes()


def _answer(content: bytes, mimetype: str | None) -> ResponseReturnValue:
    """Return an answer with *content*, under the page's policy; 304 to whoever has it already."""
    response = Response(content, mimetype=mimetype)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = CACHING
    response.add_etag()
    return response.make_conditional(request)
