"""The parts of which the document is made: JSON Schemas, answers, parameters and operations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from marshmallow import Schema

from schemas.jobs import DEFAULT_LIMIT, MAX_LIMIT

Json = dict[str, Any]
#: A JSON Schema, in which a marshmallow schema stands for the JSON Schema made from it.
Shape = Json | type[Schema]

STRING: Json = {"type": "string"}
MOMENT: Json = {"type": "string", "format": "date-time"}
TRUTH: Json = {"type": "boolean"}
COUNT: Json = {"type": "integer", "minimum": 0}
ANYTHING: Json = {}
ANY_OBJECT: Json = {"type": "object", "additionalProperties": True}
#: What the name of a header that is not always there ends in, among the components.
OPTIONAL = ".optional"
UUID: Json = {"type": "string", "format": "uuid"}


class Tag(StrEnum):
    """Under which heading an operation stands."""

    USERS = "Users"
    MERGES = "Merges"
    PROFILES = "Profiles"
    SEGMENTS = "Segments"
    DUPLICATES = "Duplicates"
    WEBHOOKS = "Webhooks"
    AUDIT = "Audit"
    SERVER = "Server"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What is to be said of one method at one URL, beside what its route, its door and its view say themselves."""

    tag: Tag
    summary: str
    body: Shape | None = None
    parameters: Sequence[Json] = ()
    #: The answers of this operation alone, by status; those that follow from its door and its body are added.
    answers: Mapping[int, Json]


def schema(name: str) -> Json:
    """Return a reference to the JSON Schema *name*."""
    return {"$ref": f"#/components/schemas/{name}"}


def header(name: str) -> Json:
    """Return a reference to the header *name*."""
    return {"$ref": f"#/components/headers/{name}"}


def parameter(name: str) -> Json:
    """Return a reference to the parameter *name*."""
    return {"$ref": f"#/components/parameters/{name}"}


def an_object(required: Sequence[str] = (), /, **properties: Shape) -> Json:
    """Return the JSON Schema of an object with *properties*, those that are *required* always among them."""
    made: Json = {"type": "object", "properties": properties}
    return {**made, "required": list(required)} if required else made


def an_array(items: Shape, *, least: int = 0, most: int | None = None, nullable: bool = False) -> Json:
    """Return the JSON Schema of an array of *least* to *most* *items*."""
    made: Json = {"type": ["array", "null"] if nullable else "array", "items": items}
    return {**made, **({"minItems": least} if least else {}), **({} if most is None else {"maxItems": most})}


def words(*values: str, nullable: bool = False) -> Json:
    """Return the JSON Schema of a text that is one of *values*."""
    if nullable:
        return {"type": ["string", "null"], "enum": [*values, None]}
    return {"type": "string", "enum": list(values)}


def a_map(values: Shape) -> Json:
    """Return the JSON Schema of an object whose members, whatever their names, are *values*."""
    return {"type": "object", "additionalProperties": values}


def answer(description: str, shape: Shape | None = None, *headers: str, media: str = "application/json") -> Json:
    """Return an answer with a body of this *shape*, none when it is None, and with these *headers*.

    A header whose name ends in a question mark is not always there.
    """
    content = {} if shape is None else {"content": {media: {"schema": shape}}}
    told = {name.removesuffix("?"): header(name.replace("?", OPTIONAL)) for name in headers}
    return {"description": description, **({"headers": told} if told else {}), **content}


def query(name: str, shape: Json, description: str, *, required: bool = False) -> Json:
    """Return a parameter of the query string."""
    return {"name": name, "in": "query", "description": description, "required": required, "schema": shape}


#: The two parameters of every list.
LIMIT = query(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    "How many are shown on a page.",
)
CURSOR = query("cursor", STRING, "The `next_cursor` of the page before.")
#: The answer to a body, a query or a header that cannot be accepted.
REJECTED = answer("Something in the request is at fault; nothing of it took effect.", schema("Message"))
#: The answer when there is nothing of that id in the key's workspace.
NOT_FOUND = answer("There is no such thing in the key's workspace.", schema("Message"))

OK, CREATED, ACCEPTED = int(HTTPStatus.OK), int(HTTPStatus.CREATED), int(HTTPStatus.ACCEPTED)
BAD_REQUEST, MISSING, CONFLICT, GONE = (
    int(status) for status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GONE)
)
