"""`mergelane profiles`: show one profile, its history and its report, import a file, export all profiles."""

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.errors import MergelaneError
from cli.bulk.files import FileFormat, detect_format, is_stdout
from cli.commands.options import (
    again_option,
    format_option,
    interruptible,
    json_option,
    patience_option,
)
from cli.commands.output import Progress, print_result, print_status
from cli.commands.profile_history import show_history
from cli.commands.profile_import import import_profiles
from cli.commands.profile_report import save_report
from cli.commands.remote import Remote, remote_options

if TYPE_CHECKING:
    from cli.bulk.outputs.checkpoint import Checkpoint
    from cli.client import Client


@click.group()
def profiles() -> None:
    """Show, report, import and export profiles."""


profiles.add_command(show_history)
profiles.add_command(save_report)
profiles.add_command(import_profiles)


@profiles.command("show")
@click.argument("braze_id")
@json_option
@remote_options
def show_profile(*, braze_id: str, as_json: bool, remote: Remote) -> None:
    """Show the profile BRAZE_ID.

    For a profile that was merged away, print its survivor.
    """
    from cli.client import require_status

    with remote.connect() as client:
        response = client.request("GET", f"/profiles/{braze_id}")
    if response.status == HTTPStatus.GONE:
        raise MergelaneError(str(response.body["message"]))
    print_result(require_status(response, HTTPStatus.OK).body, as_json=as_json)


@profiles.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@format_option
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME",
    help="A member to export, such as external_id; repeat the option for more. Default: all members.",
)
@again_option
@patience_option
@remote_options
def export_all(
    *,
    file: Path,
    form: FileFormat | None,
    fields: Sequence[str],
    again: bool,
    patience: float,
    remote: Remote,
) -> None:
    """Export all profiles of the workspace to FILE.

    Writes JSON Lines or CSV. A profile has the shape of /users/export/ids. A CSV file has a column for each member;
    a cell holds JSON unless its value is text. `-` writes to standard output.

    After an interruption, run the same command again to resume; an export to standard output starts over. A profile
    that exists during the whole export is in it once. A profile that is created, deleted or changed meanwhile appears
    as it was when it was read.
    """
    from cli.bulk.export_run import PROFILE_FIELDS
    from cli.bulk.outputs.checkpoint import CheckpointState, open_checkpoint

    chosen = tuple(fields) or PROFILE_FIELDS
    if unknown := [name for name in chosen if name not in PROFILE_FIELDS]:
        raise click.UsageError(f"Profiles have no member {unknown[0]!r}. Choose from: {', '.join(PROFILE_FIELDS)}.")
    written = form or FileFormat.JSONL if is_stdout(file) else detect_format(str(file), form)
    with interruptible(file), remote.connect(patience_s=patience) as client:
        fresh = CheckpointState(task="export", source=" ".join((remote.url, written, *chosen)))
        with open_checkpoint(file, fresh, again=again) as checkpoint:
            _run_export(client, checkpoint, written, chosen)


def _run_export(client: "Client", checkpoint: "Checkpoint", form: FileFormat, fields: Sequence[str]) -> None:
    from cli.bulk.export_run import EXPORTED, export_profiles

    with Progress("profiles", total=None) as progress:
        export_profiles(
            client,
            checkpoint,
            form,
            fields=fields,
            on_progress=lambda counts: progress.update(counts[EXPORTED], counts),
        )
    exported = checkpoint.state.counts.get(EXPORTED, 0)
    print_status(f"Exported {exported:,} profiles to {checkpoint.output}.")
