"""Webhooks and their notices: requests, responses, and the body of a notice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from schemas.base import Instant, ResponseSchema, StrictRequestSchema, Word, count_field
from schemas.fields import Choice, ListOf, Text, Truth, first_fault
from schemas.identities import ChangeKind, FeedPlace, PlaceField
from schemas.outcomes import JobKind, RunKind, RunStatus
from schemas.paging import Cursor, PageQuery
from schemas.text import quoted

#: Maximum characters of the URL of a webhook.
MAX_URL = 2_048


class EventType(StrEnum):
    """The event of a notice."""

    #: Every job of a batch is finished or dead.
    BATCH_FINISHED = "merge.batch.finished"
    #: Every job of a closed run is finished or dead.
    RUN_FINISHED = "merge.run.finished"
    #: The relay paused a run because too many of its jobs failed.
    RUN_PAUSED = "merge.run.paused"
    #: Profiles were merged, restored, renamed or deleted: changes of the identity feed.
    IDENTITY_CHANGED = "identity.changed"
    #: A test requested by the client; it is sent to the webhook whatever its types.
    TEST = "webhook.test"


#: The types that a webhook can select.
EVENT_TYPES = (EventType.BATCH_FINISHED, EventType.RUN_FINISHED, EventType.RUN_PAUSED, EventType.IDENTITY_CHANGED)
#: The types of a webhook that names none.
DEFAULT_TYPES = (EventType.BATCH_FINISHED,)


class NoticeState(StrEnum):
    """The state of a notice."""

    #: To be sent, for the first time or again.
    WAITING = "waiting"
    #: The webhook confirmed it.
    SENT = "sent"
    #: All attempts failed; a client can retry it.
    DEAD = "dead"


STATE = f"'state' must be one of {', '.join(NoticeState)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookChange:
    """New values of a webhook; None keeps the value."""

    url: str | None = None
    types: Sequence[str] | None = None
    description: str | None = None
    enabled: bool | None = None


class WebhookChangeSchema(StrictRequestSchema):
    """A change of a webhook; members that it omits keep their value."""

    url = Text(least=1, most=MAX_URL)
    types = ListOf(
        Text(validate=[validate.OneOf(EVENT_TYPES, error=f"must be {', '.join(EVENT_TYPES)}")]),
        most=len(EVENT_TYPES),
    )
    description = Text()
    enabled = Truth()


class NewWebhookSchema(WebhookChangeSchema):
    """A new webhook; without `types` it gets `merge.batch.finished`."""

    url = Text(least=1, most=MAX_URL, required=True)


class WebhookSchema(ResponseSchema):
    """A webhook."""

    webhook_id = fields.UUID(attribute="id")
    url = fields.String()
    types = fields.List(fields.String(validate=validate.OneOf(EVENT_TYPES)))
    description = fields.String()
    enabled = fields.Boolean()
    disabled_reason = fields.String(allow_none=True)
    created_at = Instant()
    former_secret_until = Instant(
        attribute="former_until",
        allow_none=True,
        metadata={"description": "Until then the former secret signs too."},
    )


class SecretWebhookSchema(WebhookSchema):
    """A webhook with its secret. No later response shows the secret again."""

    secret = fields.String()


class WebhooksSchema(ResponseSchema):
    """All webhooks of a workspace."""

    webhooks = fields.List(fields.Nested(WebhookSchema))


class NoticeSchema(ResponseSchema):
    """A notice and its delivery."""

    notice_id = fields.UUID(attribute="id")
    webhook_id = fields.UUID()
    type = Word(EventType)
    batch_id = fields.UUID(allow_none=True)
    state = Word(NoticeState)
    attempts = count_field()
    created_at = Instant()
    last_attempt_at = Instant(attribute="attempted_at", allow_none=True)
    last_status = fields.Integer(allow_none=True)
    last_error = fields.String(allow_none=True)
    next_attempt_at = Instant(allow_none=True)
    ended_at = Instant(allow_none=True)


class NoticePageSchema(ResponseSchema):
    """A page of notices, and where the next begins."""

    notices = fields.List(fields.Nested(NoticeSchema))
    next_cursor = Cursor(allow_none=True)


class NoticePageQuery(PageQuery):
    """A filter of notices, and the page."""

    state = Word(
        NoticeState,
        error_messages={"unknown": STATE},
        metadata={"description": "Notices in this state."},
    )


class BatchFinishedSchema(ResponseSchema):
    """The data of a notice about a finished batch. It has no identifiers of profiles."""

    batch_id = fields.UUID(attribute="id")
    run_id = fields.UUID(allow_none=True)
    kind = Choice(*JobKind)
    counts = fields.Raw()
    status_url = fields.Method("_status_url")
    created_at = Instant()
    finished_at = Instant()

    def _status_url(self, batch: Any) -> str:
        return f"/merge/batches/{batch.id}"


class RunFinishedSchema(ResponseSchema):
    """The data of a notice about a finished run. It has no identifiers of profiles."""

    run_id = fields.UUID(attribute="id")
    kind = Choice(*RunKind)
    label = fields.String(allow_none=True)
    state = Word(RunStatus)
    counts = fields.Raw()
    status_url = fields.Method("_status_url")
    created_at = Instant()
    finished_at = Instant()

    def _status_url(self, run: Any) -> str:
        return f"/merge/runs/{run.id}"


class RunPausedSchema(RunFinishedSchema):
    """The data of a notice about a paused run, with the reason. It has no identifiers of profiles."""

    finished_at = Instant(allow_none=True)
    paused_at = Instant()
    paused_reason = fields.String()


class ChangedProfileSchema(ResponseSchema):
    """A profile of a change, by the id that means nothing outside Mergelane."""

    braze_id = fields.String()


class ChangeOfNoticeSchema(ResponseSchema):
    """A change of the identity feed, without external_ids."""

    number = fields.Integer(metadata={"minimum": 1})
    cursor = PlaceField(FeedPlace)
    kind = Word(ChangeKind)
    at = Instant()
    job_id = fields.UUID(allow_none=True)
    undoes = fields.UUID(allow_none=True)
    orphan = fields.Nested(ChangedProfileSchema, allow_none=True)
    survivor = fields.Nested(ChangedProfileSchema, allow_none=True)


class IdentityChangedSchema(ResponseSchema):
    """The data of a notice about changes of the identity feed. It has no external_ids."""

    changes = fields.List(fields.Nested(ChangeOfNoticeSchema))


_CHANGE = WebhookChangeSchema()
_NEW = NewWebhookSchema()


def load_webhook(body: Any) -> WebhookChange:
    """Load a new webhook from *body*; raise ValidationError with one sentence for any fault."""
    given = _load(_NEW, body)
    return WebhookChange(**{"types": list(DEFAULT_TYPES), "description": "", "enabled": True, **given})


def load_webhook_change(body: Any) -> WebhookChange:
    """Load the change of a webhook from *body*; raise ValidationError with one sentence for any fault."""
    return WebhookChange(**_load(_CHANGE, body))


def _load(schema: Schema, body: Any) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise ValidationError("The request body must be a JSON object.")
    if unknown := sorted(body.keys() - schema.fields.keys()):
        raise ValidationError(
            f"'{quoted(unknown[0])}' is no key of this request; its keys are {', '.join(schema.fields)}."
        )
    try:
        given: Mapping[str, Any] = schema.load(body)
    except ValidationError as error:
        raise ValidationError(first_fault(error.messages)) from None
    return given
