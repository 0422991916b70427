"""What answers show that is computed, and so is told by no marshmallow field: by schema and member."""

from collections.abc import Mapping
from itertools import chain

from marshmallow import Schema

from app.audit.entries import ACTIONS
from app.web.openapi.parts import (
    ANY_OBJECT,
    ANYTHING,
    COUNT,
    MOMENT,
    STRING,
    TRUTH,
    Json,
    a_map,
    an_array,
    an_object,
    schema,
    words,
)
from schemas import segment_leaves
from schemas.audit import (
    Action,
    AuditPageSchema,
    EntrySchema,
    KeySchema,
    WholeAuditPageSchema,
    WholeEntrySchema,
)
from schemas.duplicates import (
    CLOCK,
    DuplicatePreviewSchema,
    NumbersSchema,
    PolicySchema,
    RunNumbersSchema,
    RunPageSchema,
    RunSchema,
)
from schemas.jobs import (
    DEFAULT_LIMIT,
    INPUT_ARRAYS,
    MAX_LIMIT,
    BatchPageSchema,
    BatchSchema,
    BatchSummarySchema,
    JobPageSchema,
    JobSchema,
    SideSchema,
)
from schemas.keeping import RunState, RunTrigger
from schemas.outcomes import BatchSource, JobKind, JobState, Outcome
from schemas.preview import RehearsedSchema
from schemas.profile import ProfileSchema
from schemas.profile_pages import ProfilePageSchema
from schemas.segments import SegmentPageSchema, SegmentSchema
from schemas.webhooks import (
    WANTED,
    EventType,
    NoticePageSchema,
    NoticeSchema,
    NoticeState,
    SecretWebhookSchema,
    WebhookSchema,
    WebhooksSchema,
)

NULLABLE_MOMENT: Json = {"type": ["string", "null"], "format": "date-time"}
NULLABLE_TIME: Json = {
    "type": ["string", "null"],
    "pattern": f"^{CLOCK.pattern}$",
    "description": "At what time of the day a run begins; null for no daily run.",
}
TEXT_OR_NULL: Json = {"type": ["string", "null"]}
CHANGE = an_object(("field", "before", "after", "rule"), field=STRING, before=ANYTHING, after=ANYTHING, rule=STRING)
NOT_RESTORED = an_object(("identifier", "why"), identifier=schema("RecordedIdentifier"), why=STRING)
COUNTED = an_array(an_object(("name", "count", "first", "last"), name=STRING, count=COUNT, first=MOMENT, last=MOMENT))
STEP = an_object(("name", "api_canvas_step_id"), name=STRING, api_canvas_step_id=STRING, last_received=MOMENT)
MESSAGE = {
    "name": STRING,
    "variation_name": STRING,
    "variation_api_id": STRING,
    "in_control": TRUTH,
    "engaged": a_map(TRUTH),
    "converted": TRUTH,
}
DEVICE = {
    "device_id": STRING,
    **dict.fromkeys(("model", "os", "carrier", "idfv", "idfa"), STRING),
    "ad_tracking_enabled": TRUTH,
}

SCALAR: Json = {"type": ["string", "number", "boolean"]}
TIMES: Json = {"type": "integer", "minimum": 0, "maximum": segment_leaves.MAX_TIMES}
DAYS: Json = {"type": "integer", "minimum": 1, "maximum": segment_leaves.MAX_DAYS_BACK}
LEAVES: Mapping[type[Schema], Mapping[str, Json]] = {
    type(leaf): {
        "comparison": words(*getattr(leaf, "comparisons", dict.fromkeys(chain(*segment_leaves.ATTRIBUTES.values())))),
        "name": words(*segment_leaves.ATTRIBUTES) if kind == "attribute" else STRING,
        "value": SCALAR,
        "count": TIMES,
        "days": DAYS,
    }
    for kind, leaf in segment_leaves.LEAVES.items()
}

