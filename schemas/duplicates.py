"""What is on the wire of `/duplicates`: the policy of a workspace, the rule of a rehearsal, numbers, and runs."""

import re
from collections.abc import Mapping
from datetime import time
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from marshmallow import RAISE, Schema, ValidationError, fields

from schemas.fields import MESSAGES, Choice, first_fault
from schemas.jobs import Cursor, Instant
from schemas.keeping import KeepRule, Prefer, SharedAddress, TiesBy
from schemas.text import quoted

DAILY_AT = "must be a time of the day such as 00:00, or null for no daily run"
TIME_ZONE = "must be the name of a time zone, such as Europe/Berlin"
CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


class TimeOfDay(fields.Field[time]):
    """A time of the day in hours and minutes."""

    def _serialize(self, value: time | None, *_: Any, **__: Any) -> str | None:
        """Return *value* as text."""
        return None if value is None else value.isoformat("minutes")

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> time:
        """Return the time that the text *value* writes."""
        match = CLOCK.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValidationError(DAILY_AT)
        return time(int(match[1]), int(match[2]))


class TimeZone(fields.Field[str]):
    """The name of a time zone."""

    default_error_messages = MESSAGES

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        """Return the name *value*, which must be known: the daily run hangs on it."""
        if not isinstance(value, str) or value not in _time_zones():
            raise ValidationError(TIME_ZONE)
        return value


class RuleSchema(Schema):
    """Which profile of those that share an address is kept."""

    class Meta:
        """A misspelt key must not seem to have been heeded."""

        unknown = RAISE

    identifier = Choice(*SharedAddress, attribute="rule.identifier")
    resolve_ties_by = Choice(*TiesBy, attribute="rule.resolve_ties_by")
    prefer = Choice(*Prefer, attribute="rule.prefer")


class PolicySchema(RuleSchema):
    """How a workspace wants its duplicates to be merged. What a request leaves out gets its default."""

    daily_at = TimeOfDay(allow_none=True)
    time_zone = TimeZone()
    next_daily_at = Instant(dump_only=True)


class NumbersSchema(Schema):
    """What a walk over duplicates has found, in numbers of profiles and groups."""

    examined = fields.Integer()
    groups = fields.Integer()
    to_merge = fields.Integer()
    undecided = fields.Raw()
    left = fields.Raw()


class RunNumbersSchema(NumbersSchema):
    """What a run has found, and how many batches it has made of it."""

    batches = fields.Integer()


class DuplicatePreviewSchema(RuleSchema):
    """What a run would find; *complete* when that is all of it."""

    complete = fields.Boolean()
    counts = fields.Nested(NumbersSchema)


class RunSchema(RuleSchema):
    """A run over duplicates."""

    run_id = fields.UUID(attribute="id")
    trigger = fields.String()
    state = fields.String()
    created_at = Instant()
    finished_at = Instant()
    counts = fields.Nested(RunNumbersSchema)
    batches_url = fields.Function(lambda run: f"/merge/batches?run_id={run.id}")


class RunPageSchema(Schema):
    """A page of runs, and where the next begins."""

    runs = fields.List(fields.Nested(RunSchema))
    next_cursor = Cursor(allow_none=True)


_POLICY = PolicySchema()


def load_policy(body: Any) -> dict[str, Any]:
    """Return what *body* sets, its rule as a KeepRule.

    Raises ValidationError with one sentence that names the fault.
    """
    if not isinstance(body, dict):
        raise ValidationError("The request body must be a JSON object.")
    settable = [name for name, field in _POLICY.fields.items() if not field.dump_only]
    if unknown := sorted(body.keys() - set(settable)):
        raise ValidationError(f"'{quoted(unknown[0])}' is no key of this request; its keys are {', '.join(settable)}.")
    try:
        given: dict[str, Any] = _POLICY.load(body)
    except ValidationError as error:
        raise ValidationError(first_fault(error.messages)) from None
    return {
        "rule": rule_from(given, by_default=KeepRule()),
        "daily_at": given.get("daily_at"),
        "time_zone": given.get("time_zone", "UTC"),
    }


def rule_from(given: Mapping[str, Any], *, by_default: KeepRule) -> KeepRule:
    """Return the rule that the loaded *given* says, with what it leaves out as in *by_default*."""
    given = given.get("rule", {})
    return KeepRule(
        identifier=SharedAddress(given.get("identifier", by_default.identifier)),
        resolve_ties_by=TiesBy(given.get("resolve_ties_by", by_default.resolve_ties_by)),
        prefer=Prefer(given.get("prefer", by_default.prefer)),
    )


@lru_cache(maxsize=1)
def _time_zones() -> frozenset[str]:
    """Return the names of the IANA time zone database."""
    return frozenset(available_timezones())
