"""The declaration of an endpoint for the OpenAPI document: `@describe(…)` above the route of its view."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from typing import Any, TypeVar

from marshmallow import Schema

from schemas.base import MessageSchema

Json = dict[str, Any]
View = TypeVar("View", bound=Callable[..., Any])

#: Ends the name of a header that is not always present.
OPTIONAL = ".optional"
REPEATABLE = ("Idempotency-Key",)
IDEMPOTENT = (*REPEATABLE, "Prefer", "Priority")
#: Of requests that can join a run.
JOINING = (*IDEMPOTENT, "Merge-Run")
JSON = "application/json"
CONDITIONAL = ("If-None-Match",)
LONG_POLLING = (*CONDITIONAL, "Prefer")
LONG_POLLED = ("ETag", "Vary", "Preference-Applied?")
BATCH_HEADERS = ("Location", "Retry-After", "Idempotent-Replayed?", "Preference-Applied?")

REJECTED = "The request has a fault; nothing took effect."
NOT_FOUND = "The key's workspace has no such object."
UNCHANGED = "Nothing changed since."
KEY_IN_USE = "The first request with this Idempotency-Key is still running."
KEY_REUSED = "The Idempotency-Key was used with another body."
JOINING_CONFLICT = (
    "The run of the header Merge-Run is not open, or the first request with this Idempotency-Key is still running."
)
NO_RUN = "There is no run with the id in the header Merge-Run."
NO_IMPORT = f"The run of the header Merge-Run is no open import. {KEY_IN_USE}"


class Tag(StrEnum):
    """The section of an endpoint."""

    USERS = "Users"
    MERGES = "Merges"
    PLANS = "Plans"
    RUNS = "Runs"
    PROFILES = "Profiles"
    SEGMENTS = "Segments"
    DUPLICATES = "Duplicates"
    WEBHOOKS = "Webhooks"
    AUDIT = "Audit"
    KEYS = "Keys"
    IDENTITIES = "Identities"
    SERVER = "Server"


class Common(StrEnum):
    """A response that many endpoints have; `components.py` describes it."""

    INVALID_KEY = "InvalidKey"
    ACCESS_DENIED = "AccessDenied"
    TOO_LARGE = "TooLarge"
    URL_TOO_LONG = "UrlTooLong"
    NOT_JSON = "NotJson"
    TOO_MANY_REQUESTS = "TooManyRequests"
    UNAVAILABLE = "Unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response: its description (by default the schema's docstring), its headers, and its body by media type.

    A header with a question mark is not always present.
    """

    description: str = ""
    headers: Sequence[str] = ()
    content: Mapping[str, type[Schema] | Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The declaration of one endpoint, besides its route, its permission and its view's docstring."""

    tag: Tag
    summary: str
    body: type[Schema] | None
    #: The media types of the body. Of one that is no JSON, the schema is that of a line.
    media: Sequence[str]
    #: A body that the endpoint accepts; tests use it where they have no body of their own.
    example: Json | None
    query: type[Schema] | None
    #: Names of parameters in `components.py`.
    headers: Sequence[str]
    replies: Mapping[int, Reply | Common]

    def all_replies(self, *, names_an_object: bool) -> dict[int, Reply | Common]:
        """Return the declared replies, and the replies that follow from the parameters and the body."""
        implied: dict[int, Reply | Common] = {}
        if self.body or self.query or "Idempotency-Key" in self.headers:
            implied[HTTPStatus.BAD_REQUEST] = error(REJECTED)
        if "Idempotency-Key" in self.headers:
            implied[HTTPStatus.CONFLICT] = error(KEY_IN_USE, "Link?")
            if self.body:
                implied[HTTPStatus.UNPROCESSABLE_ENTITY] = error(KEY_REUSED, "Link")
        if names_an_object:
            implied[HTTPStatus.NOT_FOUND] = error(NOT_FOUND)
        if self.body:
            implied[HTTPStatus.REQUEST_ENTITY_TOO_LARGE] = Common.TOO_LARGE
            implied[HTTPStatus.UNSUPPORTED_MEDIA_TYPE] = Common.NOT_JSON
        if self.query:
            implied[HTTPStatus.REQUEST_URI_TOO_LONG] = Common.URL_TOO_LONG
        ok = self.replies.get(HTTPStatus.OK)
        if "If-None-Match" in self.headers and isinstance(ok, Reply):
            implied[HTTPStatus.NOT_MODIFIED] = replace(ok, description=UNCHANGED, content={})
        return {
            status: self._with_headers_of_keys(status, each) for status, each in (implied | dict(self.replies)).items()
        }

    def _with_headers_of_keys(self, status: int, given: Reply | Common) -> Reply | Common:
        """Return the reply with the headers of a request that has an Idempotency-Key."""
        if "Idempotency-Key" not in self.headers or isinstance(given, Common):
            return given
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES and "Idempotent-Replayed?" not in given.headers:
            return replace(given, headers=(*given.headers, "Idempotent-Replayed?"))
        if status == HTTPStatus.CONFLICT and "Link?" not in given.headers:
            return replace(given, headers=(*given.headers, "Link?"))
        return given


def describe(  # noqa: PLR0913  a declaration
    tag: Tag,
    summary: str,
    *,
    body: type[Schema] | None = None,
    media: Sequence[str] = (JSON,),
    example: Json | None = None,
    query: type[Schema] | None = None,
    headers: Sequence[str] = (),
    replies: Mapping[int, type[Schema] | str | Reply | Common],
) -> Callable[[View], View]:
    """Return a decorator that adds the declaration to a view.

    A reply is the schema of its body, the sentence of an error, or a `reply(…)` with headers. The replies to faults of
    body, query, key and URL follow from the declaration. The view's docstring is the description of the endpoint.
    """
    operation = Operation(
        tag=tag,
        summary=summary,
        body=body,
        media=media,
        example=example,
        query=query,
        headers=headers,
        replies={status: _as_reply(given) for status, given in replies.items()},
    )

    def declare(view: View) -> View:
        vars(view)["operation"] = operation
        return view

    return declare


def reply(schema: type[Schema] | Json | None, *headers: str, description: str = "", media: str = JSON) -> Reply:
    """Return a response with a body of this *schema* and these *headers*."""
    return Reply(description=description, headers=headers, content={} if schema is None else {media: schema})


def error(description: str, *headers: str) -> Reply:
    """Return an error: its body is one sentence."""
    return reply(MessageSchema, *headers, description=description)


def _as_reply(given: type[Schema] | str | Reply | Common) -> Reply | Common:
    if isinstance(given, Reply | Common):
        return given
    return error(given) if isinstance(given, str) else reply(given)
