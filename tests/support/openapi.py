"""The OpenAPI document of the API, and checks of responses against it."""

import json
import re
from functools import cache
from typing import Any

import requests
import schemathesis
from schemathesis.schemas import BaseSchema

from app.config import Settings
from app.web import create_app
from app.web.openapi.document import build_document

Json = dict[str, Any]


@schemathesis.serializer("application/x-ndjson", "application/jsonl", "application/json-lines")
def serialize_line(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """Serialize *value* as a body of one line."""
    return value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"


@cache
def document() -> Json:
    """Return the OpenAPI document; building it needs no database."""
    return build_document(create_app(Settings(database_url="postgresql://")))


@cache
def strict() -> BaseSchema:
    """Return the document as a schema in which responses have no undocumented members."""
    closed: Json = _closed(document())
    return schemathesis.openapi.from_dict(closed)


def label(method: str, path: str) -> str:
    """Return the operation of *method* at *path*, an absolute path with or without a query."""
    path = path.partition("?")[0]
    for template in sorted(document()["paths"], key=lambda template: template.count("{")):
        if re.fullmatch(re.sub(r"{\w+}", r"[^/]+", re.escape(template).replace(r"\{", "{").replace(r"\}", "}")), path):
            return f"{method} {template}"
    message = f"The document has no URL for {path}."
    raise AssertionError(message)


def check(response: requests.Response) -> tuple[str, int]:
    """Assert that *response* matches the document; return its operation and its status."""
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


def documented() -> set[tuple[str, int]]:
    """Return every operation with each of its documented statuses."""
    return {
        (f"{method.upper()} {path}", int(status))
        for path, operations in document()["paths"].items()
        for method, operation in operations.items()
        for status in operation["responses"]
    }


def resolved(part: Json) -> Json:
    """Return *part* of the document, or the part that it refers to."""
    if "$ref" not in part:
        return part
    found: Any = document()
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return resolved(found)


def _required_headers(path: str, method: str, status: int) -> set[str]:
    """Return the required headers of a response, in lower case."""
    response = resolved(document()["paths"][path][method.lower()]["responses"][str(status)])
    return {name.lower() for name, header in response.get("headers", {}).items() if resolved(header).get("required")}


def _closed(part: Any) -> Any:
    """Return *part* of the document; its objects allow only their own members."""
    if isinstance(part, list):
        return [_closed(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    inside = {name: _closed(inner) for name, inner in part.items()}
    if part.get("type") == "object" and "properties" in part:
        inside.setdefault("additionalProperties", False)
    return inside
