"""`/webhooks/{webhook_id}/notices`: what a webhook was told, what became of it, and dead notices retried."""

from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.web.auth import pool, requires
from app.web.openapi.describe import Tag, describe
from app.web.pagination import split_page
from app.webhooks import deliveries, store
from schemas.paging import load_query
from schemas.webhooks import NoticePageQuery, NoticePageSchema, NoticeSchema

blueprint = Blueprint("webhook_notices", __name__, url_prefix="/webhooks/<uuid:webhook_id>/notices")

QUERY = NoticePageQuery()
PAGE = NoticePageSchema()
NOTICE = NoticeSchema()


@describe(
    Tag.WEBHOOKS,
    "List the notices of a webhook, newest first",
    query=NoticePageQuery,
    replies={200: NoticePageSchema},
)
@blueprint.get("")
@requires(permission="webhooks.read")
def page(webhook_id: UUID) -> ResponseReturnValue:
    """Answer with a page of the notices of a webhook, newest first."""
    query = load_query(QUERY, request.args)
    with open_transaction(pool(), g.workspace_id) as tx:
        webhook = store.read_webhook(tx, webhook_id=webhook_id)
        found = deliveries.list_deliveries(
            tx,
            webhook_id=webhook.id,
            state=query.get("state"),
            limit=query["limit"] + 1,
            before=query.get("cursor"),
        )
    shown, next_cursor = split_page(found, query["limit"])
    return jsonify(PAGE.dump({"notices": shown, "next_cursor": next_cursor}))


@describe(Tag.WEBHOOKS, "Retry a dead notice", replies={202: NoticeSchema, 409: "The notice is not dead."})
@blueprint.post("/<uuid:notice_id>/retry")
@requires(permission="webhooks.write")
def retry(webhook_id: UUID, notice_id: UUID) -> ResponseReturnValue:
    """Let a dead notice be sent again, under its own id, and answer with it; 409 when it is not dead."""

    def work(tx: Transaction) -> deliveries.Delivery:
        return deliveries.retry_delivery(tx, webhook_id=webhook_id, notice_id=notice_id)

    return jsonify(NOTICE.dump(run_in_transaction(pool(), g.workspace_id, work))), HTTPStatus.ACCEPTED
