"""The leaves of a segment's filter: an attribute or event, a comparison and a value."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields

from schemas.fields import MESSAGES, Choice, Moment, Text
from schemas.segment_comparisons import (
    AMOUNT,
    ANY_NUMBER,
    ANY_TEXT,
    ANY_TIME,
    ANY_TRUTH,
    ANYTHING,
    EQUALITY,
    EXISTENCE,
    MAX_DAYS_BACK,
    MAX_TIMES,
    MOMENTS,
    NUMBER,
    Comparisons,
    LeafSchema,
    Whole,
    choices,
)
from schemas.segment_summary_leaves import SUMMARY_LEAVES

STATES = ("opted_in", "subscribed", "unsubscribed")
#: Standard attributes by their names in exports.
ATTRIBUTES: Mapping[str, Comparisons] = {
    **dict.fromkeys(
        ("first_name", "last_name", "gender", "home_city", "country", "language", "time_zone", "email", "phone"),
        ANY_TEXT,
    ),
    **dict.fromkeys(("random_bucket", "session_count", "purchase_count", "total_revenue"), ANY_NUMBER),
    **dict.fromkeys(
        ("created_at", "dob", "first_session", "last_session", "first_purchase", "last_purchase"),
        ANY_TIME,
    ),
    "test_user": ANY_TRUTH,
}


class CustomAttributeFilterSchema(LeafSchema):
    """A custom attribute, compared as in the vendor's connected audiences."""

    comparisons = ANYTHING
    custom_attribute_name = Text(required=True, least=1)


class AttributeFilterSchema(LeafSchema):
    """A standard attribute."""

    comparisons = {  # noqa: RUF012 - not written to
        comparison: field for each in ATTRIBUTES.values() for comparison, field in each.items()
    }
    name = fields.String(
        required=True,
        error_messages={**MESSAGES, "invalid": "must be a string"},
        metadata={"enum": list(ATTRIBUTES)},
    )

    def comparisons_of(self, given: Mapping[str, Any]) -> Comparisons:
        """Return the comparisons for the type of the attribute."""
        if given["name"] not in ATTRIBUTES:
            raise ValidationError(choices(ATTRIBUTES), "name")
        return ATTRIBUTES[given["name"]]


class ExternalIdFilterSchema(LeafSchema):
    """The external_id."""

    comparisons = {**dict.fromkeys(EQUALITY, Text(most=987)), **dict.fromkeys(EXISTENCE)}  # noqa: RUF012 - not written to


class SubscriptionFilterSchema(LeafSchema):
    """A subscription state."""

    comparisons = dict.fromkeys(("is", "is_not"), Choice(*STATES))


class LastUsedAppFilterSchema(LeafSchema):
    """The time of the last session."""

    comparisons = dict.fromkeys(MOMENTS, Moment())


class CustomEventFilterSchema(LeafSchema):
    """The number of a custom event within the last days."""

    class Meta(LeafSchema.Meta):
        # The comparison is with `count`.
        exclude = ("value",)

    comparisons = dict.fromkeys(AMOUNT)
    name = Text(required=True, least=1)
    count = Whole(least=0, most=MAX_TIMES, required=True)
    days = Whole(least=1, most=MAX_DAYS_BACK, required=True)


class PurchaseFilterSchema(LeafSchema):
    """The number of purchases, of all or of one product, within the last days."""

    class Meta(LeafSchema.Meta):
        # The comparison is with `count`.
        exclude = ("value",)

    comparisons = dict.fromkeys(AMOUNT)
    product_id = Text(allow_none=True, least=1)
    count = Whole(least=0, most=MAX_TIMES, required=True)
    days = Whole(least=1, most=MAX_DAYS_BACK, required=True)


class MoneySpentFilterSchema(LeafSchema):
    """The money spent in units of currency: within the last days, or ever."""

    comparisons = dict.fromkeys(AMOUNT, NUMBER)
    days = Whole(least=1, most=MAX_DAYS_BACK, allow_none=True)


#: The leaves by their key on the wire.
LEAVES: Mapping[str, LeafSchema] = {
    "custom_attribute": CustomAttributeFilterSchema(),
    "attribute": AttributeFilterSchema(),
    "external_id": ExternalIdFilterSchema(),
    "push_subscription_status": SubscriptionFilterSchema(),
    "email_subscription_status": SubscriptionFilterSchema(),
    "last_used_app": LastUsedAppFilterSchema(),
    "custom_event": CustomEventFilterSchema(),
    "purchase": PurchaseFilterSchema(),
    "money_spent": MoneySpentFilterSchema(),
    **SUMMARY_LEAVES,
}
#: Leaves that read the history of all profiles.
COSTLY = frozenset({"custom_event", "purchase"})
