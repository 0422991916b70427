"""The query and the response of `GET /profiles/{braze_id}/history`: single events, purchases, sessions, engagements."""

import base64
import binascii
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from schemas.base import ANY_OBJECT, OPTIONAL, Instant, ResponseSchema, WireJson, Word, success_message
from schemas.paging import CURSOR, MAX_ID, NEXT, LimitQuery, moment_filter
from schemas.profile import Units

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
BACKWARDS = "'from' must be before 'to'"


class HistoryKind(StrEnum):
    """The kind of an item."""

    EVENT = "event"
    PURCHASE = "purchase"
    SESSION = "session"
    ENGAGEMENT = "engagement"


KIND = f"'kind' must be one of {', '.join(HistoryKind)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPlace:
    """The place of an item in a history: its time, its kind, and the id of its row."""

    time: datetime
    kind: HistoryKind
    id: int


class HistoryCursor(fields.Field[HistoryPlace]):
    """The place of the last item of a page, in an opaque form."""

    json_schema: Mapping[str, Any] = {"type": "string"}
    #: Microseconds since 1970, number of the kind, id.
    packed = struct.Struct(">qBq")

    def _serialize(self, value: HistoryPlace | None, *_: Any, **__: Any) -> str | None:
        if value is None:
            return None
        kind = list(HistoryKind).index(value.kind)
        packed = self.packed.pack((value.time - EPOCH) // MICROSECOND, kind, value.id)
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> HistoryPlace:
        try:
            decoded = base64.b64decode(f"{value}=", altchars=b"-_", validate=True)
            microseconds, kind, id_ = self.packed.unpack(decoded)
            place = HistoryPlace(time=EPOCH + microseconds * MICROSECOND, kind=list(HistoryKind)[kind], id=id_)
        except (binascii.Error, ValueError, struct.error, OverflowError, IndexError):
            raise ValidationError(CURSOR) from None
        if not 0 <= place.id <= MAX_ID:
            raise ValidationError(CURSOR)
        return place


class HistoryQuery(LimitQuery):
    """A filter of a history, and a page."""

    kind = Word(
        HistoryKind, error_messages={"unknown": KIND}, metadata={"description": "Items of this kind. Default: all."}
    )
    cursor = HistoryCursor(metadata=NEXT)

    class Meta(LimitQuery.Meta):
        # "from" is a keyword of Python.
        include = {  # noqa: RUF012  marshmallow reads it
            "from": moment_filter("from", "Items at this time or later."),
            "to": moment_filter("to", "Items before this time."),
        }

    @validates_schema
    def _check_order(self, given: dict[str, Any], **_: Any) -> None:
        """Raise ValidationError when the end comes before the start."""
        if "from" in given and "to" in given and given["from"] >= given["to"]:
            raise ValidationError(BACKWARDS)


class HistoryItemSchema(ResponseSchema):
    """An event, a purchase, a session or an engagement, with the members of its kind."""

    kind = Word(HistoryKind)
    time = Instant()
    origin = fields.String(
        metadata={"description": "The braze_id of the profile that it was recorded for; a merge does not change it."}
    )
    name = fields.String(
        allow_none=True, metadata={**OPTIONAL, "description": "Of an event; of an engagement, that of the message."}
    )
    product_id = fields.String(metadata=OPTIONAL)
    currency = fields.String(metadata=OPTIONAL)
    price = Units(
        attribute="price_cents",
        metadata={
            **OPTIONAL,
            "description": "The item's part of the revenue of its purchase, after conversion. The parts of a quantity"
            " of n differ by at most a cent, and their sum is the revenue.",
        },
    )
    app_id = fields.String(allow_none=True, metadata={**OPTIONAL, "description": "Of all kinds but engagements."})
    ended_at = Instant(allow_none=True, metadata=OPTIONAL)
    message_kind = fields.String(metadata={**OPTIONAL, "enum": ["campaign", "canvas"]})
    message_id = fields.String(metadata=OPTIONAL)
    event = fields.String(metadata={**OPTIONAL, "description": "Of an engagement, such as received or opened."})
    properties = WireJson(
        ANY_OBJECT, allow_none=True, metadata={**OPTIONAL, "description": "Of all kinds but sessions."}
    )


class HistoryPageSchema(ResponseSchema):
    """A page of a history, newest first."""

    message = success_message()
    braze_id = fields.String()
    history = fields.List(fields.Nested(HistoryItemSchema))
    next_cursor = HistoryCursor(allow_none=True)
