"""How far a run has come, kept beside the file that it writes, so that it goes on after any interruption.

The state is written in one piece after what it speaks of: whatever the file has beyond it was not yet settled, and is
cut off when the run goes on.
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

from cli.bulk.errors import UnfitFile

ENDING = ".state"
#: The task that tells what a merge would do, and does nothing.
REHEARSAL = "preview"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How far a run has come."""

    #: What the run does: merge, preview, import or export.
    task: str
    #: What it reads: the SHA-256 of a file; of an export, what was asked for.
    source: str
    #: Makes the idempotency keys of a run that is to begin anew others than those of the run before; else empty.
    salt: str = ""
    #: Bytes and lines of the source that are settled.
    offset: int = 0
    lines: int = 0
    #: Where the next page of an export begins.
    cursor: str | None = None
    #: Bytes of the written file that are settled.
    written: int = 0
    #: Settled records by what became of them.
    counts: Mapping[str, int] = field(default_factory=dict)
    #: Accepted batches that are not settled, by the line on which each begins.
    on_way: Mapping[str, str] = field(default_factory=dict)
    #: A batch that the key's workspace must know.
    known_batch: str | None = None
    #: The first and last line of a chunk that was sent and not answered.
    unanswered: tuple[int, int] | None = None
    saved_at: str = ""
    finished: bool = False


class Journal:
    """The file that a run writes, and its state; *resumed* tells whether an earlier process had begun the run."""

    def __init__(self, output: Path, file: IO[bytes], state: State, *, resumed: bool) -> None:
        self.output = output
        self.state = state
        self.resumed = resumed
        self._file = file

    @property
    def path(self) -> Path:
        """Where the state lies."""
        return path_of(self.output)

    def write(self, data: bytes) -> int:
        """Add *data* to the file and return the bytes it has then; they count once a state that says so is saved."""
        self._file.write(data)
        return self._file.tell()

    def save(self, **changes: Any) -> None:
        """Make durable what was written, then the state with *changes*."""
        self._file.flush()
        if "written" in changes:
            os.fsync(self._file.fileno())
        self.state = replace(self.state, **changes, saved_at=datetime.now(UTC).isoformat(timespec="seconds"))
        keep(self.path, orjson.dumps(self.state))


def path_of(output: Path) -> Path:
    """Return where the state of the run lies that writes *output*."""
    return output.with_name(output.name + ENDING)


@contextmanager
def open_journal(output: Path, fresh: State, *, again: bool) -> Iterator[Journal]:
    """Lend the journal of the run that writes *output*: at the state it was left in, or *fresh*.

    *again* begins anew, whatever was left; so does a rehearsal that had come to its end. Raises UnfitFile when what was
    left belongs to another run, or when another process is at it.
    """
    left = None if again else _left(output)
    if left is not None and _spent(left, fresh):
        left, again = None, True
    if left is not None:
        _check_same(output, left, fresh)
    elif not again and output.exists() and output.stat().st_size:
        raise UnfitFile(f"{output} exists, and no run left it: name another file, or give --again to write it anew.")
    with output.open("r+b" if output.exists() else "w+b") as file:
        _hold(file, output)
        journal = Journal(output, file, left or fresh, resumed=left is not None)
        if left is None:
            journal.save()
        size = file.seek(0, os.SEEK_END)
        if size < journal.state.written:
            raise UnfitFile(f"{output} is shorter than the run left it; give --again to begin anew.")
        file.truncate(journal.state.written)
        file.seek(journal.state.written)
        yield journal


def keep(path: Path, data: bytes) -> None:
    """Write *data* to *path* so that after a crash of the machine it holds either this or what it held before."""
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


def _left(output: Path) -> State | None:
    """Return the state that a run left beside *output*, or None."""
    path = path_of(output)
    if not path.exists():
        return None
    try:
        return State(**orjson.loads(path.read_bytes()))
    except (orjson.JSONDecodeError, TypeError):
        raise UnfitFile(f"{path} cannot be read as the state of a run; give --again to begin anew.") from None


def _spent(left: State, fresh: State) -> bool:
    """Tell whether what was *left* is a rehearsal at its end: it told of a moment that is past, so another begins."""
    return left.finished and left.task == fresh.task == REHEARSAL


def _check_same(output: Path, left: State, fresh: State) -> None:
    """Raise UnfitFile unless the run that was *left* did what the *fresh* one is to do, with the same source."""
    if left.task != fresh.task:
        raise UnfitFile(f"{output} was begun by another kind of run ({left.task}); name another file.")
    if left.source != fresh.source:
        raise UnfitFile(
            f"What is to be read is not what it was when {output} was begun: it has changed. Put it back as it was to"
            " go on, name another file, or give --again to begin anew."
        )


def _hold(file: IO[bytes], output: Path) -> None:
    """Hold *file* for this process alone until it is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UnfitFile(f"Another process is at work on {output}; let it end, or name another file.") from None
