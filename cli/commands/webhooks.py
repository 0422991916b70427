"""`mergelane webhooks`: the webhooks of a workspace and the notices sent to them."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

import click

from cli.commands.options import cursor_option, json_option, limit_option
from cli.commands.output import print_json, print_page, print_result, print_status, print_table
from cli.commands.remote import Remote, remote_options
from schemas.webhooks import DEFAULT_TYPES, EVENT_TYPES, NoticeState

COLUMNS = ("WEBHOOK_ID", "ENABLED", "URL", "DESCRIPTION")
NOTICE_COLUMNS = ("NOTICE_ID", "STATE", "TYPE", "ATTEMPTS", "NEXT_ATTEMPT_AT", "LAST_ERROR")
SAVE_IT = "Save the secret in a safe place: it is never printed again."

webhook_argument = click.argument("webhook_id", type=click.UUID)


@click.group()
def webhooks() -> None:
    """Manage webhooks: URLs that Mergelane calls when a batch finishes or profiles are merged."""


@webhooks.command("create")
@click.argument("address", metavar="ADDRESS")
@click.option(
    "--type",
    "types",
    multiple=True,
    type=click.Choice([each.value for each in EVENT_TYPES]),
    help="An event to send; repeat the option for more. Default: merge.batch.finished.",
)
@click.option("--description", default="", help="A note about the webhook.")
@json_option
@remote_options
def create_webhook(*, address: str, types: tuple[str, ...], description: str, as_json: bool, remote: Remote) -> None:
    """Create a webhook for the URL ADDRESS, and print its secret once."""
    body = {"url": address, "types": list(types or DEFAULT_TYPES), "description": description}
    webhook = remote.send("POST", "/webhooks", HTTPStatus.CREATED, body=body, repeatable=False)
    print_result(webhook, as_json=as_json)
    print_status(SAVE_IT)


@webhooks.command("list")
@json_option
@remote_options
def list_webhooks(*, as_json: bool, remote: Remote) -> None:
    """List all webhooks, oldest first."""
    found = remote.get("/webhooks")
    if as_json:
        print_json(found)
        return
    print_table(COLUMNS, map(_row, found["webhooks"]))


@webhooks.command("enable")
@webhook_argument
@json_option
@remote_options
def enable_webhook(*, webhook_id: UUID, as_json: bool, remote: Remote) -> None:
    """Enable the webhook WEBHOOK_ID and send its waiting notices."""
    _set_enabled(remote, webhook_id, enabled=True, as_json=as_json)


@webhooks.command("disable")
@webhook_argument
@json_option
@remote_options
def disable_webhook(*, webhook_id: UUID, as_json: bool, remote: Remote) -> None:
    """Disable the webhook WEBHOOK_ID. Its waiting notices are kept; it gets no new ones."""
    _set_enabled(remote, webhook_id, enabled=False, as_json=as_json)


@webhooks.command("delete")
@webhook_argument
@remote_options
def delete_webhook(*, webhook_id: UUID, remote: Remote) -> None:
    """Delete the webhook WEBHOOK_ID and its notices."""
    remote.send("DELETE", f"/webhooks/{webhook_id}", HTTPStatus.OK, repeatable=False)
    print_status(f"Deleted the webhook {webhook_id}.")


@webhooks.command("rotate")
@webhook_argument
@json_option
@remote_options
def rotate_secret(*, webhook_id: UUID, as_json: bool, remote: Remote) -> None:
    """Create a new secret for the webhook WEBHOOK_ID and print it once. The old secret signs too for one day."""
    path = f"/webhooks/{webhook_id}/secret/rotate"
    print_result(remote.send("POST", path, HTTPStatus.OK, repeatable=False), as_json=as_json)
    print_status(SAVE_IT)


@webhooks.command("test")
@webhook_argument
@json_option
@remote_options
def send_test_notice(*, webhook_id: UUID, as_json: bool, remote: Remote) -> None:
    """Send a test notice to the webhook WEBHOOK_ID."""
    path = f"/webhooks/{webhook_id}/test"
    print_result(remote.send("POST", path, HTTPStatus.ACCEPTED, repeatable=False), as_json=as_json)


@webhooks.command("notices")
@webhook_argument
@click.option("--state", type=click.Choice([each.value for each in NoticeState]), help="Only notices in this state.")
@limit_option
@cursor_option
@json_option
@remote_options
def list_notices(*, webhook_id: UUID, as_json: bool, remote: Remote, **filters: Any) -> None:
    """List the notices to the webhook WEBHOOK_ID, newest first."""
    page = remote.get(f"/webhooks/{webhook_id}/notices", **filters)
    print_page(page, NOTICE_COLUMNS, map(_notice_row, page["notices"]), as_json=as_json)


@webhooks.command("retry")
@webhook_argument
@click.argument("notice_id", type=click.UUID)
@remote_options
def retry_notice(*, webhook_id: UUID, notice_id: UUID, remote: Remote) -> None:
    """Queue the dead notice NOTICE_ID of the webhook WEBHOOK_ID again."""
    path = f"/webhooks/{webhook_id}/notices/{notice_id}/retry"
    remote.send("POST", path, HTTPStatus.ACCEPTED, repeatable=False)
    print_status(f"The notice {notice_id} is queued again.")


def _set_enabled(remote: Remote, webhook_id: UUID, *, enabled: bool, as_json: bool) -> None:
    path = f"/webhooks/{webhook_id}"
    body = {"enabled": enabled}
    print_result(remote.send("PATCH", path, HTTPStatus.OK, body=body, repeatable=False), as_json=as_json)


def _row(webhook: dict[str, Any]) -> tuple[str, ...]:
    enabled = "yes" if webhook["enabled"] else webhook["disabled_reason"] or "no"
    return webhook["webhook_id"], enabled, webhook["url"], webhook["description"]


def _notice_row(notice: dict[str, Any]) -> tuple[str, ...]:
    attempt = notice["next_attempt_at"] or "", notice["last_error"] or ""
    return notice["notice_id"], notice["state"], notice["type"], str(notice["attempts"]), *attempt
