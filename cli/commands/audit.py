"""`mergelane audit`: one page of the audit log, or all of it as a file."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from cli.bulk.files import STDIN, FileFormat, detect_format
from cli.commands.downloads import save_stream
from cli.commands.options import cursor_option, format_option, json_option, limit_option
from cli.commands.output import print_page, print_status
from cli.commands.remote import Remote, remote_options
from schemas.audit import Action

COLUMNS = ("AT", "ACTION", "OUTCOME", "KEY", "ORPHAN", "SURVIVOR", "ID")

Command = Callable[..., None]


@click.group()
def audit() -> None:
    """List or export the audit log.

    The log says who did what to which profiles. The API key needs the permission audit.read.
    """


def filter_options(command: Command) -> Command:
    """Add the options that filter entries to *command*, which receives them as the dictionary `filters`."""

    @wraps(command)
    def with_filters(*, since: str | None, until: str | None, by_key: str | None, **given: Any) -> None:
        filters = {name: given.pop(name) for name in ("action", "identifier", "job_id")}
        command(**given, filters=filters | {"key": by_key, "from": since, "to": until})

    for option in (
        click.option("--to", "until", metavar="TIME", help="Only entries before this time: 2026-02-01T00:00:00Z."),
        click.option("--from", "since", metavar="TIME", help="Only entries at this time or later."),
        click.option("--job-id", help="Only entries of this job, and of the undo of this job."),
        click.option("--identifier", help="Only entries about this external_id, alias name, email, phone or braze_id."),
        click.option("--by-key", metavar="KEY_ID", help="Only actions of the API key with this id (not the key)."),
        click.option("--action", type=click.Choice([each.value for each in Action]), help="Only this action."),
    ):
        with_filters = option(with_filters)
    return with_filters


@audit.command("list")
@filter_options
@click.option("--images", is_flag=True, help="With --json: include the changes and the profiles before and after.")
@limit_option
@cursor_option
@json_option
@remote_options
def list_entries(
    *, filters: dict[str, Any], images: bool, limit: int, cursor: str | None, as_json: bool, remote: Remote
) -> None:
    """List the audit log, newest entries first."""
    page = remote.get("/audit", limit=limit, cursor=cursor, include="images" if images else None, **filters)
    print_page(page, COLUMNS, map(_row, page["entries"]), as_json=as_json)


@audit.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@format_option
@filter_options
@remote_options
def export_entries(*, file: Path, form: FileFormat | None, filters: dict[str, Any], remote: Remote) -> None:
    """Export the audit log to FILE, as JSON Lines or CSV.

    Each entry includes the profiles before and after. `-` writes to standard output. The name of an incomplete file
    ends in .part.
    """
    chosen = form or (FileFormat.JSONL if str(file) == STDIN else detect_format(str(file), form))
    with remote.connect() as client:
        size = save_stream(client.stream("/audit/export", format=chosen.value, **filters), file)
    if str(file) != STDIN:
        print_status(f"Exported the audit log to {file} ({size:,} bytes).")


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    """Return a row of COLUMNS; an entry about one profile shows it as the survivor."""
    key = entry["key"] or {}
    sides = entry["orphan"], entry["survivor"] or entry["profile"]
    who = [side["external_id"] or side["braze_id"] if side else "" for side in sides]
    return entry["at"], entry["action"], entry["outcome"] or "", key.get("label") or "", *who, entry["id"]
