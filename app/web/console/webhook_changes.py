"""The forms that create and change a webhook, and the pages that show its secret once."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from uuid_utils import uuid7

from app.db.transaction import open_transaction, run_in_transaction
from app.errors import Rejected
from app.web.api.webhooks import IDENTITIES, READ, WRITE, change_webhook, permitted_webhook
from app.web.auth import AccessDenied
from app.web.console.auth import signed_in
from app.web.console.confirmation import (
    CANNOT_BE_UNDONE,
    Confirmation,
    confirmation_page,
    permitted_url,
)
from app.web.console.merging import KEY
from app.web.errors import first_sentence
from app.web.idempotent import respond_once
from app.web.resources import pool, settings
from app.webhooks import store
from app.webhooks.secrets import SecretSeed, derive_secret
from app.webhooks.store import FORMER_S, Webhook
from schemas.webhooks import DEFAULT_TYPES, EventType

blueprint = Blueprint("webhook_changes", __name__)

#: The types of a webhook, as the form explains them.
TYPES = {
    EventType.BATCH_FINISHED: "A batch has finished.",
    EventType.RUN_FINISHED: "A run has finished.",
    EventType.RUN_PAUSED: "A run was paused because too many of its jobs failed.",
    EventType.IDENTITY_CHANGED: "Profiles were merged, restored, renamed or deleted.",
}
NOT_PERMITTED = (
    f"This webhook gets notices of {EventType.IDENTITY_CHANGED}. To change it, the API key needs the permission"
    f" {IDENTITIES} too."
)
EMPTY: Mapping[str, Any] = {"url": "", "types": DEFAULT_TYPES, "description": ""}


@blueprint.get("/new")
@signed_in(permission=WRITE)
def new_webhook_page() -> ResponseReturnValue:
    """Show the empty form."""
    return _form(EMPTY, key=str(uuid7()))


@blueprint.post("")
@signed_in(permission=WRITE)
def submit_webhook() -> ResponseReturnValue:
    """Create a webhook and show its secret. The same form again shows the first page again and creates nothing."""
    body, key = _body(), request.form.get(KEY, "")
    try:
        wish = permitted_webhook(body)
    except (ValidationError, Rejected) as error:
        return _refused(error, body, key=key)
    return respond_once(
        lambda once: run_in_transaction(
            pool(), g.workspace_id, once(store.create_webhook), wish, peppers=settings().webhook_pepper
        ),
        lambda created: (_secret_page(*created, is_new=True), HTTPStatus.CREATED),
        body=body,
        key=key,
    )


@blueprint.get("/<uuid:webhook_id>/change")
@signed_in(permission=WRITE)
def change_page(webhook_id: UUID) -> ResponseReturnValue:
    """Show the form with the present values."""
    webhook = _read_to_change(webhook_id)
    return _form({name: getattr(webhook, name) for name in EMPTY}, webhook_id=webhook_id)


@blueprint.post("/<uuid:webhook_id>/change")
@signed_in(permission=WRITE)
def submit_change(webhook_id: UUID) -> ResponseReturnValue:
    """Change the URL, the types and the description of a webhook."""
    _read_to_change(webhook_id)
    body = _body()
    try:
        change_webhook(webhook_id, body)
    except (ValidationError, Rejected) as error:
        return _refused(error, body, webhook_id=webhook_id)
    where = permitted_url(READ, "console.webhooks.webhook_page", webhook_id=webhook_id, done="changed")
    return redirect(where, HTTPStatus.SEE_OTHER)


@blueprint.get("/<uuid:webhook_id>/rotate")
@signed_in(permission=WRITE)
def rotate_page(webhook_id: UUID) -> ResponseReturnValue:
    """Ask before the secret of a webhook is rotated."""
    webhook = _read(webhook_id)
    sentences = [
        f"{webhook.url} gets a new secret, which the next page shows once.",
        f"For {FORMER_S / 3600:.0f} hours notices have the signatures of both secrets. Change the receiver before.",
    ]
    if webhook.former_until is not None:
        sentences.append("The secret before the last rotation stops to sign at once.")
    question = Confirmation(
        title="Rotate the secret?",
        sentences=sentences,
        lasting=CANNOT_BE_UNDONE,
        button="Rotate the secret",
        back=permitted_url(READ, "console.webhooks.webhook_page", webhook_id=webhook_id),
        fields={KEY: str(uuid7())},
        trail=trail_of(webhook),
    )
    return confirmation_page(question)


@blueprint.post("/<uuid:webhook_id>/rotate")
@signed_in(permission=WRITE)
def submit_rotate(webhook_id: UUID) -> ResponseReturnValue:
    """Rotate the secret of a webhook and show the new one. The same form again shows the first page again."""
    peppers = settings().webhook_pepper
    return respond_once(
        lambda once: run_in_transaction(
            pool(), g.workspace_id, once(store.rotate_webhook_secret), webhook_id=webhook_id, peppers=peppers
        ),
        lambda rotated: _secret_page(*rotated, is_new=False),
        key=request.form.get(KEY, ""),
    )


def may_change(webhook: Webhook) -> bool:
    """Return whether the key may select all types of a webhook that the form lists."""
    return EventType.IDENTITY_CHANGED not in webhook.types or bool(g.may(IDENTITIES))


def trail_of(webhook: Webhook) -> list[tuple[str, str]]:
    """Return the pages above an action on a webhook; none for a key that may not read webhooks."""
    if not g.may(READ):
        return []
    page = url_for("console.webhooks.webhook_page", webhook_id=webhook.id)
    return [("Webhooks", url_for("console.webhooks.webhook_list_page")), (webhook.url, page)]


def _read(webhook_id: UUID) -> Webhook:
    with open_transaction(pool(), g.workspace_id) as tx:
        return store.read_webhook(tx, webhook_id=webhook_id)


def _read_to_change(webhook_id: UUID) -> Webhook:
    """Return a webhook whose types the form lists; raise AccessDenied if the key may not select one of them."""
    webhook = _read(webhook_id)
    if not may_change(webhook):
        raise AccessDenied(NOT_PERMITTED)
    return webhook


def _body() -> dict[str, Any]:
    """Return the body of the API for the form."""
    form = request.form
    return {
        "url": form.get("url", "").strip(),
        "types": form.getlist("types"),
        "description": form.get("description", "").strip(),
    }


def _form(values: Mapping[str, Any], *, fault: str | None = None, **context: Any) -> str:
    """Return the form with *values*; the type that the key may not select is missing."""
    types = {
        name: prose for name, prose in TYPES.items() if name is not EventType.IDENTITY_CHANGED or g.may(IDENTITIES)
    }
    context = {"webhook_id": None, **context}
    there = permitted_url(READ, "console.webhooks.webhook_list_page")
    if context["webhook_id"] is not None:
        there = permitted_url(READ, "console.webhooks.webhook_page", webhook_id=context["webhook_id"])
    return render_template(
        "webhooks/form.html", values=values, types=types, fault=fault, key_field=KEY, back=there, **context
    )


def _refused(error: ValidationError | Rejected, body: Mapping[str, Any], **context: Any) -> ResponseReturnValue:
    """Return the form with the sentence of *error*; raise the errors that the form cannot correct."""
    if isinstance(error, ValidationError):
        return _form(body, fault=first_sentence(error.messages), **context), HTTPStatus.BAD_REQUEST
    if isinstance(error, AccessDenied) or error.status != HTTPStatus.BAD_REQUEST:
        raise error
    return _form(body, fault=str(error), **context), HTTPStatus.BAD_REQUEST


def _secret_page(webhook: Webhook, seed: SecretSeed, *, is_new: bool) -> str:
    secret = derive_secret(webhook.id, seed, settings().webhook_pepper)
    there = permitted_url(READ, "console.webhooks.webhook_page", webhook_id=webhook.id)
    return render_template("webhooks/secret.html", webhook=webhook, secret=secret, is_new=is_new, back=there)
