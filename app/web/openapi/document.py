"""The document: the application's routes and doors, with what is to be said of each, as OpenAPI 3.1."""

import inspect
import re
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from marshmallow import Schema
from werkzeug.routing import Rule

from app.web.openapi import audit, duplicates, merges, profiles, segments, server, users, webhooks
from app.web.openapi.components import HEADERS, PARAMETERS, RESPONSES, SCHEMAS
from app.web.openapi.fields import teach
from app.web.openapi.parts import OPTIONAL, STRING, UUID, Json, Operation, Tag, header
from app.web.openapi.shown import ADDED, SHOWN
from schemas.segment_leaves import LeafSchema

OPERATIONS: Mapping[str, Operation] = {
    **users.OPERATIONS,
    **merges.OPERATIONS,
    **profiles.OPERATIONS,
    **segments.OPERATIONS,
    **duplicates.OPERATIONS,
    **webhooks.OPERATIONS,
    **audit.OPERATIONS,
    **server.OPERATIONS,
}
TITLE = "Mergelane"
DESCRIPTION = (
    "Merges duplicate customer profiles, and tells what became of every pair. The endpoints under `/users` speak the"
    " wire format of Braze's user endpoints. Answers may gain members in later versions; ignore those you do not know."
    " Every GET answers HEAD too. Every error has a `message`, one sentence."
)
SCHEME = "key"
PLACES = re.compile(r"<(?:(\w+):)?(\w+)>")
#: JSON Schemas of the parts of a URL, by the name of what reads them.
CONVERTERS: Mapping[str, Json] = {"uuid": UUID, "": STRING}
#: Methods that come with others: HEAD with GET.
IMPLIED = frozenset({"HEAD", "OPTIONS"})
RATE_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
#: The one answer of a view that may also be given before the request was counted: an id in the URL may be none.
NOT_FOUND = "404"
#: Answers that may be given before the request was counted.
UNCOUNTED = frozenset({"InvalidKey", "Unavailable"})
#: The answer that is given before the request reaches the application, and which so has none of its headers.
GUNICORNS = "UrlTooLong"


def build(flask: Flask) -> Json:
    """Return the document of the routes of *flask*, but for those of which nothing is said; a test finds these."""
    plugin = MarshmallowPlugin(schema_name_resolver=_name)
    spec = APISpec(TITLE, metadata.version("mergelane"), "3.1.0", plugins=[plugin], info={"description": DESCRIPTION})
    teach(plugin)
    rest = _resolved(
        {
            "paths": _paths(flask),
            "headers": HEADERS,
            "parameters": PARAMETERS,
            "responses": {name: _everywhere(told, name) for name, told in RESPONSES.items()},
            "schemas": SCHEMAS,
        },
        plugin,
    )
    document: Json = spec.to_dict()
    rest["schemas"] |= _completed(document["components"]["schemas"], plugin)
    document["paths"] = rest.pop("paths")
    document["components"] = {
        "securitySchemes": {SCHEME: {"type": "http", "scheme": "bearer"}},
        **{part: dict(sorted(named.items())) for part, named in rest.items()},
    }
    document["tags"] = [{"name": tag.value} for tag in Tag]
    return document


def _name(schema: type[Schema] | Schema) -> str:
    """Return the name of what is made of *schema*; a filter's leaf may be called like something else."""
    kind = schema if isinstance(schema, type) else type(schema)
    name = kind.__name__.removesuffix("Schema")
    return f"{name}Filter" if issubclass(kind, LeafSchema) else name


def _paths(flask: Flask) -> Json:
    """Return the operations of *flask* by URL and method, in the order of the URLs."""
    paths: Json = {}
    for rule in sorted(flask.url_map.iter_rules(), key=lambda rule: rule.rule):
        path = PLACES.sub(r"{\2}", rule.rule)
        for method in sorted((rule.methods or set()) - IMPLIED):
            operation = OPERATIONS.get(f"{method} {path}")
            if operation is not None:
                paths.setdefault(path, {})[method.lower()] = _operation(rule, operation, flask)
    return paths


