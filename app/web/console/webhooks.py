"""Pages of webhooks: the list, one with its deliveries, test, retry, enable, disable and delete."""

from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, g, redirect, render_template, request
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction, run_in_transaction
from app.web.api.webhooks import READ, WRITE, change_webhook, page_of_notices
from app.web.console import webhook_changes
from app.web.console.auth import signed_in
from app.web.console.confirmation import (
    CANNOT_BE_UNDONE,
    Confirmation,
    confirmation_page,
    permitted_url,
)
from app.web.pagination import cursor_text
from app.web.resources import pool
from app.webhooks import deliveries, store, watching
from app.webhooks.deliveries import MOST_COUNTED
from app.webhooks.store import Webhook
from schemas.webhooks import NoticeState

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")
blueprint.register_blueprint(webhook_changes.blueprint)

TONES = {NoticeState.SENT: "good", NoticeState.DEAD: "bad", NoticeState.WAITING: "idle"}
#: What a page says after an action, by the parameter of its URL.
RESULTS = {
    "tested": "A test notice is in the list below. Reload the page to see its result.",
    "retried": "The notice waits again. Reload the page to see its result.",
    "disabled": "The webhook is disabled.",
    "enabled": "The webhook is enabled. Its waiting notices are sent now.",
    "changed": "The webhook is changed.",
    "deleted": "The webhook is deleted.",
}


@blueprint.get("")
@signed_in(permission=READ)
def webhook_list_page() -> ResponseReturnValue:
    """Show all webhooks, oldest first, with the number of their notices by state."""
    with open_transaction(pool(), g.workspace_id) as tx:
        found = store.list_webhooks(tx)
        counts = deliveries.count_deliveries(tx, webhook_ids=[each.id for each in found])
    return render_template(
        "webhooks/list.html",
        webhooks=found,
        counts=counts,
        states=NoticeState,
        most=store.MOST,
        most_counted=MOST_COUNTED,
        result=_result(),
    )


@blueprint.get("/<uuid:webhook_id>")
@signed_in(permission=READ)
def webhook_page(webhook_id: UUID) -> ResponseReturnValue:
    """Show a webhook and a page of its notices, filtered by state."""
    given = {name: value for name, value in request.args.items() if value and name != "done"}
    webhook, notices, next_cursor = page_of_notices(webhook_id, given)
    return render_template(
        "webhooks/page.html",
        webhook=webhook,
        may_change=webhook_changes.may_change(webhook),
        notices=notices,
        older=cursor_text(next_cursor),
        is_first_page="cursor" not in given,
        filters=given,
        states=list(NoticeState),
        tones=TONES,
        result=_result(),
    )


@blueprint.post("/<uuid:webhook_id>/test")
@signed_in(permission=WRITE)
def submit_test(webhook_id: UUID) -> ResponseReturnValue:
    """Create a test notice; 409 if the webhook is disabled."""
    run_in_transaction(pool(), g.workspace_id, watching.create_test_delivery, webhook_id=webhook_id)
    return _done(webhook_id, "tested")


@blueprint.post("/<uuid:webhook_id>/notices/<uuid:notice_id>/retry")
@signed_in(permission=WRITE)
def submit_retry_notice(webhook_id: UUID, notice_id: UUID) -> ResponseReturnValue:
    """Queue a dead notice again; 409 if it is not dead."""
    run_in_transaction(pool(), g.workspace_id, deliveries.retry_delivery, webhook_id=webhook_id, notice_id=notice_id)
    return _done(webhook_id, "retried")


@blueprint.get("/<uuid:webhook_id>/disable")
@signed_in(permission=WRITE)
def disable_page(webhook_id: UUID) -> ResponseReturnValue:
    """Ask before a webhook is disabled, with the number of notices that are not sent then."""
    webhook, waiting = _waiting(webhook_id)
    sentences = [f"{webhook.url} gets no new notices.", f"{waiting} not sent until you enable it again."]
    lasting = "You can enable it again at any time."
    return _confirm(webhook, "Disable this webhook?", sentences, lasting, button="Disable")


@blueprint.post("/<uuid:webhook_id>/disable")
@signed_in(permission=WRITE)
def submit_disable(webhook_id: UUID) -> ResponseReturnValue:
    """Disable a webhook."""
    change_webhook(webhook_id, {"enabled": False})
    return _done(webhook_id, "disabled")


@blueprint.get("/<uuid:webhook_id>/enable")
@signed_in(permission=WRITE)
def enable_page(webhook_id: UUID) -> ResponseReturnValue:
    """Ask before a webhook is enabled, with the number of notices that are sent then."""
    webhook, waiting = _waiting(webhook_id)
    sentences = [f"{webhook.url} gets notices again.", f"{waiting} sent at once."]
    lasting = "You can disable it again at any time. Notices that were sent stay sent."
    return _confirm(webhook, "Enable this webhook?", sentences, lasting, button="Enable")


@blueprint.post("/<uuid:webhook_id>/enable")
@signed_in(permission=WRITE)
def submit_enable(webhook_id: UUID) -> ResponseReturnValue:
    """Enable a webhook."""
    change_webhook(webhook_id, {"enabled": True})
    return _done(webhook_id, "enabled")


@blueprint.get("/<uuid:webhook_id>/delete")
@signed_in(permission=WRITE)
def delete_page(webhook_id: UUID) -> ResponseReturnValue:
    """Ask before a webhook is deleted, with the number of notices that are not sent then."""
    webhook, waiting = _waiting(webhook_id)
    sentences = [
        f"{webhook.url} gets no notices any more, and the list of its notices is deleted.",
        f"{waiting} not sent. The secret is lost.",
    ]
    return _confirm(webhook, "Delete this webhook?", sentences, CANNOT_BE_UNDONE, button="Delete")


@blueprint.post("/<uuid:webhook_id>/delete")
@signed_in(permission=WRITE)
def submit_delete(webhook_id: UUID) -> ResponseReturnValue:
    """Delete a webhook with its notices and redirect to the list."""
    run_in_transaction(pool(), g.workspace_id, store.delete_webhook, webhook_id=webhook_id)
    return redirect(permitted_url(READ, "console.webhooks.webhook_list_page", done="deleted"), HTTPStatus.SEE_OTHER)


def _waiting(webhook_id: UUID) -> tuple[Webhook, str]:
    """Return a webhook, and the number of its waiting notices with noun and verb."""
    with open_transaction(pool(), g.workspace_id) as tx:
        webhook = store.read_webhook(tx, webhook_id=webhook_id)
        counts = deliveries.count_deliveries(tx, webhook_ids=[webhook_id])[webhook_id]
    waiting = counts.get(NoticeState.WAITING, 0)
    if sum(counts.values()) == MOST_COUNTED:
        return webhook, f"At least {waiting:,} waiting notices are"
    return webhook, f"{waiting:,} waiting notice is" if waiting == 1 else f"{waiting:,} waiting notices are"


def _confirm(webhook: Webhook, title: str, sentences: list[str], lasting: str, *, button: str) -> str:
    back = permitted_url(READ, "console.webhooks.webhook_page", webhook_id=webhook.id)
    question = Confirmation(
        title=title,
        sentences=sentences,
        lasting=lasting,
        button=button,
        back=back,
        trail=webhook_changes.trail_of(webhook),
    )
    return confirmation_page(question)


def _done(webhook_id: UUID, done: str) -> ResponseReturnValue:
    where = permitted_url(READ, "console.webhooks.webhook_page", webhook_id=webhook_id, done=done)
    return redirect(where, HTTPStatus.SEE_OTHER)


def _result() -> str | None:
    return RESULTS.get(request.args.get("done", ""))
