"""Sends the chunks of a file of whole profiles over several connections and reports refused lines in their order.

A chunk starts only when no running chunk has an identifier of it, so lines for one profile take effect in their order.
"""

import hashlib
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import orjson

from app.text_files.json_lines import parse_json_line
from cli.bulk.import_lines import ARRAY, TEXT
from cli.bulk.import_run import REFUSED, SKIPPED, WARNING
from cli.bulk.outputs.checkpoint import Checkpoint
from cli.bulk.profile_lines import ProfileChunk, ProfileLine
from cli.bulk.recognition import PROFILES
from schemas.json_values import InvalidJson, dump_printable

#: Requests at the same time; a web process takes as many imports of one workspace.
CONNECTIONS = 2
#: Chunks in memory, running or waiting to be written.
WINDOW = 2 * CONNECTIONS
#: The results of a response, beside REFUSED. SKIPPED: the profile exists and stays as it is.
CREATED, FILLED, REPLACED = "created", "filled", "replaced"

#: One line of a response: `result` and `reasons`.
Result = Mapping[str, Any]
#: Sends a chunk. Runs in threads.
SendChunk = Callable[[ProfileChunk], Sequence[Result]]


@dataclass(frozen=True, slots=True)
class ChunkFailure:
    """A chunk could not be sent."""

    error: BaseException


@dataclass(kw_only=True)
class PendingProfiles:
    """A chunk from its start until its results are written."""

    chunk: ProfileChunk
    results: Sequence[Result] | None = None


class ProfileRun:
    """Sends the chunks of a file. *on_progress* receives the number of finished lines and their counts by result."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        send: SendChunk,
        *,
        on_progress: Callable[[int, Mapping[str, int]], object],
    ) -> None:
        self._checkpoint = checkpoint
        self._send = send
        self._on_progress = on_progress
        self._pending: deque[PendingProfiles] = deque()
        self._events: SimpleQueue[tuple[PendingProfiles, Sequence[Result] | ChunkFailure]] = SimpleQueue()

    def run(self, chunks: Iterable[ProfileChunk]) -> None:
        """Send all *chunks*; raises the error of the first one that fails, after those before it are written."""
        for chunk in chunks:
            while not self._can_start(chunk):
                self._handle_event()
            self._start(chunk)
        while self._pending:
            self._handle_event()
        self._checkpoint.save(finished=True)

    def _can_start(self, chunk: ProfileChunk) -> bool:
        running = [pending.chunk for pending in self._pending if pending.results is None]
        return (
            len(running) < CONNECTIONS
            and len(self._pending) < WINDOW
            and all(chunk.sharing_keys.isdisjoint(other.sharing_keys) for other in running)
        )

    def _start(self, chunk: ProfileChunk) -> None:
        pending = PendingProfiles(chunk=chunk)
        self._pending.append(pending)
        if chunk.sent:
            # A daemon thread ends with the process after Ctrl-C. Its request is repeated by the next run.
            threading.Thread(target=self._run_thread, args=(pending,), daemon=True).start()
        else:
            self._events.put((pending, []))

    def _run_thread(self, pending: PendingProfiles) -> None:
        try:
            self._events.put((pending, self._send(pending.chunk)))
        except BaseException as error:  # noqa: BLE001  the main thread raises it
            self._events.put((pending, ChunkFailure(error)))

    def _handle_event(self) -> None:
        """Wait for the next result; write the chunks that are finished before all others."""
        pending, event = self._events.get()
        if isinstance(event, ChunkFailure):
            raise event.error
        pending.results = event
        while self._pending and (results := self._pending[0].results) is not None:
            self._finish(self._pending.popleft().chunk, results)

    def _finish(self, chunk: ProfileChunk, results: Sequence[Result]) -> None:
        """Write the remarks on *chunk* to the report, and save the checkpoint."""
        counts = Counter(self._checkpoint.state.counts)
        remarks: list[dict[str, Any]] = []
        for line, result in _with_results(chunk, results):
            counts[result["result"]] += 1
            if result["result"] == REFUSED:
                remarks.append(_remark(line, REFUSED, result["reasons"]))
            elif result["reasons"] and result["result"] != SKIPPED:
                counts[WARNING] += 1
                remarks.append(_remark(line, WARNING, result["reasons"]))
        written = self._checkpoint.write(
            b"".join(dump_printable(remark, option=orjson.OPT_APPEND_NEWLINE) for remark in remarks)
        )
        self._checkpoint.save(offset=chunk.end.offset, lines=chunk.end.lines, written=written, counts=dict(counts))
        self._on_progress(chunk.end.lines, counts)


def chunk_key(source: str, on_conflict: str, chunk: ProfileChunk) -> str:
    """Return the key of the request for *chunk*. *source* identifies the file and, with --again, the run."""
    content = f"{source} {on_conflict} {chunk.lines[0].line} {chunk.end.offset}"
    return f"import-{hashlib.sha256(content.encode()).hexdigest()[:40]}"


def _with_results(chunk: ProfileChunk, results: Sequence[Result]) -> Iterator[tuple[ProfileLine, Result]]:
    """Yield each line of *chunk* with its result; *results* has those of the lines that were sent."""
    sent = iter(results)
    for line in chunk.lines:
        yield line, next(sent) if line.fault is None else {"result": REFUSED, "reasons": [line.fault]}


def _remark(line: ProfileLine, result: str, reasons: Sequence[str]) -> dict[str, Any]:
    """Return the line of the report on *line*: with the profile, or with the text when it is none."""
    remark: dict[str, Any] = {"line": line.line, "result": result, "reason": " ".join(reasons)}
    if line.data:
        try:
            return {**remark, PROFILES: parse_json_line(line.data)}
        except InvalidJson:
            return {**remark, TEXT: line.data.decode(errors="replace"), ARRAY: PROFILES}
    return remark if line.text is None else {**remark, TEXT: line.text, ARRAY: PROFILES, **line.reading}
