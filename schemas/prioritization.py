"""Prioritizations of `email` and `phone` identifiers: their steps, and how a request writes them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marshmallow import ValidationError, fields

from schemas.priorities import Priority

# The vendor's sentence, to the letter.
BOTH_RECENCIES = (
    "Request can not contain both of 'most_recently_updated' and 'least_recently_updated' values in the"
    " 'prioritization' array"
)

# Ours, where the vendor's are not known; BOTH_STANDINGS follows its sentence about recency.
NO_PRIORITIZATION = "'prioritization' is required beside 'email' or 'phone'"
WRONG_PRIORITIZATION = "'prioritization' must be an array of strings"
EMPTY_PRIORITIZATION = "'prioritization' must have at least one value"
UNKNOWN_PRIORITY = (
    "'prioritization' may only contain 'identified', 'unidentified', 'most_recently_updated' and"
    " 'least_recently_updated'"
)
BOTH_STANDINGS = "Request can not contain both of 'identified' and 'unidentified' values in the 'prioritization' array"
REPEATED_PRIORITY = "Request can not contain a value more than once in the 'prioritization' array"

#: The checks of a prioritization in their order; each relies on those before it.
PRIORITIZATION_CHECKS: Sequence[tuple[Callable[[Any], bool], str]] = (
    (lambda steps: steps is not None, NO_PRIORITIZATION),
    (lambda steps: isinstance(steps, list) and all(isinstance(step, str) for step in steps), WRONG_PRIORITIZATION),
    (lambda steps: len(steps) > 0, EMPTY_PRIORITIZATION),
    (lambda steps: set(steps) <= set(Priority), UNKNOWN_PRIORITY),
    (lambda steps: not {Priority.IDENTIFIED, Priority.UNIDENTIFIED} <= set(steps), BOTH_STANDINGS),
    (
        lambda steps: not {Priority.MOST_RECENTLY_UPDATED, Priority.LEAST_RECENTLY_UPDATED} <= set(steps),
        BOTH_RECENCIES,
    ),
    (lambda steps: len(set(steps)) == len(steps), REPEATED_PRIORITY),
)


class Prioritization(fields.Field[tuple[Priority, ...]]):
    """An ordered array of steps; each filters the candidates that the one before it left."""

    json_schema: Mapping[str, Any] = {
        "type": "array",
        "items": {"type": "string", "enum": list(Priority)},
        "minItems": 1,
        "maxItems": 2,
        "uniqueItems": True,
        "description": "Successive filters over all profiles with the address. A merge happens only when exactly one"
        " profile is left. `identified` excludes `unidentified`, and `most_recently_updated` excludes"
        " `least_recently_updated`.",
    }
    default_error_messages = {"required": NO_PRIORITIZATION, "null": NO_PRIORITIZATION}  # noqa: RUF012  marshmallow's way

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[Priority, ...]:
        for holds, sentence in PRIORITIZATION_CHECKS:
            if not holds(value):
                raise ValidationError(sentence)
        return tuple(map(Priority, value))
