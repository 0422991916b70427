"""Lists page by page: how a query string selects a page, and where the next page begins."""

import base64
import binascii
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, validate

from schemas.base import RequestSchema
from schemas.fields import MESSAGES
from schemas.moments import in_utc

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
#: Maximum characters of an identifier by which a list is filtered.
MAX_IDENTIFIER = 1_000
LIMIT = f"'limit' must be a whole number from 1 to {MAX_LIMIT}"
IDENTIFIER = f"'identifier' must have from 1 to {MAX_IDENTIFIER} characters and no NUL among them"
MOMENT = "'{name}' must be a time in ISO 8601 with its offset, such as 2026-01-31T09:30:00Z"
OUT_OF_CALENDAR = "'{name}' must be a time in the years 1 to 9999 of UTC"
ORDER = "'order' must be one of newest, oldest"
KEY = "'key' must be the id of a key"
CURSOR = "'cursor' must be the next_cursor of an earlier page"
#: A time whose offset follows a blank in place of a plus sign.
UNENCODED_OFFSET = re.compile(r"^(\S+[T ]\S+) (\d\d(?::?\d\d)?)$", re.ASCII)
#: The greatest id of a profile.
MAX_ID = 2**63 - 1

NEXT = {"description": "The `next_cursor` of the page before."}


class Cursor(fields.Field[UUID]):
    """The last id of a page, in an opaque form."""

    json_schema: Mapping[str, Any] = {"type": "string"}

    def _serialize(self, value: UUID | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else base64.urlsafe_b64encode(value.bytes).decode().rstrip("=")

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> UUID:
        try:
            return UUID(bytes=base64.b64decode(f"{value}==", altchars=b"-_", validate=True))
        except (binascii.Error, ValueError):
            raise ValidationError(CURSOR) from None


class ProfileCursor(fields.Field[int]):
    """The internal id of the last profile of a page, in an opaque form."""

    json_schema: Mapping[str, Any] = {"type": "string"}
    default_error_messages = MESSAGES

    def _serialize(self, value: int | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else base64.urlsafe_b64encode(value.to_bytes(8)).decode().rstrip("=")

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        try:
            found = int.from_bytes(base64.b64decode(f"{value}=", altchars=b"-_", validate=True))
        except (binascii.Error, ValueError):
            raise ValidationError(CURSOR) from None
        if not 0 <= found <= MAX_ID:
            raise ValidationError(CURSOR)
        return found


class LimitQuery(RequestSchema):
    """The size of a page."""

    limit = fields.Integer(
        load_default=DEFAULT_LIMIT,
        validate=validate.Range(1, MAX_LIMIT, error=LIMIT),
        error_messages={"invalid": LIMIT, "too_large": LIMIT},
        metadata={"description": "Items on a page."},
    )


class PageQuery(LimitQuery):
    """The size of a page, and where it begins."""

    cursor = Cursor(metadata=NEXT)


class Order(StrEnum):
    """The order of a list."""

    NEWEST = "newest"
    OLDEST = "oldest"


class OrderedPageQuery(PageQuery):
    """A page of a list that can be read from either end. A cursor is that of a page in the same order."""

    order = fields.Enum(
        Order,
        by_value=True,
        load_default=Order.NEWEST,
        error_messages={"unknown": ORDER},
        metadata={"description": "The first items of the list: the newest or the oldest ones.", "default": "newest"},
    )


def identifier_filter(description: str) -> fields.String:
    """Return a field for the plain value of an identifier by which a list is filtered."""
    return fields.String(
        validate=[
            validate.Length(min=1, max=MAX_IDENTIFIER, error=IDENTIFIER),
            validate.ContainsNoneOf("\x00", error=IDENTIFIER),
        ],
        metadata={"description": f"{description} Emails and phones compare as in all requests, the others exactly."},
    )


class MomentFilter(fields.AwareDateTime):
    """A moment in ISO 8601 with its offset, loaded in UTC.

    A blank before the offset is a plus sign that the client did not encode.
    """

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text = UNENCODED_OFFSET.sub(r"\1+\2", value) if isinstance(value, str) else value
        moment = super()._deserialize(text, *args, **kwargs)
        try:
            return in_utc(moment)
        except ValueError:
            raise self.make_error("out_of_calendar") from None


def moment_filter(name: str, description: str) -> MomentFilter:
    """Return the field *name* for the start or the end of the time by which a list is filtered."""
    sentence = MOMENT.format(name=name)
    return MomentFilter(
        format="iso",
        error_messages={
            **dict.fromkeys(("invalid", "invalid_awareness", "format"), sentence),
            "out_of_calendar": OUT_OF_CALENDAR.format(name=name),
        },
        metadata={"description": description},
    )


class AcceptedQuery(RequestSchema):
    """The time in which the items of a list were created, and the key that created them."""

    key = fields.UUID(
        error_messages={"invalid_uuid": KEY, "invalid": KEY},
        metadata={"description": "Created by requests with this API key's id."},
    )

    class Meta(RequestSchema.Meta):
        # "from" is a keyword of Python.
        include = {  # noqa: RUF012  marshmallow reads it
            "from": moment_filter("from", "Created at this time or later."),
            "to": moment_filter("to", "Created before this time."),
        }


def load_query(schema: Schema, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the loaded parameters of *query*; raise ValidationError with one sentence for the first fault.

    An unknown parameter is an error: a misspelt filter must not match everything.
    """
    if query.keys() - schema.fields.keys():
        known = ", ".join(sorted(schema.fields))
        raise ValidationError(f"There is an unknown query parameter; this URL takes: {known}")
    loaded: dict[str, Any] = schema.load(query)
    return loaded
