"""The checkpoint of a run: its progress, saved beside its output file, so that the run resumes after an interruption.

The output is made durable first, then the state that counts it. Whatever the output has beyond the state is not
finished, and is cut off when the run resumes. A lock on the output file is taken before the state is read, so two
processes never resume one run.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import orjson

from cli.bulk.files import FileError, write_all
from cli.bulk.outputs.output_file import SUFFIX, Writer, is_stream, open_locked, open_stream, writing

#: The task of a dry run.
PREVIEW = "preview"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointState:
    """The progress of a run."""

    #: merge, preview, export, changes, ids, or import as ARRAY.
    task: str
    #: The input: the SHA-256 of a file; for an export its URL, format and fields.
    source: str
    #: Random with --again, so that its idempotency keys differ from those of earlier runs; else empty.
    salt: str = ""
    #: Finished bytes and lines of the input.
    offset: int = 0
    lines: int = 0
    #: The next page of an export.
    cursor: str | None = None
    #: The place in the identity feed where an export of survivors began.
    feed_cursor: str | None = None
    #: Finished bytes of the output.
    written: int = 0
    #: Finished lines by outcome.
    counts: Mapping[str, int] = field(default_factory=dict)
    #: Accepted batches without all outcomes, by the first line of their chunk.
    open_batches: Mapping[str, str] = field(default_factory=dict)
    #: A batch that belongs to the workspace of the run.
    known_batch: str | None = None
    #: The run of the API that its batches join; None if the key may not create one.
    run_id: str | None = None
    #: First and last line of a chunk that was sent without a response.
    unanswered: tuple[int, int] | None = None
    saved_at: str = ""
    finished: bool = False


class Checkpoint:
    """The output of a run and its state; *resumed*: an earlier process started the run.

    Without a *path* for the state it is kept in memory: the output is a stream, and the run cannot resume.
    """

    def __init__(
        self, output: Path, writer: Writer, state: CheckpointState, *, resumed: bool, path: Path | None
    ) -> None:
        self.output = output
        self.state = state
        self.resumed = resumed
        self._writer = writer
        self._path = path

    def write(self, data: bytes) -> int:
        """Append *data* to the output and return its size; it counts once `save` stores that size as `written`."""
        return self._writer.write(data)

    def save(self, **changes: Any) -> None:
        """Make the output durable, then store the state with *changes*."""
        if "written" in changes:
            self._writer.sync()
        state = replace(self.state, **changes, saved_at=datetime.now(UTC).isoformat(timespec="seconds"))
        if self._path is not None:
            write_atomically(self._path, orjson.dumps(state))
        self.state = state


def checkpoint_path(output: Path) -> Path:
    """Return the path of the state of the run that writes *output*."""
    return output.with_name(output.name + SUFFIX)


@contextmanager
def open_checkpoint(
    output: Path, fresh: CheckpointState, *, again: bool, source: IO[bytes] | None = None
) -> Iterator[Checkpoint]:
    """Lock *output* and open the checkpoint of its run: the state of an earlier process, or *fresh*.

    *again* ignores an earlier state; so does a dry run that had finished. Raises FileError when *output* cannot be
    written or is the input file *source*, when another process has the lock, when the earlier state belongs to another
    run, or when *output* has content without a state.
    """
    if is_stream(output):
        with open_stream(output) as stream:
            yield Checkpoint(output, stream, fresh, resumed=False, path=None)
        return
    with open_locked(output, source=source) as file:
        state = None if again else _resumable_state(output, fresh, size=file.size)
        checkpoint = Checkpoint(output, file, state or fresh, resumed=state is not None, path=checkpoint_path(output))
        if state is None:
            checkpoint.save()
        file.truncate(checkpoint.state.written)
        yield checkpoint


def write_atomically(path: Path, data: bytes) -> None:
    """Write *data* to *path*; after a crash of the machine the file has either this content or the previous one.

    Raises FileError when that fails, for example on a full disk; then *path* has its previous content.
    """
    draft = path.with_name(path.name + ".new")
    try:
        with writing(path):
            _replace(path, draft, data)
    except FileError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def _replace(path: Path, draft: Path, data: bytes) -> None:
    with draft.open("wb", buffering=0) as file:
        write_all(file, data)
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _resumable_state(output: Path, fresh: CheckpointState, *, size: int) -> CheckpointState | None:
    """Return the state of an earlier process, None when the run starts now. The caller holds the lock."""
    state = _read_state(output)
    # A dry run that finished describes the past, so another one starts over.
    if state is not None and state.finished and state.task == fresh.task == PREVIEW:
        return None
    # A run that has done nothing binds to nothing: a corrected file is accepted at once.
    if state is not None and (state.task, state.source) != (fresh.task, fresh.source) and _has_done_nothing(state):
        return None
    if state is None:
        if size:
            raise FileError(
                f"{output} exists and belongs to no run. Name another file, or add --again to overwrite it."
            )
        return None
    if state.task != fresh.task:
        raise FileError(f"{output} belongs to a run of another kind ({state.task}). Name another file.")
    if state.source != fresh.source:
        raise FileError(
            f"The input of {output} changed since this run started. Restore it to continue, name another output file,"
            " or add --again to start over."
        )
    if size < state.written:
        raise FileError(f"{output} is shorter than its checkpoint says. Add --again to start over.")
    return state


def _has_done_nothing(state: CheckpointState) -> bool:
    return not (state.lines or state.written or state.unanswered or state.open_batches or state.finished)


def _read_state(output: Path) -> CheckpointState | None:
    path = checkpoint_path(output)
    if not path.exists():
        return None
    try:
        return CheckpointState(**orjson.loads(path.read_bytes()))
    except (orjson.JSONDecodeError, TypeError):
        raise FileError(f"The checkpoint {path} cannot be read. Add --again to start over.") from None
