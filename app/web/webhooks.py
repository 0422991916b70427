"""`/webhooks`: whom a workspace wants told when its batches finish."""

from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, Response, g, jsonify
from flask.typing import ResponseReturnValue

from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.errors import Conflict
from app.web.auth import json_body, pool, requires, settings
from app.web.openapi.describe import Tag, describe
from app.webhooks import deliveries, store, watching
from app.webhooks.secrets import SecretSeed, derive_secret
from app.webhooks.store import Webhook
from app.webhooks.targets import parse_target, resolve_target
from schemas.base import SuccessSchema
from schemas.webhooks import (
    NewWebhookSchema,
    NoticeSchema,
    SecretWebhookSchema,
    WebhookChangeSchema,
    WebhookSchema,
    WebhooksSchema,
    load_webhook,
    load_webhook_change,
)

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")

READ, WRITE = "webhooks.read", "webhooks.write"
WEBHOOK = WebhookSchema()
WEBHOOKS = WebhooksSchema()
NOTICE = NoticeSchema()
#: Seconds that the look-up of a webhook's name may take while somebody waits for the answer.
LOOK_UP_S = 3.0
DISABLED = "This webhook is disabled, so that nothing is sent to it; enable it first."


@describe(
    Tag.WEBHOOKS,
    "Create a webhook",
    body=NewWebhookSchema,
    replies={201: SecretWebhookSchema, 409: "The workspace has the maximum number of webhooks."},
)
@blueprint.post("")
@requires(permission=WRITE)
def create() -> ResponseReturnValue:
    """Make a webhook and answer with its secret, which is shown now and never again."""
    wish = load_webhook(json_body())
    _check(wish.url)

    def work(tx: Transaction) -> tuple[Webhook, SecretSeed]:
        return store.create_webhook(tx, wish, peppers=settings().webhook_pepper)

    return _with_secret(*run_in_transaction(pool(), g.workspace_id, work)), HTTPStatus.CREATED


@describe(Tag.WEBHOOKS, "List the webhooks", replies={200: WebhooksSchema})
@blueprint.get("")
@requires(permission=READ)
def list_all() -> ResponseReturnValue:
    """Answer with all webhooks of the workspace, oldest first."""
    with open_transaction(pool(), g.workspace_id) as tx:
        found = store.list_webhooks(tx)
    return jsonify(WEBHOOKS.dump({"webhooks": found}))


@describe(Tag.WEBHOOKS, "Read a webhook", replies={200: WebhookSchema})
@blueprint.get("/<uuid:webhook_id>")
@requires(permission=READ)
def read(webhook_id: UUID) -> ResponseReturnValue:
    """Answer with a webhook."""
    with open_transaction(pool(), g.workspace_id) as tx:
        found = store.read_webhook(tx, webhook_id=webhook_id)
    return jsonify(WEBHOOK.dump(found))


@describe(Tag.WEBHOOKS, "Change, enable or disable a webhook", body=WebhookChangeSchema, replies={200: WebhookSchema})
@blueprint.patch("/<uuid:webhook_id>")
@requires(permission=WRITE)
def change(webhook_id: UUID) -> ResponseReturnValue:
    """Change what the body names of a webhook, and answer with it as it is then.

    While one is disabled its notices wait, and no new ones are made for it.
    """
    wish = load_webhook_change(json_body())
    _check(wish.url)

    def work(tx: Transaction) -> Webhook:
        return store.update_webhook(tx, wish, webhook_id=webhook_id)

    return jsonify(WEBHOOK.dump(run_in_transaction(pool(), g.workspace_id, work)))


@describe(Tag.WEBHOOKS, "Delete a webhook", replies={200: SuccessSchema})
@blueprint.delete("/<uuid:webhook_id>")
@requires(permission=WRITE)
def delete(webhook_id: UUID) -> ResponseReturnValue:
    """Delete a webhook with its notices, those that wait among them."""

    def work(tx: Transaction) -> None:
        store.delete_webhook(tx, webhook_id=webhook_id)

    run_in_transaction(pool(), g.workspace_id, work)
    return jsonify(message="success")


@describe(Tag.WEBHOOKS, "Rotate the secret of a webhook", replies={200: SecretWebhookSchema})
@blueprint.post("/<uuid:webhook_id>/secret/rotate")
@requires(permission=WRITE)
def rotate(webhook_id: UUID) -> ResponseReturnValue:
    """Give a webhook a new secret and answer with it; until `former_secret_until` the former one signs beside it."""

    def work(tx: Transaction) -> tuple[Webhook, SecretSeed]:
        return store.rotate_webhook_secret(tx, webhook_id=webhook_id, peppers=settings().webhook_pepper)

    return _with_secret(*run_in_transaction(pool(), g.workspace_id, work))


@describe(Tag.WEBHOOKS, "Send a test notice", replies={202: NoticeSchema, 409: "The webhook is disabled."})
@blueprint.post("/<uuid:webhook_id>/test")
@requires(permission=WRITE)
def test(webhook_id: UUID) -> ResponseReturnValue:
    """Have a notice of the type `webhook.test` sent, and answer with it as it waits; 409 to a disabled webhook."""

    def work(tx: Transaction) -> deliveries.Delivery:
        if not store.read_webhook(tx, webhook_id=webhook_id).enabled:
            raise Conflict(DISABLED)
        notice_id = watching.create_test_delivery(tx, webhook_id=webhook_id)
        return deliveries.lock_delivery(tx, webhook_id=webhook_id, notice_id=notice_id)

    return jsonify(NOTICE.dump(run_in_transaction(pool(), g.workspace_id, work))), HTTPStatus.ACCEPTED


def _check(url: str | None) -> None:
    """Raise UnfitUrl when *url* leads to where no notice may go. What its name leads to is checked at each attempt."""
    if url is not None:
        private = settings().webhook_private_networks
        resolve_target(parse_target(url, private=private), private=private, seconds=LOOK_UP_S)


def _with_secret(webhook: Webhook, seed: SecretSeed) -> Response:
    """Return the answer that shows a webhook and its secret."""
    secret = derive_secret(webhook.id, seed, settings().webhook_pepper)
    answer = jsonify(**WEBHOOK.dump(webhook), secret=secret)
    answer.headers["Cache-Control"] = "no-store"
    return answer