BATCH: Mapping[str, Json] = {
    "state": words(JobState.QUEUED, JobState.RUNNING, JobState.FINISHED),
    "source": words(*BatchSource),
    "finished_at": NULLABLE_MOMENT,
    "counts": {**a_map(COUNT), "description": "Jobs by their outcome, or by their state while they have none."},
}
WEBHOOK: Mapping[str, Json] = {
    "types": an_array(words(*WANTED)),
    "former_secret_until": {**NULLABLE_MOMENT, "description": "Until when the secret before this one signs too."},
}
CHANGED = an_object(
    ("field", "before", "after", "rule"), field=STRING, before=ANYTHING, after=ANYTHING, rule=TEXT_OR_NULL
)
IMAGES: Json = {
    **an_object(orphan=ANY_OBJECT, survivor=ANY_OBJECT, profile=ANY_OBJECT),
    "description": "By side, fields and their values; empty once a person whom it was about was deleted.",
}
ENTRY: Mapping[str, Json] = {
    "action": words(*Action),
    "request_id": TEXT_OR_NULL,
    "outcome": words(*ACTIONS, nullable=True),
    "not_restored": an_array(NOT_RESTORED, nullable=True),
}
RUN: Mapping[str, Json] = {
    "trigger": words(*RunTrigger),
    "state": words(*RunState),
    "finished_at": NULLABLE_MOMENT,
    "batches_url": STRING,
}
NUMBERS: Mapping[str, Json] = {
    "examined": {**COUNT, "description": "Profiles with an address that were passed."},
    "groups": {**COUNT, "description": "Addresses that several profiles share."},
    "to_merge": {**COUNT, "description": "Profiles to be merged."},
    "undecided": {**a_map(COUNT), "description": "Profiles of groups of which none is kept, by why."},
    "left": {**a_map(COUNT), "description": "Profiles that are left as they are, by the outcome of their merge."},
    "batches": COUNT,
}
PROPERTIES: Mapping[type[Schema], Mapping[str, Json]] = {
    PolicySchema: {"daily_at": NULLABLE_TIME, "next_daily_at": {**NULLABLE_MOMENT, "readOnly": True}},
    NumbersSchema: NUMBERS,
    RunNumbersSchema: NUMBERS,
    RunSchema: RUN,
    RunPageSchema: {"next_cursor": TEXT_OR_NULL},
    WebhookSchema: WEBHOOK,
    SecretWebhookSchema: WEBHOOK,
    NoticeSchema: {
        "type": words(*EventType),
        "state": words(*NoticeState),
        "attempts": COUNT,
        "last_attempt_at": NULLABLE_MOMENT,
        "last_status": {"type": ["integer", "null"]},
        "next_attempt_at": NULLABLE_MOMENT,
        "ended_at": NULLABLE_MOMENT,
    },
    NoticePageSchema: {"next_cursor": TEXT_OR_NULL},
    JobSchema: {
        "index": COUNT,
        "kind": words(*JobKind),
        "state": words(*JobState),
        "outcome": words(*Outcome, nullable=True),
        "identifier_to_merge": schema("RecordedIdentifier"),
        "identifier_to_keep": schema("RecordedIdentifier"),
        "attempts": COUNT,
        "started_at": NULLABLE_MOMENT,
        "finished_at": NULLABLE_MOMENT,
        "undone_at": NULLABLE_MOMENT,
        "not_restored": {
            **an_array(NOT_RESTORED),
            "description": "Identifiers that the orphan of an undo did not get back.",
        },
        "input_array": words(*INPUT_ARRAYS.values()),
    },
    BatchSummarySchema: BATCH,
    BatchSchema: BATCH,
    BatchPageSchema: {"next_cursor": TEXT_OR_NULL},
    JobPageSchema: {"next_cursor": TEXT_OR_NULL},
    SegmentPageSchema: {"message": words("success"), "count": COUNT, "next_cursor": TEXT_OR_NULL},
    ProfilePageSchema: {"message": words("success"), "next_cursor": TEXT_OR_NULL},
    KeySchema: {"label": TEXT_OR_NULL},
    EntrySchema: ENTRY,
    WholeEntrySchema: {**ENTRY, "changes": an_array(CHANGED), "before": IMAGES, "after": IMAGES},
    AuditPageSchema: {"next_cursor": TEXT_OR_NULL},
    WholeAuditPageSchema: {"next_cursor": TEXT_OR_NULL},
    RehearsedSchema: {"index": COUNT, "outcome": words(*Outcome), "changes": an_array(CHANGE)},
    SegmentSchema: {
        "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    },
    **LEAVES,
    ProfileSchema: {
        "user_aliases": an_array(schema("UserAlias")),
        "appboy_id": STRING,
        "email_encrypted": TRUTH,
        "last_coordinates": {
            **an_array({"type": "number"}, least=2, most=2),
            "description": "Longitude and latitude, in degrees.",
        },
        "facebook": ANY_OBJECT,
        "twitter": ANY_OBJECT,
        "custom_attributes": ANY_OBJECT,
        "custom_events": COUNTED,
        "purchases": COUNTED,
        "total_revenue": {"type": "number", "description": "In units, exact to the cent."},
        "apps": an_array(
            an_object(
                ("name", "app_id", "sessions"),
                **dict.fromkeys(("name", "app_id", "platform", "version"), STRING),
                sessions=COUNT,
                first_used=MOMENT,
                last_used=MOMENT,
            )
        ),
        "devices": an_array(an_object(("device_id",), **DEVICE)),
        "push_tokens": an_array(
            an_object(
                ("app", "token"),
                **dict.fromkeys(("app", "platform", "token", "device_id"), STRING),
                notifications_enabled=TRUTH,
                provisionally_opted_in=TRUTH,
            )
        ),
        "push_subscribe": words("opted_in", "subscribed", "unsubscribed"),
        "push_opted_in_at": MOMENT,
        "email_subscribe": words("opted_in", "subscribed", "unsubscribed"),
        "email_opted_in_at": MOMENT,
        "email_unsubscribed_at": MOMENT,
        "subscription_groups": an_array(
            an_object(
                ("subscription_group_id", "subscription_state"),
                subscription_group_id=STRING,
                subscription_state=words("subscribed", "unsubscribed"),
            )
        ),
        "campaigns_received": an_array(
            an_object(("name", "api_campaign_id"), **MESSAGE, api_campaign_id=STRING, last_received=MOMENT)
        ),
        "canvases_received": an_array(
            an_object(
                ("name", "api_canvas_id"),
                **MESSAGE,
                api_canvas_id=STRING,
                **dict.fromkeys(("last_received_message", "last_entered", "last_exited"), MOMENT),
                steps_received=an_array(STEP),
            )
        ),
        "last_interactions": {**a_map(MOMENT), "description": "By `last_X_at`, the last time of each kind."},
    },
}

#: Members that a view adds to what the schema shows.
ADDED: Mapping[type[Schema], Mapping[str, Json]] = {
    JobSchema: {
        "changes": {
            **an_array(CHANGE),
            "description": "What the job changed on the survivor, and by which rule; with `include=changes` alone.",
        }
    }
}
#: Schemas of answers, with those of their members that are not always shown; None where that is any of them.
SHOWN: Mapping[type[Schema], frozenset[str] | None] = {
    ProfileSchema: None,
    ProfilePageSchema: frozenset(),
    DuplicatePreviewSchema: frozenset(),
    NumbersSchema: frozenset(),
    RunNumbersSchema: frozenset(),
    RunSchema: frozenset(),
    RunPageSchema: frozenset(),
    RehearsedSchema: frozenset(),
    SegmentPageSchema: frozenset(),
    SideSchema: frozenset(),
    JobSchema: frozenset({"input_array", "undoes", "not_restored", "changes"}),
    BatchSummarySchema: frozenset(),
    BatchSchema: frozenset(),
    JobPageSchema: frozenset(),
    BatchPageSchema: frozenset(),
    WebhookSchema: frozenset(),
    SecretWebhookSchema: frozenset(),
    WebhooksSchema: frozenset(),
    NoticeSchema: frozenset(),
    NoticePageSchema: frozenset(),
    KeySchema: frozenset(),
    EntrySchema: frozenset(),
    WholeEntrySchema: frozenset(),
    AuditPageSchema: frozenset(),
    WholeAuditPageSchema: frozenset(),
}
