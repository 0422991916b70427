"""The leaves of a segment's filter: what is compared, how, and with which value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import RAISE, Schema, ValidationError, fields, post_load

from schemas.fields import MAX_TEXT, MESSAGES, Choice, Moment, Number, Text, Truth

#: Characters that a regular expression may have.
MAX_PATTERN = 1_000
#: Times that a count may be compared with, and days that a look back may reach: the vendor's X and Y.
MAX_TIMES = 50
MAX_DAYS_BACK = 30
#: Days that the time of an attribute may be compared with: a hundred years.
MAX_DAYS = 36_500
#: Numbers beyond which a comparison is a mistake.
MAX_NUMBER = 10**15

EQUALITY = ("equals", "not_equal", "does_not_equal")
REGEX = ("matches_regex", "does_not_match_regex")
INCLUSION = ("includes_value", "does_not_include_value")
ORDER = ("greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to")
DISTANCE = (
    "less_than_x_days_ago",
    "greater_than_x_days_ago",
    "less_than_x_days_in_the_future",
    "greater_than_x_days_in_the_future",
)
MOMENTS = ("after", "before")
EXISTENCE = ("exists", "does_not_exist")
AMOUNT = ("more_than", "less_than", "exactly")
STATES = ("opted_in", "subscribed", "unsubscribed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One thing that is asked of a profile.

    *kind* is the leaf's key on the wire, *comparison* its comparison, and *given* what else it was given, by key.
    """

    kind: str
    comparison: str
    given: Mapping[str, Any]


class Scalar(fields.Field[str | float | bool]):
    """A string, a number, true or false."""

    default_error_messages = MESSAGES

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str | float | bool:
        """Return *value*."""
        if not isinstance(value, str | int | float):
            raise ValidationError("must be a string, a number, true or false")
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise ValidationError(f"may not be longer than {MAX_TEXT} characters")
        return value


