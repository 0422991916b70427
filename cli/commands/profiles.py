"""`mergelane profiles`: show one profile, its history and its report, import a file, export all profiles."""

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.errors import MergelaneError
from cli.bulk.files import STDIN, FileFormat, UnansweredPolicy, detect_format, is_stdout
from cli.commands.options import (
    again_option,
    encoding_option,
    format_option,
    interruptible,
    json_option,
    patience_option,
    rename_option,
)
from cli.commands.output import Progress, format_counts, print_end, print_result, print_status
from cli.commands.profile_history import show_history
from cli.commands.profile_report import save_report
from cli.commands.remote import Remote, remote_options
from schemas.track import ARRAYS

if TYPE_CHECKING:
    from cli.bulk.outputs.checkpoint import Checkpoint
    from cli.client import Client

#: A segment that was exported as CSV from the vendor's dashboard.
DASHBOARD = "dashboard"
#: Exit status of an import when some lines were not accepted or have a warning.
SOME_REFUSED = 4


@click.group()
def profiles() -> None:
    """Show, report, import and export profiles."""


profiles.add_command(show_history)
profiles.add_command(save_report)


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


@profiles.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--as",
    "kind",
    type=click.Choice([*ARRAYS, DASHBOARD]),
    default="attributes",
    show_default=True,
    help="The array of lines that do not name one; dashboard: a CSV export of the vendor's dashboard.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="The report of refused lines, in JSON Lines; `-` is standard output. Default: FILE.refused.jsonl.",
)
@format_option
@encoding_option
@rename_option
@click.option(
    "--custom",
    multiple=True,
    metavar="NAME",
    help="Read the column NAME as a custom attribute although it resembles a known column; repeat the option for more.",
)
@click.option(
    "--detect-types",
    is_flag=True,
    help="Read TRUE, FALSE and numbers in custom attributes and properties as such. Default: as text.",
)
@click.option(
    "--unanswered",
    type=click.Choice(UnansweredPolicy, case_sensitive=False),
    default=UnansweredPolicy.STOP,
    show_default=True,
    help="Policy for lines that were sent without a response and would count twice.",
)
@again_option
@patience_option
@remote_options
@click.pass_context
def import_profiles(
    ctx: click.Context,
    /,
    *,
    file: str,
    report: Path | None,
    form: FileFormat | None,
    patience: float,
    remote: Remote,
    **given: Any,
) -> None:
    """Import the lines of FILE through /users/track.

    Refused lines and lines without effect are written to a report. In JSON Lines, a line is an object for an array of
    /users/track, such as {"external_id": "ada", "first_name": "Ada"}. It is an attributes object unless --as names
    another array or the line itself does: {"events": {…}}. A CSV file has a column for each attribute; :number,
    :boolean or :json after the name sets the type of its cells (see docs/cli.md). `-` reads standard input. A file may
    be compressed with gzip.

    After an interruption, run the same command again to resume. Attributes may be sent twice without harm. Events,
    purchases, sessions, engagements and operations such as inc would count twice: if no response came to some of them,
    the run stops, and --unanswered says what to do.

    Exit status: 0 when every line was accepted without a warning, 4 when some were refused, skipped or without effect,
    1 when the run failed, 130 when it was interrupted.
    """
    from cli.bulk.import_file import ImportOptions, import_file
    from cli.bulk.import_run import ACCEPTED

    if file == STDIN and (report is None or form is None):
        raise click.UsageError("Add --format and --report: the lines come from standard input.")
    output = report or Path(f"{file}.refused.jsonl")
    options = ImportOptions(
        file=file,
        report=output,
        form=detect_format(file, form),
        new_client=lambda: remote.new_client(patience_s=patience),
        **given,
    )
    with interruptible(output):
        counts = import_file(
            options, progress=lambda total, done: Progress("lines", total=total, done=done), report=print_status
        )
    others = counts.keys() - {ACCEPTED}
    where = "Lines that were not accepted, or that have a warning, are in"
    print_end(f"{format_counts(counts)}.", where if others else None, output)
    ctx.exit(SOME_REFUSED if others else 0)


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
