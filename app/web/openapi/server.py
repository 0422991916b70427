"""What the server tells of itself, to anybody."""

from collections.abc import Mapping

from app.web.openapi.parts import (
    ANY_OBJECT,
    MISSING,
    OK,
    STRING,
    Json,
    Operation,
    Tag,
    an_object,
    answer,
    parameter,
    schema,
    words,
)

UNAVAILABLE, NOT_MODIFIED = 503, 304
UNCHANGED = answer("Nothing has changed since.", None, "ETag")
NOT_READY: Json = {"$ref": "#/components/responses/Unavailable"}

OPERATIONS: Mapping[str, Operation] = {
    "GET /health/live": Operation(
        tag=Tag.SERVER,
        summary="Does the process answer",
        answers={OK: answer("It does.", an_object(("status",), status=words("live")))},
    ),
    "GET /health/ready": Operation(
        tag=Tag.SERVER,
        summary="Is this server to be sent requests",
        answers={OK: answer("It does.", an_object(("status",), status=words("ready"))), UNAVAILABLE: NOT_READY},
    ),
    "GET /metrics": Operation(
        tag=Tag.SERVER,
        summary="What operators measure",
        answers={
            OK: answer("Metrics in Prometheus's text form.", STRING, media="text/plain"),
            401: {"$ref": "#/components/responses/InvalidKey"},
            403: {"$ref": "#/components/responses/AccessDenied"},
            429: {"$ref": "#/components/responses/TooManyRequests"},
            UNAVAILABLE: NOT_READY,
        },
    ),
    "GET /openapi.json": Operation(
        tag=Tag.SERVER,
        summary="This description",
        parameters=(parameter("If-None-Match"),),
        answers={OK: answer("An OpenAPI 3.1 document.", ANY_OBJECT, "ETag"), NOT_MODIFIED: UNCHANGED},
    ),
    "GET /docs": Operation(
        tag=Tag.SERVER,
        summary="This description, to be read and tried out in a browser",
        parameters=(parameter("If-None-Match"),),
        answers={OK: answer("A page.", STRING, "ETag", media="text/html"), NOT_MODIFIED: UNCHANGED},
    ),
    "GET /docs/{name}": Operation(
        tag=Tag.SERVER,
        summary="What the page is made of",
        parameters=(parameter("If-None-Match"),),
        answers={
            OK: answer("A script, a style sheet or a picture.", None, "ETag"),
            NOT_MODIFIED: UNCHANGED,
            MISSING: answer("There is no such part.", schema("Message")),
        },
    ),
}
