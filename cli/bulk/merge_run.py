"""Processes the chunks of a merge file concurrently and writes their outcomes in the order of the file.

A chunk starts only when no running chunk has an identifier of it. So pairs that share an identifier are merged in the
order of the file, as within one batch.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from app.text_files.merge_pairs import FilePair
from cli.bulk.files import FileFormat
from cli.bulk.merge_batches import AcceptedBatch, OnAccepted, PairChunk
from cli.bulk.outputs.checkpoint import Checkpoint
from cli.bulk.outputs.outcome_file import INVALID, LineResult, format_header, format_results

#: Chunks in memory, running or waiting to be written, for each chunk that may run at the same time.
WINDOW = 4

#: Processes a chunk. Arguments: the chunk, its batch if it is known, and a function to call when it is accepted.
ProcessChunk = Callable[[PairChunk, str | None, OnAccepted], list[LineResult]]


@dataclass(frozen=True, slots=True)
class Failure:
    """A chunk could not be processed."""

    error: BaseException


@dataclass(kw_only=True)
class PendingChunk:
    """A chunk from its start until its outcomes are written."""

    chunk: PairChunk
    batch_id: str | None = None
    results: list[LineResult] | None = None


Event = tuple[PendingChunk, AcceptedBatch | list[LineResult] | Failure]


class MergeRun:
    """Processes the chunks of a merge file, at most *concurrency* at the same time.

    *process* runs in threads. *on_progress* receives the number of finished lines and their counts; *on_replay* is
    called when an earlier run had sent a batch.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        form: FileFormat,
        process: ProcessChunk,
        *,
        concurrency: int,
        on_progress: Callable[[int, Mapping[str, int]], object],
        on_replay: Callable[[], object],
    ) -> None:
        self._checkpoint = checkpoint
        self._form = form
        self._process = process
        self._concurrency = concurrency
        self._on_progress = on_progress
        self._on_replay = on_replay
        self._known = dict(checkpoint.state.open_batches)
        self._last = checkpoint.state.known_batch
        self._pending: deque[PendingChunk] = deque()
        self._events: SimpleQueue[Event] = SimpleQueue()

    def run(self, chunks: Iterable[PairChunk]) -> None:
        """Process all *chunks*; raises the error of the first one that fails, after those before it are written."""
        if not self._checkpoint.state.written:
            self._checkpoint.write(format_header(self._form))
        for chunk in chunks:
            while not self._can_start(chunk):
                self._handle_events()
            self._start(chunk)
        while self._pending:
            self._handle_events()
        self._checkpoint.save(finished=True, written=self._checkpoint.write(b""))

    def _can_start(self, chunk: PairChunk) -> bool:
        running = [pending.chunk for pending in self._pending if pending.results is None]
        return (
            len(running) < self._concurrency
            and len(self._pending) < self._concurrency * WINDOW
            and all(chunk.sharing_keys.isdisjoint(other.sharing_keys) for other in running)
        )

    def _start(self, chunk: PairChunk) -> None:
        """Start a thread for *chunk*; a chunk without a valid pair is finished at once."""
        pending = PendingChunk(chunk=chunk, batch_id=self._known.pop(str(chunk.line), None))
        self._pending.append(pending)
        if chunk.valid:
            # A daemon thread ends with the process after Ctrl-C. Its request is repeated by the next run.
            threading.Thread(target=self._run_thread, args=(pending,), daemon=True).start()
        else:
            self._events.put((pending, []))

    def _run_thread(self, pending: PendingChunk) -> None:
        try:
            results = self._process(
                pending.chunk, pending.batch_id, lambda accepted: self._events.put((pending, accepted))
            )
        except BaseException as error:  # noqa: BLE001  the main thread raises it
            self._events.put((pending, Failure(error)))
        else:
            self._events.put((pending, results))

    def _handle_events(self) -> None:
        """Wait for an event, handle all that are there, and save the checkpoint."""
        self._handle(*self._events.get())
        while not self._events.empty():
            self._handle(*self._events.get())
        self._write_finished()

    def _handle(self, pending: PendingChunk, event: AcceptedBatch | list[LineResult] | Failure) -> None:
        match event:
            case Failure(error):
                self._write_finished()
                raise error
            case AcceptedBatch():
                pending.batch_id = self._last = event.batch_id
                if event.replayed:
                    self._on_replay()
            case list():
                pending.results = event

    def _write_finished(self) -> None:
        """Write the outcomes of the finished chunks at the head of the queue, and save the checkpoint."""
        counts, end = dict(self._checkpoint.state.counts), None
        while self._pending and self._pending[0].results is not None:
            pending = self._pending.popleft()
            rows = _pair_results(pending.chunk, pending.results or ())
            self._checkpoint.write(format_results(rows, self._form))
            for _, result in rows:
                counts[result.outcome] = counts.get(result.outcome, 0) + 1
            end = pending.chunk.end
        opened = {str(pending.chunk.line): pending.batch_id for pending in self._pending if pending.batch_id}
        if end is None:
            self._checkpoint.save(open_batches=opened | self._known, known_batch=self._last)
            return
        self._checkpoint.save(
            open_batches=opened | self._known,
            known_batch=self._last,
            written=self._checkpoint.write(b""),
            counts=counts,
            offset=end.offset,
            lines=end.lines,
        )
        self._on_progress(end.lines, counts)


def _pair_results(chunk: PairChunk, results: Sequence[LineResult]) -> list[tuple[FilePair, LineResult]]:
    """Return each pair of *chunk* with its result; *results* has those of the valid pairs."""
    valid = iter(results)
    return [
        (pair, next(valid) if pair.fault is None else LineResult(outcome=INVALID, reason=pair.fault))
        for pair in chunk.pairs
    ]
