"""The leaves of a segment's filter about properties, summaries, messages, apps, devices, aliases and groups."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validates_schema

from schemas.fields import MESSAGES, Choice, Text
from schemas.history import EVENT_WORD
from schemas.identifier_fields import AliasText
from schemas.segment_comparisons import (
    AMOUNT,
    ANY_TEXT,
    ANY_TIME,
    ANY_TRUTH,
    ANYTHING,
    EQUALITY,
    EXISTENCE,
    MAX_DAYS_BACK,
    MAX_NUMBER,
    MAX_TIMES,
    REGEX,
    Comparisons,
    LeafSchema,
    Whole,
    choices,
)

#: Comparisons of a count that a summary holds.
ANY_COUNT: Comparisons = dict.fromkeys(AMOUNT, Whole(least=0, most=MAX_NUMBER))
#: Fields of the summary of a custom event or a product.
ACTIVITY: Mapping[str, Comparisons] = {"count": ANY_COUNT, "first": ANY_TIME, "last": ANY_TIME}
#: Fields of a received campaign and of a received canvas, by their names in exports.
MESSAGE: Mapping[str, Comparisons] = {
    **dict.fromkeys(("name", "variation_name", "variation_api_id"), ANY_TEXT),
    **dict.fromkeys(("in_control", "converted"), ANY_TRUTH),
}
CAMPAIGN: Mapping[str, Comparisons] = {"last_received": ANY_TIME, **MESSAGE}
CANVAS: Mapping[str, Comparisons] = {
    **dict.fromkeys(("last_received_message", "last_entered", "last_exited"), ANY_TIME),
    **MESSAGE,
}
#: Fields of a step of a canvas.
STEP: Mapping[str, Comparisons] = {"last_received": ANY_TIME, "name": ANY_TEXT}
#: Fields of an app and of a device, by their names in exports.
APP: Mapping[str, Comparisons] = {
    "last_used": ANY_TIME,
    "first_used": ANY_TIME,
    "sessions": ANY_COUNT,
    **dict.fromkeys(("name", "platform", "version"), ANY_TEXT),
}
DEVICE: Mapping[str, Comparisons] = {
    **dict.fromkeys(("device_id", "model", "os", "carrier", "idfv", "idfa"), ANY_TEXT),
    "ad_tracking_enabled": ANY_TRUTH,
}
GROUP_STATES = ("subscribed", "unsubscribed", "unknown")


class FieldName(fields.String):
    """The name of the compared field; the schema of the leaf checks it."""

    default_error_messages = {**MESSAGES, "invalid": "must be a string"}  # noqa: RUF012 - as marshmallow declares it


class FieldFilterSchema(LeafSchema):
    """The base of leaves that compare one field of a stored object; the type of the field decides the comparisons."""

    compared: ClassVar[Mapping[str, Comparisons]]
    comparisons: ClassVar[Comparisons] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.comparisons = {word: field for each in cls.compared.values() for word, field in each.items()}

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        super().on_bind_field(field_name, field_obj)
        if field_name == "field":
            field_obj.metadata = {"enum": list(self.compared)}

    def comparisons_of(self, given: Mapping[str, Any]) -> Comparisons:
        """Return the comparisons for the type of the field."""
        if given["field"] not in self.compared:
            raise ValidationError(choices(self.compared), "field")
        return self.compared[given["field"]]


class PropertyFilterSchema(LeafSchema):
    """The base of leaves about a property of events or purchases; `count` makes it "X times in Y days"."""

    comparisons = ANYTHING
    property = Text(required=True, least=1)
    days = Whole(least=1, most=MAX_DAYS_BACK, required=True)
    count = Whole(least=0, most=MAX_TIMES)
    count_comparison = Choice(*AMOUNT, metadata={"enum": list(AMOUNT)})

    @validates_schema
    def _check_count(self, given: Mapping[str, Any], **_: Any) -> None:
        for name, other in (("count", "count_comparison"), ("count_comparison", "count")):
            if other in given and name not in given:
                raise ValidationError(f"is required beside '{other}'", name)


class CustomEventPropertyFilterSchema(PropertyFilterSchema):
    """A property of a custom event within the last days."""

    name = Text(required=True, least=1)


class PurchasePropertyFilterSchema(PropertyFilterSchema):
    """A property of purchases, of all or of one product, within the last days."""

    product_id = Text(allow_none=True, least=1)


class CustomEventSummaryFilterSchema(FieldFilterSchema):
    """The count, the first or the last time of a custom event in the whole history."""

    compared = ACTIVITY
    name = Text(required=True, least=1)
    field = FieldName(required=True)


class PurchaseSummaryFilterSchema(FieldFilterSchema):
    """The count, the first or the last time of a product's purchases in the whole history."""

    compared = ACTIVITY
    product_id = Text(required=True, least=1)
    field = FieldName(required=True)


