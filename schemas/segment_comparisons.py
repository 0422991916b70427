"""Comparisons of a segment's filter: the types of their values, and the base of all leaves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, post_load

from schemas.base import StrictRequestSchema
from schemas.fields import MAX_TEXT, MESSAGES, Moment, Number, Text, Truth
from schemas.json_values import LEAST, MOST, OversizedInteger

#: Maximum characters of a regular expression.
MAX_PATTERN = 1_000
#: Highest count of a comparison, and days of a look-back: the vendor's X and Y.
MAX_TIMES = 50
MAX_DAYS_BACK = 30
#: Maximum days of a comparison with the time of an attribute: a hundred years.
MAX_DAYS = 36_500
#: Highest number of a comparison with a standard attribute; a higher one is a mistake.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One condition: *kind* is the leaf's key on the wire, *given* its members besides the comparison."""

    kind: str
    comparison: str
    given: Mapping[str, Any]


class Scalar(fields.Field[str | float | bool]):
    """A string, a number, true or false."""

    default_error_messages = MESSAGES

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str | float | bool:
        if isinstance(value, OversizedInteger):
            raise ValidationError("is an integer beyond 64 bits; such ids are stored as strings, so send a string")
        if not isinstance(value, str | int | float):
            raise ValidationError("must be a string, a number, true or false")
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise ValidationError(f"may not be longer than {MAX_TEXT} characters")
        return value


class Whole(fields.Field[int]):
    """A whole number from *least* to *most*."""

    json_schema: Mapping[str, Any] = {"type": "integer"}
    default_error_messages = MESSAGES

    def __init__(self, *, least: int, most: int, **options: Any) -> None:
        self._least, self._most = least, most
        super().__init__(**options)
        self.metadata = {"minimum": least, "maximum": most, **self.metadata}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not self._least <= value <= self._most:
            raise ValidationError(f"must be a whole number from {self._least} to {self._most}")
        return value


#: The field of the value by comparison; None for a comparison without a value.
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
#: A custom attribute may have any type: the value and the comparison select how it is compared.
ANYTHING: Comparisons = {
    **ANY_TEXT,
    **dict.fromkeys(EQUALITY, Scalar()),
    **dict.fromkeys(INCLUSION, Scalar()),
    **dict.fromkeys(ORDER, Number(least=LEAST, most=MOST)),
    **ANY_TIME,
}


def choices(words: tuple[str, ...] | Comparisons | Mapping[str, Comparisons]) -> str:
    """Return the error message for a value that is none of *words*."""
    *most, last = words
    return f"must be one of {', '.join(most)} and {last}"


class LeafValue(fields.Raw):
    """The value of a comparison; its type depends on the comparison."""

    json_schema: Mapping[str, Any] = {"type": ["string", "number", "boolean"]}


class LeafSchema(StrictRequestSchema):
    """The base of all leaves: a comparison, and a value where the comparison needs one."""

    comparisons: ClassVar[Comparisons]

    error_messages = {"unknown": "is no key of this filter"}  # noqa: RUF012 - as marshmallow declares it

    comparison = fields.String(required=True, error_messages={**MESSAGES, "invalid": "must be a string"})
    value = LeafValue(allow_none=True)

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        if field_name == "comparison":
            field_obj.metadata = {"enum": list(self.comparisons)}

    def comparisons_of(self, given: Mapping[str, Any]) -> Comparisons:  # noqa: ARG002 - for attributes
        """Return the comparisons for the name in *given*."""
        return self.comparisons

    @post_load
    def _to_leaf(self, given: dict[str, Any], **_: Any) -> Leaf:
        """Load the value by the field of its comparison."""
        comparisons = self.comparisons_of(given)
        comparison = given.pop("comparison")
        if comparison not in comparisons:
            raise ValidationError(choices(comparisons), "comparison")
        field = comparisons[comparison]
        value = given.pop("value", None)
        if field is not None:
            given["value"] = _load_value(field, value)
        return Leaf(kind="", comparison=comparison, given=given)


def _load_value(field: fields.Field[Any], value: Any) -> Any:
    """Load *value* by *field*; errors name the member `value`."""
    if value is None:
        raise ValidationError(MESSAGES["required"], "value")
    try:
        return field.deserialize(value)
    except ValidationError as error:
        raise ValidationError(error.messages, "value") from None
