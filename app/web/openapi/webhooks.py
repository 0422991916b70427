"""Webhooks: who is told when batches finish, and what became of each notice. Mergelane's own."""

from collections.abc import Mapping

from app.web.openapi.parts import (
    ACCEPTED,
    BAD_REQUEST,
    CONFLICT,
    CREATED,
    CURSOR,
    LIMIT,
    MISSING,
    NOT_FOUND,
    OK,
    REJECTED,
    Operation,
    Tag,
    an_object,
    answer,
    query,
    schema,
    words,
)
from schemas.webhooks import (
    NoticePageSchema,
    NoticeSchema,
    NoticeState,
    SecretWebhookSchema,
    WebhookRequestSchema,
    WebhookSchema,
    WebhooksSchema,
    WishSchema,
)

OPERATIONS: Mapping[str, Operation] = {
    "POST /webhooks": Operation(
        tag=Tag.WEBHOOKS,
        summary="Make a webhook",
        body=WebhookRequestSchema,
        answers={
            CREATED: answer("The webhook, with its secret.", SecretWebhookSchema),
            BAD_REQUEST: REJECTED,
            CONFLICT: answer("The workspace has as many webhooks as it may have.", schema("Message")),
        },
    ),
    "GET /webhooks": Operation(
        tag=Tag.WEBHOOKS,
        summary="List the webhooks",
        answers={OK: answer("All webhooks of the workspace.", WebhooksSchema)},
    ),
    "GET /webhooks/{webhook_id}": Operation(
        tag=Tag.WEBHOOKS,
        summary="Show a webhook",
        answers={OK: answer("The webhook.", WebhookSchema), MISSING: NOT_FOUND},
    ),
    "PATCH /webhooks/{webhook_id}": Operation(
        tag=Tag.WEBHOOKS,
        summary="Change, enable or disable a webhook",
        body=WishSchema,
        answers={OK: answer("The webhook as it is now.", WebhookSchema), BAD_REQUEST: REJECTED, MISSING: NOT_FOUND},
    ),
    "DELETE /webhooks/{webhook_id}": Operation(
        tag=Tag.WEBHOOKS,
        summary="Delete a webhook",
        answers={
            OK: answer("It is gone.", an_object(("message",), message=words("success"))),
            MISSING: NOT_FOUND,
        },
    ),
    "POST /webhooks/{webhook_id}/secret/rotate": Operation(
        tag=Tag.WEBHOOKS,
        summary="Give a webhook a new secret",
        answers={OK: answer("The webhook, with its new secret.", SecretWebhookSchema), MISSING: NOT_FOUND},
    ),
    "POST /webhooks/{webhook_id}/test": Operation(
        tag=Tag.WEBHOOKS,
        summary="Send a test notice",
        answers={
            ACCEPTED: answer("The notice, which waits to be sent.", NoticeSchema),
            MISSING: NOT_FOUND,
            CONFLICT: answer("The webhook is disabled.", schema("Message")),
        },
    ),
    "GET /webhooks/{webhook_id}/notices": Operation(
        tag=Tag.WEBHOOKS,
        summary="List what a webhook was told, newest first",
        parameters=(LIMIT, CURSOR, query("state", words(*NoticeState), "Show those in this state alone.")),
        answers={OK: answer("A page of notices.", NoticePageSchema), BAD_REQUEST: REJECTED, MISSING: NOT_FOUND},
    ),
    "POST /webhooks/{webhook_id}/notices/{notice_id}/retry": Operation(
        tag=Tag.WEBHOOKS,
        summary="Retry a dead notice",
        answers={
            ACCEPTED: answer("The notice, which waits to be sent again.", NoticeSchema),
            MISSING: NOT_FOUND,
            CONFLICT: answer("The notice is not dead.", schema("Message")),
        },
    ),
}
