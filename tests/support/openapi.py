"""The document that the front door gives of itself, as the tests hold answers against it."""

import re
from functools import cache
from typing import Any

import requests
import schemathesis
from schemathesis.schemas import BaseSchema

from app.config import Settings
from app.web import create_app
from app.web.openapi.document import build

Json = dict[str, Any]


@cache
def document() -> Json:
    """Return the document, made without a database."""
    return build(create_app(Settings(database_url="postgresql://")))


@cache
def strict() -> BaseSchema:
    """Return the document in its strictest reading: an answer may have no member that it does not name."""
    closed: Json = _closed(document())
    return schemathesis.openapi.from_dict(closed)


def label(method: str, path: str) -> str:
    """Return the operation that *method* at *path*, an absolute path with or without a query, leads to."""
    path = path.partition("?")[0]
    for template in sorted(document()["paths"], key=lambda template: template.count("{")):
        if re.fullmatch(re.sub(r"{\w+}", r"[^/]+", re.escape(template).replace(r"\{", "{").replace(r"\}", "}")), path):
            return f"{method} {template}"
    message = f"The document has no URL for {path}."
    raise AssertionError(message)


def check(response: requests.Response) -> tuple[str, int]:
    """Assert that *response* is one that the document foresees; return its operation and its status."""
    request = response.request
    found = label(str(request.method), request.path_url)
    method, template = found.split()
    status = response.status_code
    operation = strict()[template][method]

    assert str(status) in document()["paths"][template][method.lower()]["responses"], f"{found} answered {status}"
    operation.validate_response(response)
    missing = _required_headers(template, method, status) - set(map(str.lower, response.headers))
    assert not missing, f"{found} answered {status} without {sorted(missing)}"
    return found, status


def foreseen() -> set[tuple[str, int]]:
    """Return every operation with every status that the document foresees for it."""
    return {
        (f"{method.upper()} {path}", int(status))
        for path, operations in document()["paths"].items()
        for method, operation in operations.items()
        for status in operation["responses"]
    }


def resolved(part: Json) -> Json:
    """Return what *part* of the document stands for: itself, or what it refers to."""
    if "$ref" not in part:
        return part
    found: Any = document()
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return resolved(found)


def _required_headers(path: str, method: str, status: int) -> set[str]:
    """Return the headers that an answer must have, in lower case."""
    told = resolved(document()["paths"][path][method.lower()]["responses"][str(status)])
    return {name.lower() for name, header in told.get("headers", {}).items() if resolved(header).get("required")}


def _closed(part: Any) -> Any:
    """Return *part* of the document, its objects open to no members but those that they name."""
    if isinstance(part, list):
        return [_closed(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    inside = {name: _closed(inner) for name, inner in part.items()}
    if part.get("type") == "object" and "properties" in part:
        inside.setdefault("additionalProperties", False)
    return inside
