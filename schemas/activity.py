"""The query and the response of `GET /profiles/{braze_id}/activity`: counts of the last days."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from marshmallow import ValidationError, fields, validate

from schemas.base import OPTIONAL, Instant, RequestSchema, ResponseSchema, count_field, success_message

#: Maximum days of a look-back: the vendor's Y.
MAX_DAYS = 30
SENTENCE_DAYS = f"'days' must be a whole number from 1 to {MAX_DAYS}."
SENTENCE_SUBJECT = "Exactly one of 'event', 'product_id' and 'purchases' is required."
SENTENCE_PROPERTY = "'property' and 'value' belong together: send both or neither."


class Subject(StrEnum):
    """The thing to count."""

    EVENT = "event"
    PRODUCT = "product_id"
    PURCHASES = "purchases"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityQuery:
    """A loaded query."""

    subject: Subject
    #: The event's or the product's name; None for all purchases.
    name: str | None
    days: int
    #: A property of the counted events or purchases, and its value as text.
    property: str | None
    value: str | None

    def to_wire(self) -> dict[str, object]:
        """Return the parameters of the query, which the response repeats."""
        subject = {} if self.name is None else {self.subject.value: self.name}
        filtered = {} if self.property is None else {"property": self.property, "value": self.value}
        return {**subject, "days": self.days, **filtered}


class ActivityQuerySchema(RequestSchema):
    """The parameters of the query. `load_activity` checks them: its sentences have their own order."""

    event = fields.String(
        metadata={"description": "Count this custom event. One of event, product_id and purchases is required."}
    )
    product_id = fields.String(metadata={"description": "Count purchases of this product."})
    purchases = fields.String(metadata={"description": "Count all purchases; the value is ignored."})
    days = fields.Integer(
        required=True, validate=validate.Range(1, MAX_DAYS), metadata={"description": "Count the last days."}
    )
    property = fields.String(metadata={"description": "Count only items with this property; `value` is required."})
    value = fields.String(metadata={"description": "The value of the property, as text."})


class ActivitySchema(ResponseSchema):
    """The count, with the first and last time; for purchases also the money spent."""

    message = success_message()
    braze_id = fields.String()
    event = fields.String(metadata=OPTIONAL)
    product_id = fields.String(metadata=OPTIONAL)
    property = fields.String(metadata=OPTIONAL)
    value = fields.String(metadata=OPTIONAL)
    days = fields.Integer(metadata={"minimum": 1, "maximum": MAX_DAYS})
    count = count_field()
    first = Instant(allow_none=True)
    last = Instant(allow_none=True)
    money_spent = fields.Float(metadata=OPTIONAL)


def load_activity(arguments: Mapping[str, str]) -> ActivityQuery:
    """Load the query string's *arguments*; raise ValidationError with one sentence for the first fault."""
    subjects = [subject for subject in Subject if subject in arguments]
    if len(subjects) != 1:
        raise ValidationError(SENTENCE_SUBJECT)
    days = arguments.get("days", "")
    if not (days.isascii() and days.isdigit() and len(days) <= len(str(MAX_DAYS)) and 1 <= int(days) <= MAX_DAYS):
        raise ValidationError(SENTENCE_DAYS)
    if ("property" in arguments) != ("value" in arguments):
        raise ValidationError(SENTENCE_PROPERTY)
    if any("\x00" in value for value in arguments.values()):
        raise ValidationError("The query string may not contain the NUL character (U+0000).")
    (subject,) = subjects
    return ActivityQuery(
        subject=subject,
        name=None if subject is Subject.PURCHASES else arguments[subject],
        days=int(days),
        property=arguments.get("property"),
        value=arguments.get("value"),
    )
