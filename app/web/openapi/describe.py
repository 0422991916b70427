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
IDEMPOTENT = ("Idempotency-Key", "Prefer")
#: Of requests that can join a run.
JOINING = (*IDEMPOTENT, "Merge-Run")
CONDITIONAL = ("If-None-Match",)
BATCH_HEADERS = ("Location", "Retry-After", "Idempotent-Replayed?", "Preference-Applied?")

REJECTED = "The request has a fault; nothing took effect."
NOT_FOUND = "The key's workspace has no such object."
UNCHANGED = "Nothing changed since."
IDEMPOTENCY_CONFLICT = (
    "The Idempotency-Key belongs to another body, or the first request with it is still running; or the run of the"
    " header Merge-Run is not open."
)
NO_RUN = "There is no run with the id in the header Merge-Run."


class Tag(StrEnum):
    """The section of an endpoint."""

    USERS = "Users"
    MERGES = "Merges"
    RUNS = "Runs"
    PROFILES = "Profiles"
    SEGMENTS = "Segments"
    DUPLICATES = "Duplicates"
    WEBHOOKS = "Webhooks"
    AUDIT = "Audit"
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
        return implied | dict(self.replies)


def describe(  # noqa: PLR0913  a declaration
    tag: Tag,
    summary: str,
    *,
    body: type[Schema] | None = None,
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
        example=example,
        query=query,
        headers=headers,
        replies={status: _as_reply(given) for status, given in replies.items()},
    )

    def declare(view: View) -> View:
        vars(view)["operation"] = operation
        return view

    return declare


def reply(
    schema: type[Schema] | Json | None, *headers: str, description: str = "", media: str = "application/json"
) -> Reply:
    """Return a response with a body of this *schema* and these *headers*."""
    return Reply(description=description, headers=headers, content={} if schema is None else {media: schema})


def error(description: str, *headers: str) -> Reply:
    """Return an error: its body is one sentence."""
    return reply(MessageSchema, *headers, description=description)


def _as_reply(given: type[Schema] | str | Reply | Common) -> Reply | Common:
    if isinstance(given, Reply | Common):
        return given
    return error(given) if isinstance(given, str) else reply(given)
