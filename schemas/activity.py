"""The query of `GET /profiles/{braze_id}/activity`: what is counted, and how far back."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from marshmallow import ValidationError

#: Days that a look back may reach: the vendor's Y.
MAX_DAYS = 30
SENTENCE_DAYS = f"'days' must be a whole number from 1 to {MAX_DAYS}."
SENTENCE_SUBJECT = "Exactly one of 'event', 'product_id' and 'purchases' is required."
SENTENCE_PROPERTY = "'property' and 'value' belong together: send both or neither."


class Subject(StrEnum):
    """What is counted."""

    EVENT = "event"
    PRODUCT = "product_id"
    PURCHASES = "purchases"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityQuery:
    """What is counted, within how many days."""

    subject: Subject
    #: The event's or the product's name; None for all purchases.
    name: str | None
    days: int
    #: A property and the value, as text, that counted events or purchases must have.
    property: str | None
    value: str | None

    def shown(self) -> dict[str, object]:
        """Return what was asked, as the answer repeats it."""
        asked = {} if self.name is None else {self.subject.value: self.name}
        filtered = {} if self.property is None else {"property": self.property, "value": self.value}
        return {**asked, "days": self.days, **filtered}


def load_activity(arguments: Mapping[str, str]) -> ActivityQuery:
    """Return what the query string's *arguments* ask for. Raises ValidationError with one sentence when they do not."""
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
