"""The objects of `/users/track` that become history: events, purchases, sessions and engagements."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from schemas.attributes import DeviceSchema
from schemas.fields import MESSAGES, Choice, Moment, NameText, Nested, Object, Switch, Text
from schemas.identifiers import Target
from schemas.nesting import MAX_NESTED_BYTES, MAX_PURCHASE_BYTES, check_properties
from schemas.targets import TargetSchema, may_create, target_of

#: Maximum purchases of one object.
MAX_QUANTITY = 100
#: Maximum units of currency; a higher price is a mistake.
MAX_PRICE = 1_000_000_000
#: Arithmetic with money: more digits than any price times any rate has, so that only the last step rounds.
MONEY = Context(prec=200, rounding=ROUND_HALF_UP)
#: Property names that would hide a member of the event or the purchase.
EVENT_RESERVED = frozenset({"time", "event_name"})
PURCHASE_RESERVED = EVENT_RESERVED | {"product_id", "quantity", "price", "currency"}
#: Checks the event of an engagement.
EVENT_WORD = validate.Regexp("[a-z][a-z_]{0,63}\\Z", error="must be a word such as received, opened or clicked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A custom event."""

    target: Target
    may_create: bool
    name: str
    time: datetime
    app_id: str | None
    properties: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """*quantity* purchases of one product at *price* units of *currency* each; negative for a refund."""

    target: Target
    may_create: bool
    product_id: str
    currency: str
    price: Decimal
    quantity: int
    time: datetime
    app_id: str | None
    properties: Mapping[str, Any] | None
    #: The value of one unit of *currency* in the currency of the sums.
    rate: Decimal = Decimal(1)

    @property
    def revenue_cents(self) -> int:
        """Price times quantity times rate in whole cents, rounded once: half a cent is rounded away from zero."""
        exact = MONEY.multiply(MONEY.multiply(self.price, self.quantity * 100), self.rate)
        return int(exact.to_integral_value(context=MONEY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session of an app, with known facts about the app and the device."""

    target: Target
    may_create: bool
    app_id: str
    #: Name, platform and version, as far as known.
    app: Mapping[str, Any]
    time: datetime
    ended_at: datetime | None
    device: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Engagement:
    """An event of a message of a campaign or a canvas, such as received, opened or clicked."""

    target: Target
    may_create: bool
    kind: str
    message_id: str
    event: str
    time: datetime
    name: str | None
    #: variation_name, variation_api_id and in_control, as far as known.
    details: Mapping[str, Any]
    step_id: str | None
    step_name: str | None
    properties: Mapping[str, Any] | None


class Price(fields.Field[Decimal]):
    """A number of units of currency. It may have fractions of a cent: only revenue is rounded."""

    json_schema: Mapping[str, Any] = {
        "type": "number",
        "minimum": -MAX_PRICE,
        "maximum": MAX_PRICE,
        "description": "In units of currency; a negative price is a refund. Revenue is price times quantity times"
        " rate, rounded once to whole cents: half a cent is rounded away from zero.",
    }

    default_error_messages = MESSAGES

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | float) or not -MAX_PRICE <= value <= MAX_PRICE:
            raise ValidationError(f"must be a number from {-MAX_PRICE:,} to {MAX_PRICE:,}")
        # A float's shortest decimal form is what the client wrote.
        return Decimal(str(value))


class Quantity(fields.Field[int]):
    """A number of purchases."""

    json_schema: Mapping[str, Any] = {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_QUANTITY,
        "description": "A quantity of n is n purchases.",
    }

    default_error_messages = {**MESSAGES, "null": "is not valid"}  # noqa: RUF012 - as marshmallow declares it

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_QUANTITY:
            raise ValidationError("is not valid")
        return value


class Currency(Text):
    """A currency code of three letters, as in ISO 4217."""

    json_schema: Mapping[str, Any] = {"pattern": "^[A-Za-z]{3}$", "description": "ISO 4217."}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        code: str = super()._deserialize(value, attr, data, **kwargs).upper()
        if not (len(code) == 3 and code.isascii() and code.isalpha()):  # noqa: PLR2004 - the code has three letters
            raise ValidationError("must be a currency code of three letters (ISO 4217)")
        return code


class HistorySchema(TargetSchema):
    """The base of events, purchases, sessions and engagements."""

    def target_members(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the target of *given*, and whether it may be created; raise ValidationError when it has none."""
        target = target_of(given)
        only = given.get("_update_existing_only")
        return {"target": target, "may_create": may_create(target, update_existing_only=only)}


class EventSchema(HistorySchema):
    """A custom event; a time in the future is taken as now."""

    name = NameText(required=True)
    time = Moment(required=True)
    app_id = Text(allow_none=True)
    properties = Object(allow_none=True)

    @post_load
    def _to_event(self, given: dict[str, Any], **_: Any) -> Event:
        properties = given.get("properties")
        check_properties(properties or {}, reserved=EVENT_RESERVED, most_bytes=MAX_NESTED_BYTES)
        return Event(
            **self.target_members(given),
            name=given["name"],
            time=given["time"],
            app_id=given.get("app_id"),
            properties=properties,
        )


class PurchaseSchema(HistorySchema):
    """A purchase; a quantity of n is n purchases, a negative price is a refund.

    A time in the future is taken as now.
    """

    product_id = NameText(required=True)
    currency = Currency(required=True)
    price = Price(required=True)
    quantity = Quantity(load_default=1)
    time = Moment(required=True)
    app_id = Text(allow_none=True)
    properties = Object(allow_none=True)

    @post_load
    def _to_purchase(self, given: dict[str, Any], **_: Any) -> Purchase:
        properties = given.get("properties")
        check_properties(properties or {}, reserved=PURCHASE_RESERVED, most_bytes=MAX_PURCHASE_BYTES)
        return Purchase(
            **self.target_members(given),
            product_id=given["product_id"],
            currency=given["currency"],
            price=given["price"],
            quantity=given["quantity"],
            time=given["time"],
            app_id=given.get("app_id"),
            properties=properties,
        )


class SessionSchema(HistorySchema):
    """A session of an app. Only Mergelane has it: at Braze the SDKs record sessions.

    A time in the future is taken as now.
    """

    app_id = Text(required=True, least=1)
    app_name = Text(allow_none=True)
    app_version = Text(allow_none=True)
    platform = Text(allow_none=True)
    started_at = Moment(required=True)
    ended_at = Moment(allow_none=True)
    device = Nested(DeviceSchema, allow_none=True)

    @post_load
    def _to_session(self, given: dict[str, Any], **_: Any) -> Session:
        """Raise ValidationError when the session ends before it starts."""
        ended_at = given.get("ended_at")
        if ended_at is not None and ended_at < given["started_at"]:
            raise ValidationError("'ended_at' may not lie before 'started_at'.")
        app = {"name": given.get("app_name"), "platform": given.get("platform"), "version": given.get("app_version")}
        return Session(
            **self.target_members(given),
            app_id=given["app_id"],
            app={key: value for key, value in app.items() if value is not None},
            time=given["started_at"],
            ended_at=ended_at,
            device=given.get("device"),
        )


class EngagementSchema(HistorySchema):
    """An event of a message of a campaign or a canvas; a time in the future is taken as now. Only Mergelane has it."""

    kind = Choice("campaign", "canvas", required=True)
    id = Text(required=True, least=1)
    name = Text(allow_none=True)
    event = Text(required=True, validate=[EVENT_WORD])
    time = Moment(required=True)
    variation_name = Text(allow_none=True)
    variation_api_id = Text(allow_none=True)
    in_control = Switch(allow_none=True)
    step_id = Text(allow_none=True)
    step_name = Text(allow_none=True)
    properties = Object(allow_none=True)

    @post_load
    def _to_engagement(self, given: dict[str, Any], **_: Any) -> Engagement:
        properties = given.get("properties")
        check_properties(properties or {}, reserved=EVENT_RESERVED, most_bytes=MAX_NESTED_BYTES)
        known = {key: given.get(key) for key in ("variation_name", "variation_api_id", "in_control")}
        return Engagement(
            **self.target_members(given),
            kind=given["kind"],
            message_id=given["id"],
            event=given["event"],
            time=given["time"],
            name=given.get("name"),
            details={key: value for key, value in known.items() if value is not None},
            step_id=given.get("step_id"),
            step_name=given.get("step_name"),
            properties=properties,
        )
