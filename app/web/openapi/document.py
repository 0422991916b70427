"""The OpenAPI document, built from the application's routes and the declarations of their views."""

import inspect
import re
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import orjson
from apispec import APISpec
from flask import Flask
from werkzeug.routing import Rule

from app.web.openapi.components import HEADERS, PARAMETERS, RESPONSES
from app.web.openapi.describe import OPTIONAL, Common, Json, Operation, Reply, Tag
from app.web.openapi.json_schema import SchemaConverter, SchemaPlugin, description_of

TITLE = "Mergelane"
DESCRIPTION = (
    "Merges duplicate customer profiles and reports the result of every merge. The endpoints under `/users` have the"
    " wire format of Braze's user endpoints. Responses may gain members in later versions; ignore unknown ones."
    " Every GET also accepts HEAD. Every error has a `message`, one sentence."
)
SCHEME = "key"
PLACES = re.compile(r"<(?:(\w+):)?(\w+)>")
#: JSON Schemas of the parameters of a URL, by their converter.
CONVERTERS: Mapping[str, Json] = {"uuid": {"type": "string", "format": "uuid"}, "": {"type": "string"}}
#: Methods that Flask adds.
IMPLIED = frozenset({"HEAD", "OPTIONS"})
RATE_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
#: A 404 may precede the rate limit: an id in the URL may be malformed. So may these common responses.
NOT_FOUND = 404
UNCOUNTED = frozenset({Common.INVALID_KEY, Common.UNAVAILABLE})


def build_document(flask: Flask) -> Json:
    """Return the document of the routes of *flask* whose views have a declaration."""
    plugin = SchemaPlugin()
    spec = APISpec(TITLE, metadata.version("mergelane"), "3.1.0", plugins=[plugin], info={"description": DESCRIPTION})
    paths = _paths(flask, plugin.converter)
    responses = {name.value: _common(name, found, plugin.converter) for name, found in RESPONSES.items()}
    document: Json = spec.to_dict()
    components = document["components"] | {
        "securitySchemes": {SCHEME: {"type": "http", "scheme": "bearer"}},
        "headers": HEADERS,
        "parameters": PARAMETERS,
        "responses": responses,
    }
    document["paths"] = paths
    document["components"] = {kind: dict(sorted(named.items())) for kind, named in components.items()}
    document["tags"] = [{"name": tag.value} for tag in Tag]
    # Members of string enums become plain strings.
    plain: Json = orjson.loads(orjson.dumps(document))
    return plain


def _paths(flask: Flask, converter: SchemaConverter) -> Json:
    paths: Json = {}
    for rule in sorted(flask.url_map.iter_rules(), key=lambda rule: rule.rule):
        view = flask.view_functions[rule.endpoint]
        if (operation := getattr(view, "operation", None)) is not None:
            for method in sorted((rule.methods or set()) - IMPLIED):
                path = PLACES.sub(r"{\2}", rule.rule)
                # From the URL, so that generated clients keep their names when a view moves.
                name = "_".join(re.findall(r"\w+", f"{method.lower()} {path}"))
                described = {"operationId": name, **_operation(rule, operation, view, converter)}
                paths.setdefault(path, {})[method.lower()] = described
    return paths


def _operation(rule: Rule, operation: Operation, view: Any, converter: SchemaConverter) -> Json:
    needs_key, permissions = hasattr(view, "permissions"), getattr(view, "permissions", None)
    replies = operation.all_replies(names_an_object=bool(rule.arguments))
    responses = {
        str(status): _response(found, converter, counted=needs_key, always=status != NOT_FOUND)
        for status, found in replies.items()
    }
    if needs_key:
        responses |= _of_key(permissions)
    body = operation.body and _request_body(operation, converter)
    return {
        "tags": [operation.tag.value],
        "summary": operation.summary,
        "description": inspect.getdoc(view) or "",
        "security": [{SCHEME: [name]} for name in permissions or ()] or ([{SCHEME: []}] if needs_key else []),
        "parameters": [
            *(_url_parameter(*place) for place in PLACES.findall(rule.rule)),
            *({"$ref": f"#/components/parameters/{name}"} for name in operation.headers),
            *(converter.schema2parameters(operation.query, location="query") if operation.query else ()),
        ],
        **({"requestBody": body} if body else {}),
        "responses": dict(sorted(responses.items())),
    }


def _request_body(operation: Operation, converter: SchemaConverter) -> Json:
    example = {"example": operation.example} if operation.example else {}
    content = {"schema": converter.resolved(operation.body), **example}
    return {"required": True, "content": dict.fromkeys(operation.media, content)}


def _url_parameter(converter: str, name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": CONVERTERS[converter]}


def _of_key(permissions: Any) -> Json:
    """Return the responses to a key that is missing, lacks the permission, or has no requests left."""
    statuses = {401: Common.INVALID_KEY, 429: Common.TOO_MANY_REQUESTS, 503: Common.UNAVAILABLE}
    denied = {} if permissions is None else {403: Common.ACCESS_DENIED}
    return {str(status): _reference(name) for status, name in (statuses | denied).items()}


def _common(name: Common, found: Reply, converter: SchemaConverter) -> Json:
    """Return the component of a common response."""
    if name is Common.URL_TOO_LONG:
        # Gunicorn answers it before the application, so it has none of the application's headers.
        return _bare(found, converter)
    return _response(found, converter, counted=name not in UNCOUNTED)


def _response(found: Reply | Common, converter: SchemaConverter, *, counted: bool, always: bool = True) -> Json:
    """Return a response with its own headers, X-Request-Id, and the rate limit's if the request is *counted*."""
    if isinstance(found, Common):
        return _reference(found)
    ending = "" if always else OPTIONAL
    limits = {name: _header(name + ending) for name in RATE_HEADERS} if counted else {}
    made = _bare(found, converter)
    return {**made, "headers": {"X-Request-Id": _header("X-Request-Id"), **made.get("headers", {}), **limits}}


def _bare(found: Reply, converter: SchemaConverter) -> Json:
    headers = {name.removesuffix("?"): _header(name.replace("?", OPTIONAL)) for name in found.headers}
    schemas = [schema for schema in found.content.values() if isinstance(schema, type)]
    return {
        "description": found.description or description_of(schemas[0]),
        **({"headers": headers} if headers else {}),
        **({"content": _content(found.content, converter)} if found.content else {}),
    }


def _content(content: Mapping[str, Any], converter: SchemaConverter) -> Json:
    return {media: {"schema": converter.resolved(schema)} for media, schema in content.items()}


def _reference(name: Common) -> Json:
    return {"$ref": f"#/components/responses/{name.value}"}


def _header(name: str) -> Json:
    return {"$ref": f"#/components/headers/{name}"}
