"""The input file of a run: its format, and the check that it does not change while it is read."""

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, TypeVar

from app.errors import MergelaneError

T = TypeVar("T")

#: The file name that means standard input, or standard output.
STDIN = "-"
#: Bytes that are read at once.
BLOCK = 1 << 20


class FileError(MergelaneError):
    """A file of a run cannot be used; the message names the file and the remedy."""


class FileFormat(StrEnum):
    """The format of an input or output file."""

    CSV = "csv"
    JSONL = "jsonl"


class UnansweredPolicy(StrEnum):
    """What an import does with lines that were sent without a response and would count twice if sent again."""

    STOP = "stop"
    SEND = "send"
    SKIP = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An open input file, and its content when the run started."""

    name: str
    file: IO[bytes]
    form: FileFormat
    #: SHA-256 of the content, in hexadecimal digits.
    digest: str
    #: Number of lines, including a last line without a line feed.
    lines: int
    #: Size and modification time.
    stamp: tuple[int, int]

    def check_unchanged(self) -> None:
        """Raise FileError when the file has changed since the run started."""
        if _stamp(self.file) != self.stamp:
            raise FileError(
                f"{self.name} changed while it was read. The lines read so far have their outcomes. Restore the file"
                " and run the command again to resume."
            )


def stop_on_change(source: Source, items: Iterable[T]) -> Iterator[T]:
    """Yield *items*, which are read from *source*; raise FileError as soon as the file has changed."""
    for item in items:
        source.check_unchanged()
        yield item


def detect_format(name: str, given: FileFormat | None) -> FileFormat:
    """Return *given*, else the format of the file extension of *name*; raise FileError when neither is known."""
    if given is not None:
        return given
    extension = Path(name).suffix.lower().removeprefix(".")
    if extension in {"jsonl", "ndjson"}:
        return FileFormat.JSONL
    if extension == FileFormat.CSV:
        return FileFormat.CSV
    raise FileError(f"The format of {name!r} is unknown. Use the extension .csv or .jsonl, or add --format.")


@contextmanager
def open_source(name: str, form: FileFormat, *, spool: Path) -> Iterator[Source]:
    """Open the file *name*; standard input is first copied to an unnamed file in the folder *spool*."""
    with _open_seekable(name, spool) as file:
        digest, lines = hashlib.sha256(), 0
        last = b"\n"
        while block := file.read(BLOCK):
            digest.update(block)
            lines += block.count(b"\n")
            last = block[-1:]
        yield Source(
            name="standard input" if name == STDIN else name,
            file=file,
            form=form,
            digest=digest.hexdigest(),
            lines=lines + (last != b"\n"),
            stamp=_stamp(file),
        )


@contextmanager
def _open_seekable(name: str, spool: Path) -> Iterator[IO[bytes]]:
    if name != STDIN:
        with Path(name).open("rb") as file:
            yield file
        return
    with tempfile.TemporaryFile(dir=spool) as copy:
        while block := sys.stdin.buffer.read(BLOCK):
            copy.write(block)
        copy.seek(0)
        yield copy


def _stamp(file: IO[bytes]) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns
