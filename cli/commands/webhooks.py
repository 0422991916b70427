"""`mergelane webhooks`: whom a workspace wants told when its batches finish, and what they were told."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

import click

from cli.client import accepted
from cli.commands.listing import cursor_option, limit_option, tell_next
from cli.commands.remote import Remote, remote_options
from cli.commands.tables import json_option, show_json, show_table, show_values
from schemas.webhooks import WANTED, NoticeState

COLUMNS = ("WEBHOOK_ID", "ENABLED", "URL", "DESCRIPTION")
NOTICE_COLUMNS = ("NOTICE_ID", "STATE", "TYPE", "ATTEMPTS", "NEXT_ATTEMPT_AT", "LAST_ERROR")
KEEP_IT = "Keep the secret where you keep secrets: it is not shown again."

webhook_argument = click.argument("webhook_id", type=click.UUID)


@click.group()
def webhooks() -> None:
    """Have Mergelane call an address of yours when a batch has finished, and see what became of it."""


@webhooks.command()
@click.argument("address", metavar="ADDRESS")
@click.option(
    "--type",
    "types",
    multiple=True,
    type=click.Choice([each.value for each in WANTED]),
    help="What to be told of; all if none.",
)
@click.option("--description", default="", help="What it is for, in your words.")
@json_option
@remote_options
def create(*, address: str, types: tuple[str, ...], description: str, as_json: bool, remote: Remote) -> None:
    """Make a webhook at the URL ADDRESS, and show its secret, once."""
    body = {"url": address, "types": list(types or WANTED), "description": description}
    _show_secret(_ask(remote, "POST", "", HTTPStatus.CREATED, body), as_json=as_json)


@webhooks.command("list")
@json_option
@remote_options
def list_(*, as_json: bool, remote: Remote) -> None:
    """Show all webhooks, the oldest first."""
    found = _ask(remote, "GET", "", HTTPStatus.OK)
    if as_json:
        show_json(found)
        return
    show_table(COLUMNS, [_row(webhook) for webhook in found["webhooks"]])


@webhooks.command()
@webhook_argument
@json_option
@remote_options
def enable(*, webhook_id: UUID, as_json: bool, remote: Remote) -> None:
    """Enable the webhook WEBHOOK_ID: what waits for it is sent."""
    shown = _ask(remote, "PATCH", f"/{webhook_id}", HTTPStatus.OK, {"enabled": True})
    (show_json if as_json else show_values)(shown)


@webhooks.command()
@webhook_argument
@json_option
@remote_options
def disable(*, webhook_id: UUID, as_json: bool, remote: Remote) -> None:
    """Disable the webhook WEBHOOK_ID: what waits for it goes on waiting, and nothing new is told to it."""
    shown = _ask(remote, "PATCH", f"/{webhook_id}", HTTPStatus.OK, {"enabled": False})
    (show_json if as_json else show_values)(shown)


@webhooks.command()
@webhook_argument
@remote_options
def delete(*, webhook_id: UUID, remote: Remote) -> None:
    """Delete the webhook WEBHOOK_ID with its notices."""
    _ask(remote, "DELETE", f"/{webhook_id}", HTTPStatus.OK)
    click.echo(f"The webhook {webhook_id} is gone.", err=True)


@webhooks.command()
@webhook_argument
@json_option
@remote_options
def rotate(*, webhook_id: UUID, as_json: bool, remote: Remote) -> None:
    """Give the webhook WEBHOOK_ID a new secret, and show it, once; the former one signs beside it for a day."""
    _show_secret(_ask(remote, "POST", f"/{webhook_id}/secret/rotate", HTTPStatus.OK), as_json=as_json)


@webhooks.command()
@webhook_argument
@json_option
@remote_options
def test(*, webhook_id: UUID, as_json: bool, remote: Remote) -> None:
    """Have a test notice sent to the webhook WEBHOOK_ID."""
    shown = _ask(remote, "POST", f"/{webhook_id}/test", HTTPStatus.ACCEPTED)
    (show_json if as_json else show_values)(shown)


@webhooks.command()
@webhook_argument
@click.option("--state", type=click.Choice([each.value for each in NoticeState]), help="Those in this state.")
@limit_option
@cursor_option
@json_option
@remote_options
def notices(*, webhook_id: UUID, as_json: bool, remote: Remote, **wanted: Any) -> None:
    """Show a page of what the webhook WEBHOOK_ID was told, the newest first."""
    with remote.asked() as client:
        page = client.get(f"/webhooks/{webhook_id}/notices", **wanted)
    if as_json:
        show_json(page)
        return
    show_table(NOTICE_COLUMNS, [_notice_row(notice) for notice in page["notices"]])
    tell_next(page)


@webhooks.command()
@webhook_argument
@click.argument("notice_id", type=click.UUID)
@remote_options
def retry(*, webhook_id: UUID, notice_id: UUID, remote: Remote) -> None:
    """Let the dead notice NOTICE_ID of the webhook WEBHOOK_ID be sent again."""
    _ask(remote, "POST", f"/{webhook_id}/notices/{notice_id}/retry", HTTPStatus.ACCEPTED)
    click.echo(f"The notice {notice_id} waits to be sent again.", err=True)


def _ask(remote: Remote, method: str, path: str, status: int, body: Any = None) -> Any:
    """Return the body of the answer to *method* at *path* under /webhooks, which must have *status*."""
    with remote.asked() as client:
        answer = client.ask(method, f"/webhooks{path}", body=body, repeatable=method == "GET")
        return accepted(answer, status).body


def _show_secret(webhook: dict[str, Any], *, as_json: bool) -> None:
    """Show a webhook with its secret, and say that this is the only time."""
    (show_json if as_json else show_values)(webhook)
    click.echo(KEEP_IT, err=True)


def _row(webhook: dict[str, Any]) -> tuple[str, ...]:
    """Return *webhook* as a row of COLUMNS."""
    enabled = "yes" if webhook["enabled"] else webhook["disabled_reason"] or "no"
    return webhook["webhook_id"], enabled, webhook["url"], webhook["description"]


def _notice_row(notice: dict[str, Any]) -> tuple[str, ...]:
    """Return *notice* as a row of NOTICE_COLUMNS."""
    told = notice["next_attempt_at"] or "", notice["last_error"] or ""
    return notice["notice_id"], notice["state"], notice["type"], str(notice["attempts"]), *told
