"""`mergelane profiles import` for whole profiles: sends a file, resuming from the checkpoint."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from secrets import token_hex
from typing import Any

from app.text_files.header import Header
from app.text_files.lines import Position
from app.text_files.records import read_records
from cli.bulk.client_pool import open_clients
from cli.bulk.columns.profile_columns import check_profile_columns
from cli.bulk.file_run import close_run_of, header_of, open_import_run, post_once
from cli.bulk.import_lines import COLUMNS, DELIMITER
from cli.bulk.import_options import ImportOptions
from cli.bulk.merge_file import OpenProgress
from cli.bulk.outputs.checkpoint import PREVIEW, Checkpoint, CheckpointState, open_checkpoint
from cli.bulk.profile_lines import ProfileChunk, ProfileLine, profiles_of_rows, read_profiles, split_profiles
from cli.bulk.profile_run import CONNECTIONS, ProfileRun, Result, SendChunk, chunk_key
from cli.bulk.reading.source import Source, lock_source, stop_on_change
from cli.client import Client, Refused, Response, require_status

PATH = "/profiles/import"
#: The header of a response that an earlier request had.
REPLAYED = "Idempotent-Replayed"
#: What happens to a profile that exists, if no option says otherwise.
SKIP = "skip"


def import_whole_profiles(
    source: Source,
    header: Header | None,
    options: ImportOptions,
    *,
    progress: OpenProgress,
    report: Callable[[str], object],
) -> Mapping[str, int]:
    """Send the rest of *source* and return the number of lines by result, those of earlier runs included.

    *header* is that of a CSV file.
    """
    if header is not None:
        check_profile_columns(header.names, source.name)
    fresh = CheckpointState(
        task=PREVIEW if options.dry_run else f"import as profiles, on conflict {options.on_conflict or SKIP}",
        source=source.digest,
        salt=token_hex(8) if options.again else "",
    )
    with (
        open_checkpoint(options.report, fresh, again=options.again, source=source.file) as checkpoint,
        lock_source(source),
    ):
        state = checkpoint.state
        if not state.finished:
            run_id = state.run_id if state.lines else open_import_run(checkpoint, options)
            on_replay = _report_replay_once(checkpoint, report)
            with (
                progress(source.lines, state.lines) as display,
                _client_pool(options, source.digest + state.salt, run_id, on_replay) as send,
            ):
                run = ProfileRun(checkpoint, send, on_progress=display.update)
                run.run(stop_on_change(source, split_profiles(_read_lines(source, header, state))))
            close_run_of(checkpoint, options.new_client)
        return checkpoint.state.counts


def _read_lines(source: Source, header: Header | None, state: CheckpointState) -> Iterator[ProfileLine]:
    start = Position(offset=state.offset, lines=state.lines)
    if header is None:
        return read_profiles(source.file, start)
    reading = {COLUMNS: header.names, DELIMITER: header.dialect.delimiter}
    return profiles_of_rows(read_records(source, header, start, one_line=header.names), reading)


@contextmanager
def _client_pool(
    options: ImportOptions, salt: str, run_id: str | None, on_replay: Callable[[], object]
) -> Iterator[SendChunk]:
    """Yield a function that sends a chunk with one of as many clients as chunks may run at the same time.

    *on_replay* is called when an earlier run had sent a chunk.
    """
    with open_clients(CONNECTIONS, options.new_client) as lend_client:

        def send(chunk: ProfileChunk) -> Sequence[Result]:
            with lend_client() as client:
                response = _send(client, chunk, options, salt, run_id)
                if REPLAYED in response.headers and response.attempts == 1:
                    on_replay()
                return list(response.body)

        yield send


def _send(client: Client, chunk: ProfileChunk, options: ImportOptions, salt: str, run_id: str | None) -> Response:
    """Return the response to the lines of *chunk* that can be sent. Its body has a result for each of them."""
    on_conflict = options.on_conflict or SKIP
    query = {"on_conflict": on_conflict, "dry_run": str(options.dry_run).lower()}
    # A dry run stores no response for its key, which makes it one transaction too.
    headers = {"Idempotency-Key": chunk_key(salt, on_conflict, chunk), **header_of(run_id)}
    response = require_status(post_once(client, PATH, body=chunk.body, query=query, headers=headers), HTTPStatus.OK)
    results: Any = response.body
    if not isinstance(results, list) or [each.get("line") for each in results] != list(range(1, len(chunk.sent) + 1)):
        raise Refused(
            f"The response of {client.base_url} has no result for some of the lines {chunk.lines[0].line} to"
            f" {chunk.lines[-1].line}. Run the same command again."
        )
    return response


def _report_replay_once(checkpoint: Checkpoint, report: Callable[[str], object]) -> Callable[[], None]:
    """Return a function that reports, at its first call, that another run sent this file before."""
    # A run that resumes repeats what it had sent last.
    due = not checkpoint.resumed

    def on_replay() -> None:
        nonlocal due
        if due:
            report(
                "This file was sent before, and Mergelane returns the results of that run. To import the file once"
                " more, add --again."
            )
        due = False

    return on_replay
