"""`mergelane profiles`: show one, import files of them, export all of a workspace."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click

from app.errors import MergelaneError
from cli.bulk import entries, exporting
from cli.bulk.importing import ACCEPTED, Doubt, Importing
from cli.bulk.journal import Journal, State, open_journal
from cli.bulk.records import Position, columns, records
from cli.bulk.source import STDIN, Form, Source, form_of, open_source, unchanged
from cli.client import Client, accepted
from cli.commands.progress import Progress, told
from cli.commands.remote import Remote, remote_options
from cli.commands.runs import again_option, format_option, interruptible, patience_option
from cli.commands.tables import json_option, show_json, show_values
from schemas.track import ARRAYS

#: Exit status of an import of which some lines were not accepted.
SOME_REFUSED = 4


@click.group()
def profiles() -> None:
    """Show a profile, import files of them, export all of a workspace."""


@profiles.command()
@click.argument("braze_id")
@json_option
@remote_options
def show(*, braze_id: str, as_json: bool, remote: Remote) -> None:
    """Show the profile BRAZE_ID, or where it went when it was merged away."""
    with remote.asked() as client:
        answer = client.ask("GET", f"/profiles/{braze_id}")
    if answer.status == HTTPStatus.GONE:
        raise MergelaneError(str(answer.body["message"]))
    profile = accepted(answer, HTTPStatus.OK).body
    (show_json if as_json else show_values)(profile)


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What an import was asked for."""

    file: str
    array: str
    report: Path | None
    form: Form | None
    unanswered: Doubt
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
    help="What the lines of FILE are that do not say it themselves.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The report of refused lines, as JSON Lines; by default FILE.refused.jsonl.",
)
@format_option
@click.option(
    "--unanswered",
    type=click.Choice(Doubt, case_sensitive=False),
    default=Doubt.STOP,
    show_default=True,
    help="What to do with lines that were sent, never answered, and would count twice.",
)
@again_option
@patience_option
@remote_options
@click.pass_context
def import_(ctx: click.Context, /, **given: Any) -> None:
    """Bring the lines of FILE to effect through /users/track, and report those that are refused.

    A line of JSON Lines is an object as the arrays of /users/track hold them: {"external_id": "ada", "first_name":
    "Ada"}, an attributes object unless --as says otherwise, or one that names its array itself: {"events": {…}}. A CSV
    file has a column for each attribute, with :number, :boolean or :json behind its name where cells are no text.
    `-` reads standard input.

    Run the same command again after any interruption: it goes on where it was. Attributes may be sent twice without
    harm. Events, purchases, sessions, engagements and operations such as inc would count twice: when the answer to some
    of them never came, the run stops and asks, and --unanswered tells it what to do.

    Exit status: 0 when every line was accepted, 4 when some were refused or skipped, 1 when the run could not go on,
    130 when it was interrupted.
    """
    options = Import(**given)
    if options.file == STDIN and (options.form is None or options.report is None):
        raise click.UsageError("Say by --format and --report which form standard input has, and where to report.")
    output = options.report or Path(f"{options.file}.refused.jsonl")
    with open_source(options.file, form_of(options.file, options.form), spool=output.parent) as source:
        fresh = State(task=f"import as {options.array}", source=source.digest)
        with open_journal(output, fresh, again=options.again) as journal, interruptible(output):
            if not journal.state.finished:
                _import(source, journal, options)
            counts = journal.state.counts
    click.echo(f"{told(counts)}. {output} tells what was not accepted.")
    ctx.exit(0 if counts.keys() <= {ACCEPTED} else SOME_REFUSED)


def _import(source: Source, journal: Journal, options: Import) -> None:
    """Bring to effect what is left of *source*."""
    state = journal.state
    start = Position(offset=state.offset, lines=state.lines)
    names = columns(source) if source.form is Form.CSV else ()
    given = entries.lines(records(source, start), source.form, array=options.array, names=names)
    with (
        Progress("lines", total=source.lines, settled=state.lines) as progress,
        options.remote.asked(patience_s=options.patience) as client,
    ):
        importing = Importing(journal, client, doubt=options.unanswered, moved=progress.moved)
        importing.run(unchanged(source, entries.chunks(given)))


@profiles.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@format_option
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME",
    help="A member to export, such as external_id; give it several times. All by default.",
)
@again_option
@patience_option
@remote_options
def export(
    *,
    file: Path,
    form: Form | None,
    fields: Sequence[str],
    again: bool,
    patience: float,
    remote: Remote,
) -> None:
    """Write all profiles of the key's workspace to FILE, as JSON Lines or CSV.

    A profile looks as /users/export/ids shows it. In CSV every member has a column, and what is no text stands there as
    JSON. `-` writes to standard output.

    Run the same command again after any interruption: it goes on where it was, unless it wrote to standard output.
    Profiles that live through the whole export are in it once; of those that come, go or change meanwhile, the file
    has what they were when they were read.
    """
    chosen = tuple(fields) or exporting.FIELDS
    if unknown := [name for name in chosen if name not in exporting.FIELDS]:
        raise click.UsageError(f"Profiles have no {unknown[0]!r}; choose from: {', '.join(exporting.FIELDS)}.")
    with remote.asked(patience_s=patience) as client:
        if str(file) == STDIN:
            exporting.stream(client, sys.stdout.buffer, form or Form.JSONL, fields=chosen)
        else:
            written = form_of(str(file), form)
            fresh = State(task="export", source=" ".join((remote.url, written, *chosen)))
            with open_journal(file, fresh, again=again) as journal, interruptible(file):
                _export(client, journal, written, chosen)


def _export(client: Client, journal: Journal, form: Form, fields: Sequence[str]) -> None:
    """Write what is left of all profiles, and tell how many there are."""
    with Progress("profiles", total=None) as progress:
        exporting.export(
            client,
            journal,
            form,
            fields=fields,
            moved=lambda counts: progress.moved(counts[exporting.EXPORTED], counts),
        )
    exported = journal.state.counts.get(exporting.EXPORTED, 0)
    click.echo(f"{exported:,} profiles are in {journal.output}.", err=True)