class Whole(fields.Field[int]):
    """A whole number from *least* to *most*."""

    default_error_messages = MESSAGES

    def __init__(self, *, least: int, most: int, **options: Any) -> None:
        self._least, self._most = least, most
        super().__init__(**options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        """Return *value*."""
        if isinstance(value, bool) or not isinstance(value, int) or not self._least <= value <= self._most:
            raise ValidationError(f"must be a whole number from {self._least} to {self._most}")
        return value


#: By comparison, the field that reads the value to compare with; None where there is nothing to compare with.
Comparisons = Mapping[str, fields.Field[Any] | None]

NUMBER = Number(least=-MAX_NUMBER, most=MAX_NUMBER)
ANY_TEXT: Comparisons = {
    **dict.fromkeys(EQUALITY, Text()),
    **dict.fromkeys(REGEX, Text(least=1, most=MAX_PATTERN)),
    **dict.fromkeys(EXISTENCE),
}
ANY_NUMBER: Comparisons = dict.fromkeys((*EQUALITY, *ORDER), NUMBER)
ANY_TIME: Comparisons = {
    **dict.fromkeys(DISTANCE, Number(least=0, most=MAX_DAYS)),
    **dict.fromkeys(MOMENTS, Moment()),
    **dict.fromkeys(EXISTENCE),
}
ANY_TRUTH: Comparisons = dict.fromkeys(EQUALITY, Truth())
#: A custom attribute may hold anything: its value and its comparison say what it is taken for.
ANYTHING: Comparisons = {
    **ANY_TEXT,
    **dict.fromkeys(EQUALITY, Scalar()),
    **dict.fromkeys(INCLUSION, Scalar()),
    **dict.fromkeys(ORDER, NUMBER),
    **ANY_TIME,
}
#: Default attributes by the names under which exports show them.
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


def choices(words: tuple[str, ...] | Comparisons | Mapping[str, Comparisons]) -> str:
    """Return what is said of a word that is none of *words*."""
    *most, last = words
    return f"must be one of {', '.join(most)} and {last}"


class LeafSchema(Schema):
    """What every leaf has: a comparison, and where there is one the value to compare with."""

    comparisons: ClassVar[Comparisons]

    class Meta:
        """A misspelt key must not make a filter match more than it says."""

        unknown = RAISE

    error_messages = {"unknown": "is no key of this filter"}  # noqa: RUF012 - as marshmallow declares it

    comparison = fields.String(required=True, error_messages={**MESSAGES, "invalid": "must be a string"})
    value = fields.Raw(allow_none=True)

    def comparisons_of(self, given: Mapping[str, Any]) -> Comparisons:  # noqa: ARG002 - asked by a leaf with a name
        """Return the comparisons that there are for what *given* names."""
        return self.comparisons

    @post_load
    def _to_leaf(self, given: dict[str, Any], **_: Any) -> Leaf:
        """Return *given* as a leaf whose value fits its comparison."""
        comparisons = self.comparisons_of(given)
        comparison = given.pop("comparison")
        if comparison not in comparisons:
            raise ValidationError(choices(comparisons), "comparison")
        field = comparisons[comparison]
        value = given.pop("value", None)
        if field is not None:
            given["value"] = _read(field, value)
        return Leaf(kind="", comparison=comparison, given=given)


def _read(field: fields.Field[Any], value: Any) -> Any:
    """Return what *field* makes of *value*; raise ValidationError when it is none."""
    if value is None:
        raise ValidationError(MESSAGES["required"], "value")
    try:
        return field.deserialize(value)
    except ValidationError as error:
        raise ValidationError(error.messages, "value") from None


class CustomAttributeSchema(LeafSchema):
    """A custom attribute, compared as the vendor's connected audience does."""

    comparisons = ANYTHING
    custom_attribute_name = Text(required=True, least=1)


class AttributeSchema(LeafSchema):
    """A default attribute."""

    name = fields.String(required=True, error_messages={**MESSAGES, "invalid": "must be a string"})

    def comparisons_of(self, given: Mapping[str, Any]) -> Comparisons:
        """Return the comparisons that there are for attributes of this type."""
        if given["name"] not in ATTRIBUTES:
            raise ValidationError(choices(ATTRIBUTES), "name")
        return ATTRIBUTES[given["name"]]


class ExternalIdSchema(LeafSchema):
    """The external_id."""

    comparisons = {**dict.fromkeys(EQUALITY, Text(most=987)), **dict.fromkeys(EXISTENCE)}  # noqa: RUF012 - not written to


class SubscriptionSchema(LeafSchema):
    """A subscription state."""

    comparisons = dict.fromkeys(("is", "is_not"), Choice(*STATES))


class LastUsedAppSchema(LeafSchema):
    """When the last session was."""

    comparisons = dict.fromkeys(MOMENTS, Moment())


class CustomEventSchema(LeafSchema):
    """How often a custom event happened within the last days."""

    class Meta(LeafSchema.Meta):
        """Its `count` is what is compared; a `value` beside it would be a misunderstanding."""

        exclude = ("value",)

    comparisons = dict.fromkeys(AMOUNT)
    name = Text(required=True, least=1)
    count = Whole(least=0, most=MAX_TIMES, required=True)
    days = Whole(least=1, most=MAX_DAYS_BACK, required=True)


class PurchaseSchema(LeafSchema):
    """How often something, or one product, was purchased within the last days."""

    class Meta(LeafSchema.Meta):
        """Its `count` is what is compared; a `value` beside it would be a misunderstanding."""

        exclude = ("value",)

    comparisons = dict.fromkeys(AMOUNT)
    product_id = Text(allow_none=True, least=1)
    count = Whole(least=0, most=MAX_TIMES, required=True)
    days = Whole(least=1, most=MAX_DAYS_BACK, required=True)


class MoneySpentSchema(LeafSchema):
    """How much was spent, in units of currency: within the last days, or ever."""

    comparisons = dict.fromkeys(AMOUNT, NUMBER)
    days = Whole(least=1, most=MAX_DAYS_BACK, allow_none=True)


#: The leaves by their key on the wire.
LEAVES: Mapping[str, LeafSchema] = {
    "custom_attribute": CustomAttributeSchema(),
    "attribute": AttributeSchema(),
    "external_id": ExternalIdSchema(),
    "push_subscription_status": SubscriptionSchema(),
    "email_subscription_status": SubscriptionSchema(),
    "last_used_app": LastUsedAppSchema(),
    "custom_event": CustomEventSchema(),
    "purchase": PurchaseSchema(),
    "money_spent": MoneySpentSchema(),
}
#: Leaves that read the history of all profiles.
COSTLY = frozenset({"custom_event", "purchase"})
