"""`mergelane merge`: a file of pairs, merged, with an outcome for each line."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from queue import LifoQueue
from secrets import token_hex
from threading import Event
from typing import Any

import click

from cli.bulk import pairs as written
from cli.bulk import posting
from cli.bulk.errors import UnfitFile
from cli.bulk.journal import REHEARSAL, Journal, State, open_journal
from cli.bulk.merging import Merging, Settle
from cli.bulk.outcomes import DEAD, INVALID, Told
from cli.bulk.posting import Chunk
from cli.bulk.records import Position, columns, records
from cli.bulk.source import STDIN, Form, Source, form_of, open_source, unchanged
from cli.client import Client, Refused
from cli.commands.progress import Progress, told
from cli.commands.remote import Remote, remote_options, tell
from cli.commands.runs import again_option, format_option, interruptible, patience_option

#: Exit statuses beside 0 and those of every command (1: it could not go on, 2: it was called wrongly).
SOME_DEAD, SOME_INVALID = 3, 4
#: Mergelane remembers for this long, unless it is set otherwise, which requests it has accepted.
REMEMBERED = timedelta(hours=24)
MOST_AT_ONCE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command was asked for."""

    file: str
    outcomes: Path | None
    form: Form | None
    dry_run: bool
    concurrency: int
    again: bool
    patience: float
    remote: Remote

    def fresh(self, source: Source) -> State:
        """Return the state of a run of *source* that has not begun."""
        task = REHEARSAL if self.dry_run else "merge"
        return State(task=task, source=source.digest, salt=token_hex(8) if self.again else "")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--outcomes",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The outcome file, .csv or .jsonl; by default FILE with .outcomes, in a dry run .preview, before its ending.",
)
@format_option
@click.option("--dry-run", is_flag=True, help="Tell what would become of each pair now, and merge nothing.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, MOST_AT_ONCE),
    default=4,
    show_default=True,
    help="How many batches may be on their way at once.",
)
@again_option
@patience_option
@remote_options
@click.pass_context
def merge(ctx: click.Context, /, **given: Any) -> None:
    """Merge the pairs of FILE, wait, and write what became of each to an outcome file.

    FILE holds one pair a line: as JSON Lines, objects as `merge_updates` holds them; as CSV, columns such as
    merge_external_id and keep_email. `-` reads standard input. docs/cli.md tells the columns.

    Run the same command again after any interruption: it goes on where it was and merges nothing twice. What it knows
    lies beside the outcome file, in a file that ends in .state.

    Pairs that share an identifier are merged in the order of the file, whatever the concurrency. Of other pairs no
    order is promised, though the same person may stand behind an email in one and an external_id in another; with
    --concurrency 1 one batch of 50 is settled before the next is posted. a→b and b→c end in c in any order.

    A dry run sees the pairs of one batch of 50 after each other, and those of other batches not at all. Each begins
    anew.

    Exit status: 0 when every pair was settled; 3 when jobs are dead; 4 when lines are invalid and no job is dead;
    1 when the run could not go on, 130 when it was interrupted: then run it again.
    """
    options = Options(**given)
    output = options.outcomes or _beside(options)
    with open_source(options.file, _form(options), spool=output.parent) as source:
        if source.form is Form.CSV:
            written.check_columns(columns(source))
        with open_journal(output, options.fresh(source), again=options.again) as journal:
            if not journal.state.finished:
                _check_workspace(options.remote, journal.state)
                _warn_of_age(journal)
                with interruptible(output), _settling(options, journal, source) as settle:
                    _run(source, journal, form_of(str(output), None), settle, at_once=options.concurrency)
            counts = journal.state.counts
    click.echo(f"{sum(counts.values()):,} pairs: {told(counts)}. {output} tells each.")
    ctx.exit(SOME_DEAD if DEAD in counts else SOME_INVALID if INVALID in counts else 0)


def _run(source: Source, journal: Journal, form: Form, settle: Settle, *, at_once: int) -> None:
    """Settle what is left of *source*."""
    state = journal.state
    with Progress("lines", total=source.lines, settled=state.lines) as progress:
        merging = Merging(
            journal,
            form,
            settle,
            at_once=at_once,
            moved=progress.moved,
            replayed=_tell_of_replays(journal),
        )
        start = Position(offset=state.offset, lines=state.lines)
        merging.run(unchanged(source, posting.chunks(written.pairs(records(source, start), source.form))))


@contextmanager
def _settling(options: Options, journal: Journal, source: Source) -> Iterator[Settle]:
    """Lend what settles a chunk, with a client for each that may be on its way; stop them all in the end."""
    stop = Event()
    clients: LifoQueue[Client] = LifoQueue()
    for _ in range(options.concurrency):
        clients.put(options.remote.client(patience_s=options.patience, stop=stop))
    rehearse, salt = journal.state.task == REHEARSAL, source.digest + journal.state.salt

    def settle(chunk: Chunk, batch_id: str | None, heard: posting.Heard) -> list[Told]:
        client = clients.get()
        try:
            if rehearse:
                return posting.preview(client, chunk.sent)
            return posting.merge(client, chunk.sent, salt=salt, batch_id=batch_id, heard=heard)
        finally:
            clients.put(client)

    try:
        yield settle
    finally:
        stop.set()
        # Those that are in use now belong to threads which end with the process.
        while not clients.empty():
            clients.get().close()


def _beside(options: Options) -> Path:
    """Return the outcome file when none is named; a rehearsal has one of its own, so that the merge can follow."""
    if options.file == STDIN:
        raise click.UsageError("Name the outcome file by --outcomes when the pairs come from standard input.")
    path = Path(options.file)
    return path.with_name(f"{path.stem}.{'preview' if options.dry_run else 'outcomes'}{path.suffix}")


def _form(options: Options) -> Form:
    """Return the form of the merge file."""
    if options.file == STDIN and options.form is None:
        raise click.UsageError("Say by --format which form standard input has.")
    return form_of(options.file, options.form)


def _check_workspace(remote: Remote, state: State) -> None:
    """Raise UnfitFile when the key does not know a batch of this run: it opens another workspace than it began in."""
    if state.known_batch is None:
        return
    with remote.asked() as client:
        try:
            client.get(f"/merge/batches/{state.known_batch}")
        except Refused as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            raise UnfitFile(
                f"The key does not know the batch {state.known_batch}, which this run posted: it opens another"
                " workspace, or the batch was pruned. Give the key that the run began with, or --again to begin anew."
            ) from None


def _warn_of_age(journal: Journal) -> None:
    """Tell when a run is gone on with so late that Mergelane may have forgotten what it had accepted last."""
    if not journal.resumed or journal.state.task != "merge":
        return
    since = datetime.now(UTC) - datetime.fromisoformat(journal.state.saved_at)
    if since > REMEMBERED:
        tell(
            f"The run was left {since.total_seconds() / 3600:,.0f} hours ago. Of the few batches that were just being"
            " posted then, Mergelane may not remember that it had accepted them; pairs that it merged then are told as"
            " already_merged now."
        )


def _tell_of_replays(journal: Journal) -> Callable[[], None]:
    """Return what tells, once, that another run had posted this file already."""
    due = not journal.resumed

    def once() -> None:
        nonlocal due
        if due:
            tell(
                "This very file was posted before, within the time for which Mergelane remembers it: its outcomes are"
                " those of then. To have it merged once more, give --again."
            )
        due = False

    return once
