"""`max_failures`: how many jobs of a run may fail before it is paused, as a number or as a share."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError, fields

from schemas.fields import MESSAGES
from schemas.outcomes import JobState, Outcome

#: The most jobs that a limit may name.
MOST_FAILURES = 1_000_000_000
#: A share counts from this number of ended jobs on: of a few jobs it says little.
LEAST_ENDED = 100
PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,2})?)\s*%")
WRONG = f'must be a whole number from 0 to {MOST_FAILURES:,}, or a share such as "2%"'
#: A job that is dead or has one of these outcomes has failed: its input was refused, or is ambiguous.
FAILURES = frozenset(
    {
        JobState.DEAD.value,
        Outcome.REFUSED_IDENTIFIER.value,
        Outcome.ORPHAN_AMBIGUOUS.value,
        Outcome.SURVIVOR_AMBIGUOUS.value,
        Outcome.PROTECTED.value,
        Outcome.INVALID_PHONES.value,
        Outcome.SURVIVOR_LIMIT.value,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureLimit:
    """The most failed jobs: either a number or a share in percent."""

    number: int | None = None
    percent: Decimal | None = None

    def __str__(self) -> str:
        """Return the limit as in a sentence."""
        return f"{self.number:,}" if self.percent is None else f"{self.percent.normalize():f}%"

    @property
    def wire(self) -> int | str | None:
        """The limit as requests and responses have it."""
        return self.number if self.percent is None else str(self)

    def is_exceeded(self, *, failed: int, ended: int) -> bool:
        """Return whether too many of *ended* jobs have *failed*."""
        if self.percent is not None:
            return ended >= LEAST_ENDED and failed * 100 > self.percent * ended
        return self.number is not None and failed > self.number


class FailureLimitField(fields.Field[FailureLimit]):
    """A number, or a share in percent as text."""

    json_schema: Mapping[str, Any] = {
        "type": ["integer", "string"],
        "minimum": 0,
        "maximum": MOST_FAILURES,
        "pattern": r"^\d{1,3}(\.\d{1,2})?\s*%$",
    }
    default_error_messages = MESSAGES

    def _serialize(self, value: FailureLimit | None, *_: Any, **__: Any) -> int | str | None:
        return None if value is None else value.wire

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> FailureLimit:
        return parse_failure_limit(value)


def parse_failure_limit(value: Any) -> FailureLimit:
    """Return the limit in *value*, a number or a share as text; raise ValidationError otherwise."""
    if isinstance(value, str) and (match := PERCENT.fullmatch(value.strip())):
        percent = Decimal(match[1])
        if percent <= 100:  # noqa: PLR2004  percent
            return FailureLimit(percent=percent)
    if type(value) is int and 0 <= value <= MOST_FAILURES:
        return FailureLimit(number=value)
    raise ValidationError(WRONG)


def count_failures(counts: Mapping[str, int]) -> int:
    """Return the number of failed jobs in *counts*, by outcome or state."""
    return sum(jobs for name, jobs in counts.items() if name in FAILURES)
