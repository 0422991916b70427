"""Headers, parameters and responses that the document describes once and refers to."""

from collections.abc import Mapping

from app.web.openapi.describe import OPTIONAL, Common, Json, Reply, error
from app.web.prefer_wait import LONGEST

STRING: Json = {"type": "string"}
COUNT: Json = {"type": "integer", "minimum": 0}


def _one_of(word: str) -> Json:
    return {"type": "string", "enum": [word]}


HEADERS: Mapping[str, Json] = {
    key: {"description": description, "schema": shape, "required": required}
    for name, description, shape in (
        ("X-Request-Id", "The id of the request: the client's own, or a new one.", STRING),
        ("X-RateLimit-Limit", "Requests in a window, for all endpoints that share this limit.", COUNT),
        ("X-RateLimit-Remaining", "Requests left in this window.", COUNT),
        ("X-RateLimit-Reset", "The start of the next window, in seconds since the epoch.", COUNT),
        ("Location", "The URL to poll.", STRING),
        ("Retry-After", "Seconds to wait before the next request.", COUNT),
        ("Idempotent-Replayed", "`true` when this repeats the first response to the key.", _one_of("true")),
        ("Preference-Applied", "The applied preference, such as `wait=10`.", STRING),
        ("Vary", "The request headers by which the response differs: `Prefer`.", STRING),
        ("ETag", "The state of the response, for `If-None-Match`.", STRING),
        ("Content-Disposition", "The name of the file.", STRING),
        ("Link", "The survivor, as `canonical`; or the documentation of Idempotency-Keys, as `describedby`.", STRING),
        ("WWW-Authenticate", "The scheme of keys.", _one_of("Bearer")),
    )
    for key, required in ((name, True), (f"{name}{OPTIONAL}", False))
}

PARAMETERS: Mapping[str, Json] = {
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Makes the request safe to repeat: the same key with the same body gets the first response"
        " again. Another body is 422, and 409 says that the first request is still running. The key is stored for 24"
        " hours by default. An error does not use it up.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": (
            f"`wait=N` (RFC 7240): wait until the batch has finished, for N seconds, at most {LONGEST}. With"
            " `If-None-Match`: wait for a change. `respond-async`: respond at once, where the endpoint waits by"
            " default."
        ),
        "schema": {"type": "string"},
        "examples": {"ten seconds": {"value": "wait=10"}},
    },
    "Priority": {
        "name": "Priority",
        "in": "header",
        "description": "`u=N` (RFC 9218): the urgency of the jobs, from 0, the most urgent, to 7. Default: that of"
        " the run, or 3. Invalid values are ignored.",
        "schema": {"type": "string"},
        "examples": {"urgent": {"value": "u=0"}},
    },
    "Merge-Run": {
        "name": "Merge-Run",
        "in": "header",
        "description": "The id of an open run, which the batch of this request joins; for profiles and tracked objects,"
        " of an open import."
        " It is checked first: 404 for an unknown run, 409 for one that is not open.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` of an earlier response: 304 when nothing changed since.",
        "schema": {"type": "string"},
    },
}

RESPONSES: Mapping[Common, Reply] = {
    Common.INVALID_KEY: error("The request has no API key, or an invalid one.", "WWW-Authenticate"),
    Common.ACCESS_DENIED: error("The key lacks the permission."),
    Common.TOO_LARGE: error("The body is larger than 4 MB."),
    Common.URL_TOO_LONG: error("The URL with its query is longer than 8 KB."),
    Common.NOT_JSON: error("The Content-Type is not JSON."),
    Common.TOO_MANY_REQUESTS: error(
        "The workspace has no requests left in this window; or too many of its jobs are waiting for a request that"
        " makes jobs.",
        "Retry-After",
    ),
    Common.UNAVAILABLE: error(
        "The database is not available. Send the request again, with its Idempotency-Key if it has one.",
        "Retry-After",
    ),
}