def _operation(rule: Rule, operation: Operation, flask: Flask) -> Json:
    """Return what the document says of *operation*, which *rule* leads to."""
    view = flask.view_functions[rule.endpoint]
    has_door, permissions = hasattr(view, "permissions"), getattr(view, "permissions", None)
    body = {} if operation.body is None else {"requestBody": _body(operation)}
    answers = {str(status): told for status, told in operation.answers.items()}
    if has_door:
        counted = {status: _counted(told, always=status != NOT_FOUND) for status, told in answers.items()}
        answers = counted | _of_door(permissions)
    if operation.body is not None:
        answers |= {"413": _response("TooLarge"), "415": _response("NotJson")}
    if any(parameter.get("in") == "query" for parameter in operation.parameters):
        answers |= {"414": _response(GUNICORNS)}
    return {
        "operationId": rule.endpoint,
        "tags": [operation.tag.value],
        "summary": operation.summary,
        "description": inspect.getdoc(view) or "",
        "security": [{SCHEME: [name]} for name in permissions or ()] or ([{SCHEME: []}] if has_door else []),
        "parameters": [*_places(rule), *operation.parameters],
        **body,
        "responses": {status: _identified(told) for status, told in sorted(answers.items())},
    }


def _body(operation: Operation) -> Json:
    """Return what the document says of the body of *operation*."""
    return {"required": True, "content": {"application/json": {"schema": operation.body}}}


def _of_door(permissions: Any) -> Json:
    """Return the answers of a door that asks for one of *permissions*, or for a valid key alone."""
    denied = {} if permissions is None else {"403": _response("AccessDenied")}
    return {
        "401": _response("InvalidKey"),
        **denied,
        "429": _response("TooManyRequests"),
        "503": _response("Unavailable"),
    }


def _response(name: str) -> Json:
    """Return a reference to the answer *name*."""
    return {"$ref": f"#/components/responses/{name}"}


def _places(rule: Rule) -> Iterator[Json]:
    """Yield the parameters that stand in the URL of *rule*."""
    for converter, name in PLACES.findall(rule.rule):
        yield {"name": name, "in": "path", "required": True, "schema": CONVERTERS[converter]}


def _everywhere(told: Json, name: str) -> Json:
    """Return the answer *told*, called *name*, with the headers that stand on it wherever it is given."""
    return told if name == GUNICORNS else _identified(told if name in UNCOUNTED else _counted(told))


def _counted(told: Json, *, always: bool = True) -> Json:
    """Return the answer *told* with the headers of a request that was counted, as it *always* or only sometimes is."""
    ending = "" if always else OPTIONAL
    return {**told, "headers": {**told.get("headers", {}), **{name: header(name + ending) for name in RATE_HEADERS}}}


def _identified(told: Json) -> Json:
    """Return the answer *told* with the header that every answer has; a reference has it already."""
    return (
        told
        if "$ref" in told
        else {**told, "headers": {"X-Request-Id": header("X-Request-Id"), **told.get("headers", {})}}
    )


def _resolved(part: Any, plugin: MarshmallowPlugin) -> Any:
    """Return *part* of the document with a reference in place of every marshmallow schema."""
    if isinstance(part, Mapping):
        return {name: _resolved(inner, plugin) for name, inner in part.items()}
    if isinstance(part, list | tuple):
        return [_resolved(inner, plugin) for inner in part]
    if isinstance(part, type) and issubclass(part, Schema) and plugin.converter is not None:
        return plugin.converter.resolve_nested_schema(part)
    return part


def _completed(schemas: Json, plugin: MarshmallowPlugin) -> Json:
    """Return the JSON *schemas* made from marshmallow's, with what these do not tell of answers."""
    refs = {} if plugin.converter is None else plugin.converter.refs
    made = {key[0]: name for key, name in refs.items()}
    for shown in made.keys() & SHOWN.keys():
        whole, sometimes = schemas[made[shown]], SHOWN[shown]
        del whole["additionalProperties"]
        whole["properties"] |= ADDED.get(shown, {})
        if sometimes is not None:
            whole["required"] = sorted(whole["properties"].keys() - sometimes)
    return schemas
