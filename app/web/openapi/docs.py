"""`/openapi.json` and `/docs`: the OpenAPI document, and a page that shows it. Neither needs a key.

The page is Swagger UI from a wheel. It loads nothing from other hosts; its content security policy enforces this.
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
from app.web.openapi.document import build_document

blueprint = Blueprint("docs", __name__)

NAME = "mergelane-openapi"
ANY_DOCUMENT = {"type": "object", "title": "OpenApiDocument", "additionalProperties": True}
SWAGGER = Path(flask_swagger_ui.__file__).parent / "dist"
OURS = Path(__file__).parent / "ui"
#: The files of the page and their folders, by name in the URL.
FILES = {
    "start.js": OURS,
    "swagger-ui-bundle.js": SWAGGER,
    "swagger-ui.css": SWAGGER,
    "favicon-32x32.png": SWAGGER,
}
#: Scripts, styles and requests of this server only. Swagger UI has inline styles, and images in its styles.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: Browsers store the files and revalidate them each time, so that an upgrade takes effect at once.
CACHING = "no-cache"


@describe(
    Tag.SERVER,
    "Read this document",
    headers=CONDITIONAL,
    replies={200: reply(ANY_DOCUMENT, "ETag", description="An OpenAPI 3.1 document.")},
)
@blueprint.get("/openapi.json")
def openapi_view() -> ResponseReturnValue:
    """Return the OpenAPI document. It is built at the first request."""
    document: bytes | None = current_app.extensions.get(NAME)
    if document is None:
        document = current_app.extensions[NAME] = orjson.dumps(build_document(current_app))
    if request.script_root:
        document = orjson.dumps(orjson.loads(document) | {"servers": [{"url": request.script_root}]})
    return _response(document, "application/json")


@describe(
    Tag.SERVER,
    "Show this document in a browser",
    headers=CONDITIONAL,
    replies={200: reply({"type": "string"}, "ETag", media="text/html", description="A page.")},
)
@blueprint.get("/docs")
def docs_view() -> ResponseReturnValue:
    """Return the page, which shows the document and sends test requests."""
    return _response(_content(OURS / "index.html"), "text/html")


@describe(
    Tag.SERVER,
    "Read a file of the page",
    headers=CONDITIONAL,
    replies={200: reply(None, "ETag", description="A script, a style sheet or an image."), 404: "No such file."},
)
@blueprint.get("/docs/<name>")
def docs_file_view(name: str) -> ResponseReturnValue:
    """Return a file of the page; no other file is served."""
    if name not in FILES:
        raise NotFound("There is nothing at this URL; check its path.")
    return _response(_content(FILES[name] / name), mimetypes.guess_type(name)[0])


@lru_cache(maxsize=len(FILES) + 1)
def _content(path: Path) -> bytes:
    """Return the bytes of the file, which does not change while the process runs."""
    return path.read_bytes()


def _response(content: bytes, mimetype: str | None) -> ResponseReturnValue:
    """Return *content* with the page's policy; 304 when the client has it."""
    response = Response(content, mimetype=mimetype)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = CACHING
    response.add_etag()
    return response.make_conditional(request)
