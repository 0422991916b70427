"""`mergelane profiles import`: import a file of objects of `/users/track`, or of whole profiles."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.bulk.columns.cells import COMMA, POINT
from cli.bulk.files import STDIN, FileFormat, UnansweredPolicy
from cli.bulk.import_options import CONFLICTS, DASHBOARD, ImportOptions, detect_import_format
from cli.bulk.recognition import PROFILES
from cli.commands.options import (
    again_option,
    encoding_option,
    format_option,
    interruptible,
    patience_option,
    rename_option,
)
from cli.commands.output import Progress, format_counts, print_end, print_status
from cli.commands.remote import Remote, remote_options
from schemas.track import ARRAYS

if TYPE_CHECKING:
    from cli.bulk.import_file import ImportResult

#: Exit status of an import when some lines were not accepted or have a warning.
SOME_REFUSED = 4


@click.command("import")
@click.argument("file", type=click.Path(exists=True, allow_dash=True))
@click.option(
    "--as",
    "kind",
    type=click.Choice([PROFILES, *ARRAYS, DASHBOARD]),
    help="profiles: whole profiles, as exports have them; else the array of lines that do not name one; dashboard: a"
    " CSV export of the vendor's dashboard. Default: profiles or attributes, by the content.",
)
@click.option(
    "--on-conflict",
    type=click.Choice(CONFLICTS),
    help="For whole profiles: skip existing ones (the default), fill their empty members, or replace them.",
)
@click.option("--dry-run", is_flag=True, help="For whole profiles: change nothing, and report what would be refused.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="The report of refused lines, in JSON Lines; `-` is standard output. Default: FILE.refused.jsonl, of a dry run"
    " FILE.preview.jsonl.",
)
@format_option
@encoding_option
@click.option(
    "--decimal",
    type=click.Choice([POINT, COMMA]),
    default=POINT,
    show_default=True,
    help="The decimal sign of numbers in CSV.",
)
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
    """Import the lines of FILE: whole profiles, or objects of /users/track.

    FILE can be compressed with gzip, a ZIP archive, or a folder of such files; `-` reads standard input. Refused lines
    and lines without effect are written to a report, which can be imported again after correction.

    Whole profiles are JSON Lines as `profiles export` and the vendor's segment export have them. They are recognised by
    their members, such as custom_attributes; --as profiles forces it. A profile that exists is skipped, unless
    --on-conflict says otherwise. The API key needs the permission profiles.import.

    Other JSON Lines are objects for an array of /users/track, such as {"external_id": "ada", "first_name": "Ada"}. A
    line is an attributes object unless --as names another array or the line itself does: {"events": {…}}. A CSV file
    has a column for each attribute; :number, :boolean or :json after the name sets the type of its cells (see
    docs/cli.md).

    After an interruption, run the same command again to resume. Whole profiles and attributes may be sent twice without
    harm. Events, purchases, sessions, engagements and operations such as inc would count twice: if no response came to
    some of them, the run stops, and --unanswered says what to do.

    Exit status: 0 when every line was accepted without a warning, 4 when some were refused, skipped or without effect,
    1 when the run failed, 130 when it was interrupted.
    """
    from cli.bulk.import_file import import_file

    if file == STDIN and (report is None or form is None):
        raise click.UsageError("Add --format and --report: the lines come from standard input.")
    output = report or Path(f"{file.rstrip('/')}.{'preview' if given['dry_run'] else 'refused'}.jsonl")
    options = ImportOptions(
        file=file,
        report=output,
        form=detect_import_format(file, form, given["kind"]),
        new_client=lambda stop: remote.new_client(patience_s=patience, stop=stop),
        **given,
    )
    with interruptible(output):
        result = import_file(
            options, progress=lambda total, done: Progress("lines", total=total, done=done), report=print_status
        )
    ctx.exit(_print_result(result, output, dry_run=options.dry_run))


def _print_result(result: "ImportResult", output: Path, *, dry_run: bool) -> int:
    """Print the counts of an import and return its exit status."""
    from cli.bulk.import_run import ACCEPTED, SKIPPED
    from cli.bulk.profile_run import CREATED, FILLED, REPLACED

    others = result.counts.keys() - {ACCEPTED, CREATED, FILLED, REPLACED}
    text = f"{'Nothing was changed. The import would give: ' if dry_run else ''}{format_counts(result.counts)}."
    in_report = set(others)
    if result.whole and SKIPPED in others:
        in_report.remove(SKIPPED)
        text += f" The skipped profiles exist already and {'would stay' if dry_run else 'stay'} as they are."
    where = "Lines that were not accepted, or that have a warning, are in"
    print_end(text, where if in_report else None, output)
    return SOME_REFUSED if others else 0
