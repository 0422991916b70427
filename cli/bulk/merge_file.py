"""`mergelane merge`: sends the pairs of a file and writes their outcomes, resuming from the checkpoint."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from secrets import token_hex
from threading import Event
from typing import Protocol

from app.text_files.header import Header, read_header
from app.text_files.lines import Position
from app.text_files.pair_reader import check_pair_columns, read_pairs
from cli.bulk import merge_batches
from cli.bulk.client_pool import open_clients
from cli.bulk.file_run import close_file_run, create_file_run
from cli.bulk.files import FileError, FileFormat, detect_format
from cli.bulk.merge_batches import AcceptedBatch, PairChunk
from cli.bulk.merge_run import MergeRun, ProcessChunk
from cli.bulk.outputs.checkpoint import PREVIEW, Checkpoint, CheckpointState, open_checkpoint
from cli.bulk.outputs.outcome_file import LineResult
from cli.bulk.outputs.output_file import is_stream, spool_folder
from cli.bulk.reading.encodings import UTF_8
from cli.bulk.reading.source import Source, open_source, stop_on_change
from cli.client import Client, Refused
from schemas.outcomes import RunKind

#: The default of MERGELANE_IDEMPOTENCY_HOURS: for this long the server knows the requests that it accepted.
REMEMBERED = timedelta(hours=24)


class ProgressDisplay(Protocol):
    """Shows how many lines are done."""

    def update(self, done: int, counts: Mapping[str, int]) -> None:
        """Show that *done* lines are done, and their *counts* by outcome."""


#: Opens a display for a total number of lines, some of them done by an earlier run.
OpenProgress = Callable[[int, int], AbstractContextManager[ProgressDisplay]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeOptions:
    """The options of `mergelane merge`; *new_client* returns a client whose waits end when the event is set."""

    file: str
    output: Path
    form: FileFormat
    dry_run: bool
    concurrency: int
    again: bool
    new_client: Callable[[Event], Client]
    encoding: str = UTF_8
    renames: Mapping[str, str] = field(default_factory=dict)


def merge_file(options: MergeOptions, *, progress: OpenProgress, report: Callable[[str], object]) -> Mapping[str, int]:
    """Process the rest of the file and return the number of lines by outcome, those of earlier runs included."""
    output_form = options.form if is_stream(options.output) else detect_format(str(options.output), None)
    spool = spool_folder(options.output)
    with open_source(options.file, options.form, spool=spool, encoding=options.encoding) as source:
        header = _read_header(source, options)
        task = PREVIEW if options.dry_run else "merge"
        fresh = CheckpointState(task=task, source=source.digest, salt=token_hex(8) if options.again else "")
        with open_checkpoint(options.output, fresh, again=options.again, source=source.file) as checkpoint:
            if not checkpoint.state.finished:
                _check_workspace(options, checkpoint.state)
                _warn_of_age(checkpoint, report)
                with (
                    progress(source.lines, checkpoint.state.lines) as display,
                    _client_pool(options, checkpoint, source) as process,
                ):
                    run = MergeRun(
                        checkpoint,
                        output_form,
                        process,
                        concurrency=options.concurrency,
                        on_progress=display.update,
                        on_replay=_report_replay_once(checkpoint, report),
                    )
                    run.run(_in_a_run(_remaining_chunks(source, header, checkpoint.state), options, checkpoint))
                _close_run(options, checkpoint.state)
            return checkpoint.state.counts


def _read_header(source: Source, options: MergeOptions) -> Header | None:
    """Return the header of a CSV file; raise FileError unless it names both sides of a pair."""
    if source.form is not FileFormat.CSV:
        return None
    header = read_header(source).rename(options.renames, source.name)
    check_pair_columns(header.names, source.name)
    return header


def read_chunks(source: Source, options: MergeOptions) -> Iterator[PairChunk]:
    """Yield all pairs of *source*, valid or not, in chunks of one request."""
    header = _read_header(source, options)
    return _remaining_chunks(source, header, CheckpointState(task="plan", source=source.digest, salt=""))


def _remaining_chunks(source: Source, header: Header | None, state: CheckpointState) -> Iterator[PairChunk]:
    start = Position(offset=state.offset, lines=state.lines)
    return stop_on_change(source, merge_batches.split_pairs(read_pairs(source, header, start)))


@contextmanager
def _client_pool(options: MergeOptions, checkpoint: Checkpoint, source: Source) -> Iterator[ProcessChunk]:
    """Yield a function that processes a chunk with one of as many clients as chunks may run at the same time."""
    is_preview, salt = checkpoint.state.task == PREVIEW, source.digest + checkpoint.state.salt

    with open_clients(options.concurrency, options.new_client) as lend_client:

        def process(
            chunk: PairChunk, batch_id: str | None, on_accepted: Callable[[AcceptedBatch], object]
        ) -> list[LineResult]:
            with lend_client() as client:
                if is_preview:
                    return merge_batches.preview_pairs(client, chunk.valid)
                return merge_batches.merge_pairs(
                    client,
                    chunk.valid,
                    salt=salt,
                    batch_id=batch_id,
                    on_accepted=on_accepted,
                    run_id=checkpoint.state.run_id,
                )

        yield process


def _in_a_run(chunks: Iterator[PairChunk], options: MergeOptions, checkpoint: Checkpoint) -> Iterator[PairChunk]:
    """Yield *chunks*; create the run of the file before the first one that has a pair to send."""
    for chunk in chunks:
        if chunk.valid:
            _create_run(options, checkpoint)
            yield chunk
            break
        yield chunk
    yield from chunks


def _create_run(options: MergeOptions, checkpoint: Checkpoint) -> None:
    """Create the run that the batches of the file join, unless an earlier process has sent some of them."""
    state = checkpoint.state
    if state.task == PREVIEW or state.run_id is not None or state.known_batch is not None:
        return
    with closing(options.new_client(Event())) as client:
        checkpoint.save(run_id=create_file_run(client, file=options.file, kind=RunKind.FILE))


def _close_run(options: MergeOptions, state: CheckpointState) -> None:
    if state.run_id is not None:
        with closing(options.new_client(Event())) as client:
            close_file_run(client, state.run_id)


def _check_workspace(options: MergeOptions, state: CheckpointState) -> None:
    """Raise FileError when the key belongs to another workspace than the run: it does not know a batch of the run."""
    if state.known_batch is None:
        return
    client = options.new_client(Event())
    try:
        client.get(f"/merge/batches/{state.known_batch}")
    except Refused as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        raise FileError(
            f"The API key cannot read the batch {state.known_batch} of this run: the key belongs to another workspace,"
            " or the batch was pruned. Use the key with which the run started, or add --again to start over."
        ) from None
    finally:
        client.close()


def _warn_of_age(checkpoint: Checkpoint, report: Callable[[str], object]) -> None:
    """Report that the server may have forgotten the last requests of a run that was interrupted long ago."""
    if not checkpoint.resumed or checkpoint.state.task != "merge":
        return
    since = datetime.now(UTC) - datetime.fromisoformat(checkpoint.state.saved_at)
    if since > REMEMBERED:
        report(
            f"This run was interrupted {since.total_seconds() / 3600:,.0f} hours ago. Mergelane may have forgotten the"
            " batches that were being sent then. Pairs that they merged get the outcome already_merged now."
        )


def _report_replay_once(checkpoint: Checkpoint, report: Callable[[str], object]) -> Callable[[], None]:
    """Return a function that reports, at its first call, that another run sent this file before."""
    due = not checkpoint.resumed

    def on_replay() -> None:
        nonlocal due
        if due:
            report(
                "This file was sent before, and Mergelane returns the outcomes of that run. To merge the file once"
                " more, add --again."
            )
        due = False

    return on_replay
