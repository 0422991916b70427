"""`/duplicates`: the policy of a workspace, the rule of a preview, counts, and runs."""

import re
from collections.abc import Mapping
from datetime import time
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from marshmallow import Schema, ValidationError, fields

from schemas.base import OPTIONAL, Instant, ResponseSchema, StrictRequestSchema, Word, count_field, success_message
from schemas.fields import MESSAGES, Choice, Truth, first_fault
from schemas.keeping import KeepRule, Prefer, RunState, RunTrigger, SharedAddress, TiesBy
from schemas.paging import Cursor
from schemas.text import quoted

DAILY_AT = "must be a time of the day such as 00:00, or null for no daily run"
TIME_ZONE = "must be the name of a time zone, such as Europe/Berlin"
CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


class TimeOfDay(fields.Field[time]):
    """A time of the day in hours and minutes."""

    json_schema: Mapping[str, Any] = {"type": "string", "pattern": f"^{CLOCK.pattern}$"}

    def _serialize(self, value: time | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else value.isoformat("minutes")

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> time:
        match = CLOCK.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValidationError(DAILY_AT)
        return time(int(match[1]), int(match[2]))


class TimeZone(fields.Field[str]):
    """The name of a time zone."""

    json_schema: Mapping[str, Any] = {
        "type": "string",
        "description": "A name of the IANA time zone database.",
        "examples": ["Europe/Berlin"],
    }
    default_error_messages = MESSAGES

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        # The daily run needs the zone's offset, so an unknown name is an error.
        if not isinstance(value, str) or value not in _time_zones():
            raise ValidationError(TIME_ZONE)
        return value


class RuleMembers(Schema):
    """The rule that selects the profile to keep among profiles that share an address."""

    identifier = Choice(
        *SharedAddress, attribute="rule.identifier", metadata={"description": "The address that duplicates share."}
    )
    resolve_ties_by = Choice(
        *TiesBy, attribute="rule.resolve_ties_by", metadata={"description": "The time that resolves ties."}
    )
    prefer = Choice(*Prefer, attribute="rule.prefer", metadata={"description": "The end of these times that is kept."})


class RuleSchema(StrictRequestSchema, RuleMembers):
    """A rule in a query string."""


class PolicySchema(RuleSchema):
    """The duplicate policy of a workspace. A member that a request omits gets its default."""

    daily_at = TimeOfDay(
        allow_none=True, metadata={"description": "The time of the day of the daily run; null for no daily run."}
    )
    time_zone = TimeZone()
    next_daily_at = Instant(dump_only=True, allow_none=True)


class DuplicateCountsSchema(ResponseSchema):
    """The result of a scan for duplicates, in numbers."""

    examined = count_field("Profiles with an address that were examined.")
    groups = count_field("Addresses that several profiles share.")
    to_merge = count_field("Profiles to be merged.")
    undecided = fields.Dict(
        values=count_field(), metadata={"description": "Profiles of groups without a profile to keep, by the reason."}
    )
    left = fields.Dict(
        values=count_field(), metadata={"description": "Profiles that stay as they are, by the outcome of their merge."}
    )


class RunCountsSchema(DuplicateCountsSchema):
    """The result of a run so far, in numbers."""

    batches = count_field("Batches that the run has made.")


class DuplicatePreviewSchema(ResponseSchema, RuleMembers):
    """The result that a run would have; not `complete` when counting reached its time limit."""

    complete = fields.Boolean()
    counts = fields.Nested(DuplicateCountsSchema)


class RunSchema(ResponseSchema, RuleMembers):
    """A run over the duplicates of the workspace."""

    run_id = fields.UUID(attribute="id")
    trigger = Word(RunTrigger)
    state = Word(RunState)
    created_at = Instant()
    finished_at = Instant(allow_none=True)
    counts = fields.Nested(RunCountsSchema)
    plan_id = fields.UUID(
        allow_none=True, metadata={"description": "The plan that a planned run fills; null for a run that merges."}
    )
    batches_url = fields.Function(lambda run: f"/merge/batches?run_id={run.id}", metadata={"type": "string"})


class RunStartSchema(StrictRequestSchema):
    """How to start a run. A request without a body starts one that merges."""

    plan = Truth(metadata={**OPTIONAL, "description": "Whether to keep the merges as a plan and merge nothing."})


class RunStartedSchema(ResponseSchema):
    """The id of the started run, and where to poll it."""

    message = success_message()
    run_id = fields.UUID()
    status_url = fields.String()
    plan_id = fields.UUID(allow_none=True, metadata={"description": "The plan that a planned run fills."})


class RunPageSchema(ResponseSchema):
    """A page of runs, and where the next begins."""

    runs = fields.List(fields.Nested(RunSchema))
    next_cursor = Cursor(allow_none=True)


_POLICY = PolicySchema()
_START = RunStartSchema()


def load_run_start(body: Any) -> bool:
    """Return whether the parsed *body* asks for a plan; raise ValidationError with one sentence for any fault."""
    if not isinstance(body, dict):
        raise ValidationError("The request body must be a JSON object.")
    if unknown := sorted(body.keys() - {"plan"}):
        raise ValidationError(f"'{quoted(unknown[0])}' is no key of this request; its only key is 'plan'.")
    try:
        return bool(_START.load(body).get("plan", False))
    except ValidationError as error:
        raise ValidationError(first_fault(error.messages)) from None


def load_policy(body: Any) -> dict[str, Any]:
    """Load a policy from *body*, its rule as a KeepRule; raise ValidationError with one sentence for any fault."""
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
    """Return the rule of the loaded *given*; members that it omits are those of *by_default*."""
    given = given.get("rule", {})
    return KeepRule(
        identifier=SharedAddress(given.get("identifier", by_default.identifier)),
        resolve_ties_by=TiesBy(given.get("resolve_ties_by", by_default.resolve_ties_by)),
        prefer=Prefer(given.get("prefer", by_default.prefer)),
    )


@lru_cache(maxsize=1)
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())