class CampaignFilterSchema(FieldFilterSchema):
    """A campaign that the person received."""

    compared = CAMPAIGN
    api_campaign_id = Text(required=True, least=1)
    field = FieldName(load_default="last_received")


class CanvasFilterSchema(FieldFilterSchema):
    """A canvas that the person received."""

    compared = CANVAS
    api_canvas_id = Text(required=True, least=1)
    field = FieldName(load_default="last_received_message")


class CanvasStepFilterSchema(FieldFilterSchema):
    """A step of a canvas that the person received."""

    compared = STEP
    api_canvas_id = Text(required=True, least=1)
    api_canvas_step_id = Text(required=True, least=1)
    field = FieldName(load_default="last_received")


class EngagementFilterSchema(LeafSchema):
    """An event of messages, such as opened: its last time for any message, or whether it happened for one message."""

    comparisons = ANY_TIME
    event = Text(required=True, validate=[EVENT_WORD])
    api_campaign_id = Text(least=1)
    api_canvas_id = Text(least=1)

    @validates_schema
    def _check_message(self, given: Mapping[str, Any], **_: Any) -> None:
        if {"api_campaign_id", "api_canvas_id"} <= given.keys():
            raise ValidationError("may not be beside 'api_campaign_id'", "api_canvas_id")

    def comparisons_of(self, given: Mapping[str, Any]) -> Comparisons:
        """Return the comparisons: profiles do not hold the time of every event of one message."""
        return dict.fromkeys(EXISTENCE) if {"api_campaign_id", "api_canvas_id"} & given.keys() else self.comparisons


class AppFilterSchema(FieldFilterSchema):
    """An app that the person used."""

    compared = APP
    app_id = Text(required=True, least=1)
    field = FieldName(load_default="last_used")


class DeviceFilterSchema(FieldFilterSchema):
    """Any device of the person."""

    compared = DEVICE
    field = FieldName(load_default="device_id")


class AliasFilterSchema(LeafSchema):
    """The name of the alias under a label."""

    comparisons = {  # noqa: RUF012 - not written to
        **dict.fromkeys(EQUALITY, AliasText()),
        **{word: ANY_TEXT[word] for word in REGEX},
        **dict.fromkeys(EXISTENCE),
    }
    alias_label = AliasText(required=True)


class SubscriptionGroupFilterSchema(LeafSchema):
    """The state of a subscription group."""

    comparisons = dict.fromkeys(("is", "is_not"), Choice(*GROUP_STATES))
    subscription_group_id = Text(required=True, least=1)


#: The leaves by their key on the wire.
SUMMARY_LEAVES: Mapping[str, LeafSchema] = {
    "custom_event_property": CustomEventPropertyFilterSchema(),
    "purchase_property": PurchasePropertyFilterSchema(),
    "custom_event_summary": CustomEventSummaryFilterSchema(),
    "purchase_summary": PurchaseSummaryFilterSchema(),
    "campaign": CampaignFilterSchema(),
    "canvas": CanvasFilterSchema(),
    "canvas_step": CanvasStepFilterSchema(),
    "engagement": EngagementFilterSchema(),
    "app": AppFilterSchema(),
    "device": DeviceFilterSchema(),
    "user_alias": AliasFilterSchema(),
    "subscription_group": SubscriptionGroupFilterSchema(),
}
