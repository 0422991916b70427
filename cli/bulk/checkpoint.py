"""The checkpoint of a run: its progress, saved beside its output file, so that the run resumes after an interruption.

The output is made durable first, then the state that counts it. Whatever the output has beyond the state is not
finished, and is cut off when the run resumes. A lock on the output file is taken before the state is read, so two
processes never resume one run.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import orjson

from cli.bulk.files import FileError

SUFFIX = ".state"
#: The task of a dry run.
PREVIEW = "preview"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointState:
    """The progress of a run."""

    #: merge, preview, export, or import as ARRAY.
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
    #: Finished bytes of the output.
    written: int = 0
    #: Finished lines by outcome.
    counts: Mapping[str, int] = field(default_factory=dict)
    #: Accepted batches without all outcomes, by the first line of their chunk.
    open_batches: Mapping[str, str] = field(default_factory=dict)
    #: A batch that belongs to the workspace of the run.
    known_batch: str | None = None
    #: First and last line of a chunk that was sent without a response.
    unanswered: tuple[int, int] | None = None
    saved_at: str = ""
    finished: bool = False


class Checkpoint:
    """The output file of a run and its state; *resumed*: an earlier process started the run."""

    def __init__(self, output: Path, file: IO[bytes], state: CheckpointState, *, resumed: bool) -> None:
        self.output = output
        self.state = state
        self.resumed = resumed
        self._file = file

    def write(self, data: bytes) -> int:
        """Append *data* to the output and return its size; it counts once `save` stores that size as `written`."""
        self._file.write(data)
        return self._file.tell()

    def save(self, **changes: Any) -> None:
        """Make the output durable, then store the state with *changes*."""
        self._file.flush()
        if "written" in changes:
            os.fsync(self._file.fileno())
        self.state = replace(self.state, **changes, saved_at=datetime.now(UTC).isoformat(timespec="seconds"))
        write_atomically(checkpoint_path(self.output), orjson.dumps(self.state))


def checkpoint_path(output: Path) -> Path:
    """Return the path of the state of the run that writes *output*."""
    return output.with_name(output.name + SUFFIX)


@contextmanager
def open_checkpoint(output: Path, fresh: CheckpointState, *, again: bool) -> Iterator[Checkpoint]:
    """Lock *output* and open the checkpoint of its run: the state of an earlier process, or *fresh*.

    *again* ignores an earlier state; so does a dry run that had finished. Raises FileError when another process has the
    lock, when the earlier state belongs to another run, or when *output* has content without a state.
    """
    with output.open("a+b") as file:
        _lock(file, output)
        state = None if again else _resumable_state(output, fresh, size=file.seek(0, os.SEEK_END))
        checkpoint = Checkpoint(output, file, state or fresh, resumed=state is not None)
        if state is None:
            checkpoint.save()
        file.truncate(checkpoint.state.written)
        file.seek(0, os.SEEK_END)
        yield checkpoint


def write_atomically(path: Path, data: bytes) -> None:
    """Write *data* to *path*; after a crash of the machine the file has either this content or the previous one."""
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
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


def _read_state(output: Path) -> CheckpointState | None:
    path = checkpoint_path(output)
    if not path.exists():
        return None
    try:
        return CheckpointState(**orjson.loads(path.read_bytes()))
    except (orjson.JSONDecodeError, TypeError):
        raise FileError(f"The checkpoint {path} cannot be read. Add --again to start over.") from None


def _lock(file: IO[bytes], output: Path) -> None:
    """Lock *file* for this process until it is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FileError(f"Another process writes {output}. Wait until it ends, or name another output file.") from None
