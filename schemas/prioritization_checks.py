"""What a prioritization must look like on the wire, and the sentence for each way in which it may not."""

from collections.abc import Callable, Sequence
from typing import Any

from marshmallow import ValidationError, fields

from schemas.prioritization import Priority

# The vendor's sentence, to the letter.
BOTH_RECENCIES = (
    "Request can not contain both of 'most_recently_updated' and 'least_recently_updated' values in the"
    " 'prioritization' array"
)

# Ours, where the vendor's are not known; BOTH_STANDINGS is made after its sentence about recency.
NO_PRIORITIZATION = "'prioritization' is required beside 'email' or 'phone'"
WRONG_PRIORITIZATION = "'prioritization' must be an array of strings"
EMPTY_PRIORITIZATION = "'prioritization' must have at least one value"
UNKNOWN_PRIORITY = (
    "'prioritization' may only contain 'identified', 'unidentified', 'most_recently_updated' and"
    " 'least_recently_updated'"
)
BOTH_STANDINGS = "Request can not contain both of 'identified' and 'unidentified' values in the 'prioritization' array"
REPEATED_PRIORITY = "Request can not contain a value more than once in the 'prioritization' array"


#: What holds for every prioritization, in the order in which it is checked; each check relies on those before it.
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
    """An ordered array of steps, each of which filters the candidates that the one before it left."""

    default_error_messages = {"required": NO_PRIORITIZATION, "null": NO_PRIORITIZATION}  # noqa: RUF012  marshmallow's way

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[Priority, ...]:
        """Return the steps that *value* lists; raise ValidationError with the first sentence that applies."""
        for holds, sentence in PRIORITIZATION_CHECKS:
            if not holds(value):
                raise ValidationError(sentence)
        return tuple(map(Priority, value))
