"""What the document names once and refers to: shapes that no marshmallow schema has, headers, and parameters."""

from collections.abc import Mapping

from app.web.openapi.fields import PRIORITIZATION
from app.web.openapi.parts import (
    ANYTHING,
    COUNT,
    OPTIONAL,
    STRING,
    TRUTH,
    Json,
    Shape,
    an_array,
    an_object,
    answer,
    schema,
    words,
)
from app.web.prefer_wait import LONGEST
from schemas.keeping import SharedAddress
from schemas.merge import ALIAS_KEYS, MAX_BYTES, ROLES
from schemas.segment_leaves import LEAVES
from schemas.segments import GROUPS, MAX_LEAVES


def identifier(kind: str, shape: Json, *, by_address: bool = False) -> Json:
    """Return the JSON Schema of an identifier of one *kind*; one *by_address* needs a prioritization."""
    prioritization = schema("Prioritization") if by_address else ANYTHING
    required = (kind, "prioritization") if by_address else (kind,)
    made = an_object(required, **{kind: shape, "prioritization": prioritization})
    return {**made, "additionalProperties": False}


def text(kind: str) -> Json:
    """Return the JSON Schema of the text of an identifier; its limit is in bytes, which no text can undercut."""
    return {"type": "string", "maxLength": MAX_BYTES[kind]}


IDENTIFIERS = [
    identifier("external_id", text("external_id")),
    identifier(
        "user_alias",
        {
            **an_object(sorted(ALIAS_KEYS), **{key: text(key) for key in sorted(ALIAS_KEYS)}),
            "additionalProperties": False,
        },
    ),
    identifier("email", text("email"), by_address=True),
    identifier("phone", text("phone"), by_address=True),
]

DUPLICATE: Mapping[str, Json] = {"braze_id": STRING, "identified": TRUTH}

#: What a segment's filter may be: groups of filters, and leaves.
KINDS: Mapping[str, Shape] = {
    **dict.fromkeys(GROUPS, an_array(schema("SegmentFilter"), least=1, most=MAX_LEAVES)),
    **{kind: type(leaf) for kind, leaf in LEAVES.items()},
}
FILTERS = [{**an_object((kind,), **{kind: shape}), "additionalProperties": False} for kind, shape in KINDS.items()]

SCHEMAS: Mapping[str, Json] = {
    "Message": {**an_object(("message",), message=STRING), "description": "An error, in one sentence."},
    "RefusedObject": {
        **an_object(("type", "input_array", "index"), type=STRING, input_array=STRING, index=COUNT),
        "description": "An object of the request that was refused: why, in which array, at which place.",
    },
    "Refused": {
        **an_object(("message",), message=STRING, errors=an_array(schema("RefusedObject"), least=1)),
        "description": "Nothing in the request could be accepted.",
    },
    "Prioritization": PRIORITIZATION,
    "Identifier": {"oneOf": IDENTIFIERS, "description": "A profile, named in exactly one way."},
    "RecordedIdentifier": {
        "anyOf": [schema("Identifier"), schema("Duplicate"), {"type": "object", "maxProperties": 0}],
        "description": "An identifier as it was sent; blank once the person it names was deleted.",
    },
    "Duplicate": {
        "anyOf": [
            an_object(("braze_id", kind.value, "identified"), **DUPLICATE, **{kind.value: STRING})
            for kind in SharedAddress
        ],
        "description": "In jobs of runs over duplicates: a profile, meant only while it has the address and is"
        " identified or not as it was. No request takes it.",
    },
    "SegmentFilter": {"oneOf": FILTERS, "description": "AND and OR of filters, or one filter; see docs/segments.md."},
    "MergeUpdate": {
        **an_object(sorted(ROLES), **dict.fromkeys(sorted(ROLES), schema("Identifier"))),
        "additionalProperties": False,
        "description": "Merge the profile `identifier_to_merge` into the profile `identifier_to_keep`.",
    },
}

HEADERS: Mapping[str, Json] = {
    key: {"description": description, "schema": shape, "required": required}
    for name, description, shape in (
        ("X-Request-Id", "The request's id: the client's own, or a new one.", STRING),
        ("X-RateLimit-Limit", "Requests that the endpoint, with those that share its limit, takes in a window.", COUNT),
        ("X-RateLimit-Remaining", "Requests that the present window still takes.", COUNT),
        ("X-RateLimit-Reset", "When the next window begins, in seconds since the epoch.", COUNT),
        ("Location", "Where to poll.", STRING),
        ("Retry-After", "Seconds after which it is worth while to ask again.", COUNT),
        ("Idempotent-Replayed", "`true` when this is the first answer to the key, made again.", words("true")),
        ("Preference-Applied", "The wait that was granted.", STRING),
        ("ETag", "The state of the answer, for `If-None-Match`.", STRING),
        ("Content-Disposition", "The name of the file.", STRING),
        ("Link", "The survivor, as `canonical`.", STRING),
        ("WWW-Authenticate", "The scheme of keys.", words("Bearer")),
    )
    for key, required in ((name, True), (f"{name}{OPTIONAL}", False))
}

PARAMETERS: Mapping[str, Json] = {
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Makes the request safe to repeat: the same key with the same body gets the first answer again,"
        " with another body 409.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": f"`wait=N` (RFC 7240): answer when the batch has finished or N seconds have passed, {LONGEST} at"
        " most.",
        "schema": {"type": "string"},
        "examples": {"ten seconds": {"value": "wait=10"}},
    },
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` of an earlier answer: 304 when nothing has changed since.",
        "schema": {"type": "string"},
    },
}

RESPONSES: Mapping[str, Json] = {
    "InvalidKey": answer("No key, or none that opens a workspace.", schema("Message"), "WWW-Authenticate"),
    "AccessDenied": answer("The key does not have the permission.", schema("Message")),
    "TooLarge": answer("The body is larger than 4 MB.", schema("Message")),
    "UrlTooLong": answer("The URL with its query is longer than 8 KB.", schema("Message")),
    "NotJson": answer("The body is not declared as JSON.", schema("Message")),
    "TooManyRequests": answer(
        "The workspace has used up its requests of this window; or the request would make jobs, and too many of the"
        " workspace's wait.",
        schema("Message"),
        "Retry-After",
    ),
    "Unavailable": answer(
        "The database does not answer just now; the request may be sent again, with its Idempotency-Key if any.",
        schema("Message"),
        "Retry-After",
    ),
}
