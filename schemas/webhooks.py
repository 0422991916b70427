"""Webhooks and their notices: what a workspace asks for, what it is shown, and what it is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from schemas.fields import Choice, ListOf, Text, Truth, first_fault
from schemas.jobs import Cursor, Instant, PageQuery
from schemas.outcomes import JobKind
from schemas.text import quoted

#: Characters that the URL of a webhook may have.
MAX_URL = 2_048


class EventType(StrEnum):
    """What a notice tells of."""

    #: Every job of a batch is finished or dead.
    BATCH_FINISHED = "merge.batch.finished"
    #: Somebody wants to see whether notices arrive; told to the webhook that was asked for, whatever it wants.
    TEST = "webhook.test"


#: What a webhook can want to be told of.
WANTED = (EventType.BATCH_FINISHED,)


class NoticeState(StrEnum):
    """Where a notice is."""

    #: It will be sent, for the first time or again.
    WAITING = "waiting"
    #: The webhook answered that it has it.
    SENT = "sent"
    #: It was given up, until somebody retries it.
    DEAD = "dead"


STATE = f"'state' must be one of {', '.join(NoticeState)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a webhook shall be; None leaves it as it is."""

    url: str | None = None
    types: Sequence[str] | None = None
    description: str | None = None
    enabled: bool | None = None


class WishSchema(Schema):
    """The body that changes a webhook; what is left out stays."""

    class Meta:
        """A misspelt key must not seem to have been heeded."""

        unknown = RAISE

    url = Text(least=1, most=MAX_URL)
    types = ListOf(
        Text(validate=[validate.OneOf(WANTED, error=f"must be {', '.join(WANTED)}")]),
        most=len(WANTED),
    )
    description = Text()
    enabled = Truth()


class WebhookRequestSchema(WishSchema):
    """The body that makes a webhook; it is told of everything when it does not say of what."""

    url = Text(least=1, most=MAX_URL, required=True)


class WebhookSchema(Schema):
    """A webhook as its workspace sees it."""

    webhook_id = fields.UUID(attribute="id")
    url = fields.String()
    types = fields.List(fields.String())
    description = fields.String()
    enabled = fields.Boolean()
    disabled_reason = fields.String(allow_none=True)
    created_at = Instant()
    former_secret_until = Instant(attribute="former_until")


class SecretWebhookSchema(WebhookSchema):
    """A webhook with its secret, which is shown when it is made and at no other time."""

    secret = fields.String()


class WebhooksSchema(Schema):
    """All webhooks of a workspace."""

    webhooks = fields.List(fields.Nested(WebhookSchema))


class NoticeSchema(Schema):
    """A notice, and what became of it."""

    notice_id = fields.UUID(attribute="id")
    webhook_id = fields.UUID()
    type = fields.String()
    batch_id = fields.UUID(allow_none=True)
    state = fields.String()
    attempts = fields.Integer()
    created_at = Instant()
    last_attempt_at = Instant(attribute="attempted_at")
    last_status = fields.Integer(allow_none=True)
    last_error = fields.String(allow_none=True)
    next_attempt_at = Instant()
    ended_at = Instant()


class NoticePageSchema(Schema):
    """A page of notices, and where the next begins."""

    notices = fields.List(fields.Nested(NoticeSchema))
    next_cursor = Cursor(allow_none=True)


class NoticePageQuery(PageQuery):
    """Which notices are wanted, and which page of them."""

    state = fields.Enum(NoticeState, by_value=True, error_messages={"unknown": STATE})


class BatchFinishedSchema(Schema):
    """What is told of a batch that finished. Nobody's identifiers are in it."""

    batch_id = fields.UUID(attribute="id")
    kind = Choice(*JobKind)
    counts = fields.Raw()
    status_url = fields.Method("_status_url")
    created_at = Instant()
    finished_at = Instant()

    def _status_url(self, batch: Any) -> str:
        """Return where *batch* is polled."""
        return f"/merge/batches/{batch.id}"


WISH = WishSchema()
NEW = WebhookRequestSchema()


def load_webhook(body: Any) -> Wish:
    """Return what webhook *body* asks for. Raises ValidationError with one sentence that names the fault."""
    given = _load(NEW, body)
    return Wish(**{"types": list(WANTED), "description": "", "enabled": True, **given})


def load_wish(body: Any) -> Wish:
    """Return what *body* wants changed. Raises ValidationError with one sentence that names the fault."""
    return Wish(**_load(WISH, body))


def _load(schema: Schema, body: Any) -> Mapping[str, Any]:
    """Return what *schema* makes of *body*."""
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
