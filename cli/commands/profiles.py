"""`mergelane profiles`: show one profile, its history and its report, import a file, export all profiles."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.errors import MergelaneError
from cli.bulk.files import STDIN, FileFormat, Source, UnansweredPolicy, detect_format, open_source, stop_on_change
from cli.commands.options import again_option, format_option, interruptible, json_option, patience_option
from cli.commands.output import Progress, format_counts, print_result, print_status
from cli.commands.profile_history import show_history
from cli.commands.profile_report import save_report
from cli.commands.remote import Remote, remote_options
from schemas.track import ARRAYS

if TYPE_CHECKING:
    from cli.bulk.checkpoint import Checkpoint
    from cli.client import Client

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """The options of `mergelane profiles import`."""

    file: str
    array: str
    report: Path | None
    form: FileFormat | None
    unanswered: UnansweredPolicy
    again: bool
    patience: float
    remote: Remote


@profiles.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--as",
    "array",
    type=click.Choice(list(ARRAYS)),
    default="attributes",
    show_default=True,
    help="The array of lines that do not name one.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The report of refused lines, in JSON Lines. Default: FILE.refused.jsonl.",
)
@format_option
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
def import_profiles(ctx: click.Context, /, **given: Any) -> None:
    """Import the lines of FILE through /users/track.

    Refused lines and lines without effect are written to a report. In JSON Lines, a line is an object for an array of
    /users/track, such as {"external_id": "ada", "first_name": "Ada"}. It is an attributes object unless --as names
    another array or the line itself does: {"events": {…}}. A CSV file has a column for each attribute; :number,
    :boolean or :json after the name sets the type of its cells. `-` reads standard input.

    After an interruption, run the same command again to resume. Attributes may be sent twice without harm. Events,
    purchases, sessions, engagements and operations such as inc would count twice: if no response came to some of them,
    the run stops, and --unanswered says what to do.

    Exit status: 0 when every line was accepted without a warning, 4 when some were refused, skipped or without effect,
    1 when the run failed, 130 when it was interrupted.
    """
    from cli.bulk.checkpoint import CheckpointState, open_checkpoint
    from cli.bulk.import_run import ACCEPTED

    options = ImportOptions(**given)
    if options.file == STDIN and (options.form is None or options.report is None):
        raise click.UsageError("Add --format and --report: standard input has no file name.")
    output = options.report or Path(f"{options.file}.refused.jsonl")
    with open_source(options.file, detect_format(options.file, options.form), spool=output.parent) as source:
        fresh = CheckpointState(task=f"import as {options.array}", source=source.digest)
        with open_checkpoint(output, fresh, again=options.again) as checkpoint, interruptible(output):
            if not checkpoint.state.finished:
                _run_import(source, checkpoint, options)
            counts = checkpoint.state.counts
    click.echo(f"{format_counts(counts)}. Lines that were not accepted, or that have a warning, are in {output}.")
    ctx.exit(0 if counts.keys() <= {ACCEPTED} else SOME_REFUSED)


def _run_import(source: Source, checkpoint: "Checkpoint", options: ImportOptions) -> None:
    from cli.bulk.import_lines import parse_import_lines, split_import
    from cli.bulk.import_run import ImportRun
    from cli.bulk.records import Position, read_columns, read_records

    state = checkpoint.state
    start = Position(offset=state.offset, lines=state.lines)
    names = read_columns(source) if source.form is FileFormat.CSV else ()
    lines = parse_import_lines(read_records(source, start), source.form, array=options.array, names=names)
    with (
        Progress("lines", total=source.lines, done=state.lines) as progress,
        options.remote.connect(patience_s=options.patience) as client,
    ):
        run = ImportRun(checkpoint, client, policy=options.unanswered, on_progress=progress.update)
        run.run(stop_on_change(source, split_import(lines)))


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
    from cli.bulk.checkpoint import CheckpointState, open_checkpoint
    from cli.bulk.export_run import PROFILE_FIELDS, stream_profiles

    chosen = tuple(fields) or PROFILE_FIELDS
    if unknown := [name for name in chosen if name not in PROFILE_FIELDS]:
        raise click.UsageError(f"Profiles have no member {unknown[0]!r}. Choose from: {', '.join(PROFILE_FIELDS)}.")
    with remote.connect(patience_s=patience) as client:
        if str(file) == STDIN:
            stream_profiles(client, sys.stdout.buffer, form or FileFormat.JSONL, fields=chosen)
            return
        written = detect_format(str(file), form)
        fresh = CheckpointState(task="export", source=" ".join((remote.url, written, *chosen)))
        with open_checkpoint(file, fresh, again=again) as checkpoint, interruptible(file):
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
