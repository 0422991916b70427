"""`mergelane audit`: who did what, as the API tells it; a page of it, or all of it as a file."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from cli.bulk.source import STDIN, Form, form_of
from cli.commands.listing import cursor_option, limit_option, tell_next
from cli.commands.remote import Remote, remote_options
from cli.commands.runs import format_option
from cli.commands.tables import json_option, show_json, show_table
from schemas.audit import Action

COLUMNS = ("AT", "ACTION", "OUTCOME", "KEY", "ORPHAN", "SURVIVOR", "ID")
#: What the name of a file ends in while it is not whole.
PARTIAL = ".part"

Command = Callable[..., None]


@click.group()
def audit() -> None:
    """Look at who did what to which profiles, and take it away as a file.

    The key needs the permission audit.read.
    """


def filters(command: Command) -> Command:
    """Give *command* the options that say which entries are wanted, and what they come to as `wanted`."""

    @wraps(command)
    def found(*, since: str | None, until: str | None, by_key: str | None, **given: Any) -> None:
        names = ("action", "identifier", "job_id")
        wanted = {name: given.pop(name) for name in names} | {"key": by_key, "from": since, "to": until}
        command(**given, wanted=wanted)

    for option in (
        click.option("--to", "until", metavar="TIME", help="Asked for before this time, such as 2026-02-01T00:00:00Z."),
        click.option("--from", "since", metavar="TIME", help="Asked for at this time or later."),
        click.option("--job-id", help="What this job did, and what undid it."),
        click.option("--identifier", help="About this external_id, alias name, email, phone or braze_id."),
        click.option("--by-key", metavar="KEY_ID", help="Asked for by the API key of this id: its id, not the key."),
        click.option("--action", type=click.Choice([each.value for each in Action]), help="Of this action."),
    ):
        found = option(found)
    return found


@audit.command("list")
@filters
@click.option("--images", is_flag=True, help="With --json: what changed, and what was before and after, too.")
@limit_option
@cursor_option
@json_option
@remote_options
def list_(
    *, wanted: dict[str, Any], images: bool, limit: int, cursor: str | None, as_json: bool, remote: Remote
) -> None:
    """Show a page of the audit, the newest first."""
    include = "images" if images else None
    with remote.asked() as client:
        page = client.get("/audit", limit=limit, cursor=cursor, include=include, **wanted)
    if as_json:
        show_json(page)
        return
    show_table(COLUMNS, [_row(entry) for entry in page["entries"]])
    tell_next(page)


@audit.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@format_option
@filters
@remote_options
def export(*, file: Path, form: Form | None, wanted: dict[str, Any], remote: Remote) -> None:
    """Write the audit as it stands at this moment to FILE, as JSON Lines or CSV, what was before and after with it.

    `-` writes to standard output. A file is there when it is whole; until then its name ends in .part.
    """
    if str(file) == STDIN:
        _write(sys.stdout.buffer.write, form or Form.JSONL, wanted, remote)
        sys.stdout.buffer.flush()
        return
    written = form_of(str(file), form)
    partial = file.with_name(file.name + PARTIAL)
    try:
        with partial.open("wb") as output:
            size = _write(output.write, written, wanted, remote)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    click.echo(f"The audit is in {file}: {size:,} bytes.", err=True)


def _write(write: Callable[[bytes], object], form: Form, wanted: dict[str, Any], remote: Remote) -> int:
    """Write the audit piece by piece; return how many bytes there were."""
    size = 0
    with remote.asked() as client:
        for piece in client.stream("/audit/export", format=form.value, **wanted):
            write(piece)
            size += len(piece)
    return size


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    """Return *entry* as a row of COLUMNS; what concerns one profile has that as its survivor."""
    key = entry["key"] or {}
    sides = entry["orphan"], entry["survivor"] or entry["profile"]
    who = [side["external_id"] or side["braze_id"] if side else "" for side in sides]
    return entry["at"], entry["action"], entry["outcome"] or "", key.get("label") or "", *who, entry["id"]
