"""The output file of a run: opened once, locked, written without a buffer; or a stream such as standard output."""

import fcntl
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from cli.bulk.files import FileError, is_stdout, write_all

#: Written beside an output file.
SUFFIX = ".state"


class Writer(Protocol):
    """Where the lines of a run are written."""

    def write(self, data: bytes) -> int:
        """Write *data* and return the size of the output."""

    def sync(self) -> None:
        """Make all that was written durable."""


class OutputFile:
    """An open file that this process has locked. Nothing is buffered, so closing it writes nothing."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path = path
        self._file = file

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return os.fstat(self._file.fileno()).st_size

    def write(self, data: bytes) -> int:
        """Append *data* and return the size of the file; raise FileError when that fails, as on a full disk."""
        with writing(self.path):
            write_all(self._file, data)
            return self._file.tell()

    def sync(self) -> None:
        """Make the content durable."""
        with writing(self.path):
            os.fsync(self._file.fileno())

    def truncate(self, size: int) -> None:
        """Cut the file to *size* bytes and write from there on."""
        with writing(self.path):
            self._file.truncate(size)
            self._file.seek(size)


class OutputStream:
    """Standard output, a pipe or another output that cannot be read again: a run that writes it cannot resume."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path = path
        self._file = file
        self._size = 0

    def write(self, data: bytes) -> int:
        """Write *data* at once and return the bytes written so far."""
        with writing(self.path):
            write_all(self._file, data)
            self._file.flush()
        self._size += len(data)
        return self._size

    def sync(self) -> None:
        """Do nothing: a stream keeps nothing."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise FileError for an OSError; it names *path* and says how to continue."""
    try:
        yield
    except BrokenPipeError:
        # The reader of the output has ended, as `head` does: the command ends without a message.
        raise
    except OSError as error:
        raise FileError(
            f"{_called(path)} cannot be written: {error.strerror}. Correct that, then run the same command again."
        ) from None


def is_stream(path: Path) -> bool:
    """Return whether *path* names standard output, or something that is neither a regular file nor missing."""
    if is_stdout(path) or path.is_relative_to("/dev/fd"):
        return True
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def spool_folder(path: Path) -> Path:
    """Return the folder for copies of the input of a run that writes *path*: beside it, where space was planned for."""
    return Path(tempfile.gettempdir()) if is_stream(path) else path.parent


@contextmanager
def open_stream(path: Path) -> Iterator[OutputStream]:
    """Open the stream *path*; raise FileError for a folder."""
    if is_stdout(path):
        yield OutputStream(path, sys.stdout.buffer)
        return
    with writing(path):
        # Append: a descriptor of a shell may be a file with content.
        file = path.open("ab", buffering=0)
    with file:
        yield OutputStream(path, file)


@contextmanager
def open_locked(path: Path, *, source: IO[bytes] | None) -> Iterator[OutputFile]:
    """Open *path*, which need not exist, and lock it for this process.

    Raises FileError when it cannot be opened, is the input file *source*, or is locked by another process.
    """
    with writing(path):
        file = path.open("a+b", buffering=0)
    with file:
        _check_not_source(path, file, source)
        _lock(file, path)
        yield OutputFile(path, file)


def _check_not_source(path: Path, file: IO[bytes], source: IO[bytes] | None) -> None:
    """Raise FileError when the run would write over its input."""
    if source is None:
        return
    input_status = os.fstat(source.fileno())
    state = path.with_name(path.name + SUFFIX)
    if os.path.samestat(input_status, os.fstat(file.fileno())) or (
        state.exists() and os.path.samestat(input_status, state.stat())
    ):
        raise FileError(f"{path} is the input file, or its checkpoint would be. Name another output file.")


def _lock(file: IO[bytes], path: Path) -> None:
    """Lock *file* until it is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FileError(f"Another process writes {path}. Wait until it ends, or name another output file.") from None
    except OSError as error:
        raise FileError(f"{path} cannot be locked: {error.strerror}. Name an output file on another disk.") from None


def _called(path: Path) -> str:
    return "Standard output" if is_stdout(path) else str(path)
