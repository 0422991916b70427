"""The file that a run reads: which form it has, and what tells whether it is still the same."""

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

from cli.bulk.errors import UnfitFile

T = TypeVar("T")

#: The name that stands for standard input.
STDIN = "-"
#: Bytes that are read at once to learn what is in a file.
BLOCK = 1 << 20


class Form(StrEnum):
    """How a file is written."""

    CSV = "csv"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file as it was when the run began."""

    name: str
    file: IO[bytes]
    form: Form
    #: SHA-256 of its content, in hexadecimal digits.
    digest: str
    #: Lines in it, the last counted even if it is not ended.
    lines: int
    #: Size and time of change; what cannot be read without being noticed.
    stamp: tuple[int, int]

    def check_unchanged(self) -> None:
        """Raise UnfitFile when the file has changed since the run began."""
        if _stamp(self.file) != self.stamp:
            raise UnfitFile(
                f"{self.name} has changed while it was read. What was read so far has its outcomes; put the file back"
                " as it was and run the command again to go on."
            )


def unchanged(source: Source, given: Iterable[T]) -> Iterator[T]:
    """Yield what is *given* from *source* as long as that is what it was; then raise UnfitFile."""
    for each in given:
        source.check_unchanged()
        yield each


def form_of(name: str, given: Form | None) -> Form:
    """Return the form that was *given* or that the ending of *name* tells; raise UnfitFile when neither does."""
    if given is not None:
        return given
    ending = Path(name).suffix.lower().removeprefix(".")
    if ending in {"jsonl", "ndjson"}:
        return Form.JSONL
    if ending == Form.CSV:
        return Form.CSV
    raise UnfitFile(f"The name {name!r} does not tell its form: end it in .csv or .jsonl, or say which by --format.")


@contextmanager
def open_source(name: str, form: Form, *, spool: Path) -> Iterator[Source]:
    """Lend the file *name*; standard input is copied first, into a file without a name in the folder *spool*."""
    with _opened(name, spool) as file:
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
def _opened(name: str, spool: Path) -> Iterator[IO[bytes]]:
    """Lend a file that can be read from any place."""
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
    """Return what tells whether *file* has changed."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns
