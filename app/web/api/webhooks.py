"""`/webhooks`: the URLs that get a notice when a batch finishes, and the notices of each."""

from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.web.auth import AccessDenied, json_body, pool, requires, settings
from app.web.idempotent import respond_once
from app.web.openapi.describe import REPEATABLE, Tag, describe
from app.web.pagination import split_page
from app.webhooks import deliveries, store, watching
from app.webhooks.secrets import SecretSeed, derive_secret
from app.webhooks.store import Webhook
from app.webhooks.targets import parse_target, resolve_target
from schemas.base import SuccessSchema
from schemas.paging import load_query
from schemas.webhooks import (
    EventType,
    NewWebhookSchema,
    NoticePageQuery,
    NoticePageSchema,
    NoticeSchema,
    SecretWebhookSchema,
    WebhookChange,
    WebhookChangeSchema,
    WebhookSchema,
    WebhooksSchema,
    load_webhook,
    load_webhook_change,
)

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")

READ, WRITE = "webhooks.read", "webhooks.write"
#: The permission that webhooks for `identity.changed` need too.
IDENTITIES = "identities.read"
WEBHOOK = WebhookSchema()
WEBHOOKS = WebhooksSchema()
NOTICE = NoticeSchema()
NOTICE_QUERY = NoticePageQuery()
NOTICE_PAGE = NoticePageSchema()
#: Limit in seconds of the DNS lookup of a webhook's host, for which the client waits.
LOOKUP_S = 3.0


@describe(
    Tag.WEBHOOKS,
    "Create a webhook",
    body=NewWebhookSchema,
    headers=REPEATABLE,
    replies={201: SecretWebhookSchema, 409: "The workspace has the maximum number of webhooks."},
)
@blueprint.post("")
@requires(permission=WRITE)
def create_webhook_view() -> ResponseReturnValue:
    """Create a webhook and return it with its secret. Only the repeated request gets this secret again."""
    body = json_body()
    wish = permitted_webhook(body)
    return respond_once(
        lambda once: run_in_transaction(
            pool(), g.workspace_id, once(store.create_webhook), wish, peppers=settings().webhook_pepper
        ),
        lambda created: (_secret_response(*created), HTTPStatus.CREATED),
        body=body,
    )


@describe(Tag.WEBHOOKS, "List the webhooks", replies={200: WebhooksSchema})
@blueprint.get("")
@requires(permission=READ)
def list_webhooks_view() -> ResponseReturnValue:
    """Return all webhooks of the workspace, oldest first."""
    with open_transaction(pool(), g.workspace_id) as tx:
        found = store.list_webhooks(tx)
    return jsonify(WEBHOOKS.dump({"webhooks": found}))


@describe(Tag.WEBHOOKS, "Read a webhook", replies={200: WebhookSchema})
@blueprint.get("/<uuid:webhook_id>")
@requires(permission=READ)
def read_webhook_view(webhook_id: UUID) -> ResponseReturnValue:
    """Return a webhook, without its secret."""
    with open_transaction(pool(), g.workspace_id) as tx:
        found = store.read_webhook(tx, webhook_id=webhook_id)
    return jsonify(WEBHOOK.dump(found))


@describe(Tag.WEBHOOKS, "Change, enable or disable a webhook", body=WebhookChangeSchema, replies={200: WebhookSchema})
@blueprint.patch("/<uuid:webhook_id>")
@requires(permission=WRITE)
def update_webhook_view(webhook_id: UUID) -> ResponseReturnValue:
    """Change the members of the webhook that the body has, and return the webhook.

    A disabled webhook gets no new notices, and its waiting notices are not sent.
    """
    webhook = change_webhook(webhook_id, json_body())
    return jsonify(WEBHOOK.dump(webhook))


@describe(Tag.WEBHOOKS, "Delete a webhook", replies={200: SuccessSchema})
@blueprint.delete("/<uuid:webhook_id>")
@requires(permission=WRITE)
def delete_webhook_view(webhook_id: UUID) -> ResponseReturnValue:
    """Delete a webhook with its notices. Its waiting notices are not sent."""
    run_in_transaction(pool(), g.workspace_id, store.delete_webhook, webhook_id=webhook_id)
    return jsonify(message="success")


@describe(Tag.WEBHOOKS, "Rotate the secret of a webhook", headers=REPEATABLE, replies={200: SecretWebhookSchema})
@blueprint.post("/<uuid:webhook_id>/secret/rotate")
@requires(permission=WRITE)
def rotate_webhook_secret_view(webhook_id: UUID) -> ResponseReturnValue:
    """Give a webhook a new secret and return it. Until `former_secret_until`, notices have the signatures of both."""
    peppers = settings().webhook_pepper
    return respond_once(
        lambda once: run_in_transaction(
            pool(), g.workspace_id, once(store.rotate_webhook_secret), webhook_id=webhook_id, peppers=peppers
        ),
        lambda rotated: _secret_response(*rotated),
    )


@describe(
    Tag.WEBHOOKS,
    "Send a test notice",
    headers=REPEATABLE,
    replies={202: NoticeSchema, 409: "The webhook is disabled."},
)
@blueprint.post("/<uuid:webhook_id>/test")
@requires(permission=WRITE)
def test_webhook_view(webhook_id: UUID) -> ResponseReturnValue:
    """Create a notice of the type `webhook.test` and return it; 409 if the webhook is disabled.

    It is sent after the response.
    """
    return respond_once(
        lambda once: run_in_transaction(
            pool(), g.workspace_id, once(watching.create_test_delivery), webhook_id=webhook_id
        ),
        lambda notice: (jsonify(NOTICE.dump(notice)), HTTPStatus.ACCEPTED),
    )


@describe(
    Tag.WEBHOOKS,
    "List the notices of a webhook, newest first",
    query=NoticePageQuery,
    replies={200: NoticePageSchema},
)
@blueprint.get("/<uuid:webhook_id>/notices")
@requires(permission=READ)
def list_notices_view(webhook_id: UUID) -> ResponseReturnValue:
    """Return a page of the notices of a webhook with their attempts, newest first."""
    _, notices, next_cursor = page_of_notices(webhook_id, request.args)
    return jsonify(NOTICE_PAGE.dump({"notices": notices, "next_cursor": next_cursor}))


@describe(
    Tag.WEBHOOKS,
    "Retry a dead notice",
    headers=REPEATABLE,
    replies={202: NoticeSchema, 409: "The notice is not dead."},
)
@blueprint.post("/<uuid:webhook_id>/notices/<uuid:notice_id>/retry")
@requires(permission=WRITE)
def retry_notice_view(webhook_id: UUID, notice_id: UUID) -> ResponseReturnValue:
    """Queue a dead notice again under the same id and return it; 409 if it is not dead."""
    return respond_once(
        lambda once: run_in_transaction(
            pool(), g.workspace_id, once(deliveries.retry_delivery), webhook_id=webhook_id, notice_id=notice_id
        ),
        lambda notice: (jsonify(NOTICE.dump(notice)), HTTPStatus.ACCEPTED),
    )


def permitted_webhook(body: Any) -> WebhookChange:
    """Return the new webhook of *body*; raise ValidationError, UnfitUrl or AccessDenied if it may not be created."""
    wish = load_webhook(body)
    _check_url(wish.url)
    check_types(wish.types)
    return wish


def change_webhook(webhook_id: UUID, body: Any) -> Webhook:
    """Change the members of a webhook that *body* has and return it."""
    wish = load_webhook_change(body)
    _check_url(wish.url)
    return run_in_transaction(pool(), g.workspace_id, _update, wish, webhook_id=webhook_id)


def page_of_notices(
    webhook_id: UUID, arguments: Mapping[str, Any]
) -> tuple[Webhook, Sequence[deliveries.Delivery], UUID | None]:
    """Return a webhook, the page of its notices that *arguments* select, and the cursor of the next page."""
    query = load_query(NOTICE_QUERY, arguments)
    with open_transaction(pool(), g.workspace_id) as tx:
        webhook = store.read_webhook(tx, webhook_id=webhook_id)
        found = deliveries.list_deliveries(
            tx,
            webhook_id=webhook.id,
            state=query.get("state"),
            limit=query["limit"] + 1,
            before=query.get("cursor"),
        )
    return webhook, *split_page(found, query["limit"])


def _check_url(url: str | None) -> None:
    """Raise UnfitUrl if a notice must not be sent to *url*. Each attempt to send one resolves the host again."""
    if url is not None:
        private = settings().webhook_private_networks
        resolve_target(parse_target(url, private=private), private=private, seconds=LOOKUP_S)


def _secret_response(webhook: Webhook, seed: SecretSeed) -> Response:
    """Return the response with a webhook and its secret, which no cache may store."""
    secret = derive_secret(webhook.id, seed, settings().webhook_pepper)
    response = jsonify(**WEBHOOK.dump(webhook), secret=secret)
    response.headers["Cache-Control"] = "no-store"
    return response


def _update(tx: Transaction, wish: WebhookChange, *, webhook_id: UUID) -> Webhook:
    webhook = store.update_webhook(tx, wish, webhook_id=webhook_id)
    check_types(webhook.types)
    return webhook


def check_types(types: Collection[str] | None) -> None:
    """Raise AccessDenied when notices of *types* would show changes of identity that the key may not read."""
    if EventType.IDENTITY_CHANGED in (types or ()) and not g.may(IDENTITIES):
        raise AccessDenied("Access Denied")
