"""The input file of a run: opened, copied where that is needed, checked, and watched for changes."""

import codecs
import fcntl
import hashlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from cli.bulk.files import STDIN, FileError, FileFormat
from cli.bulk.reading.archives import FolderFiles, ZipFiles, format_of_names, is_zip, join_files
from cli.bulk.reading.blocks import (
    BLOCK,
    GZIP,
    LineCounter,
    beginning,
    check_is_text,
    copy_blocks,
    decode,
    decompress,
    read_blocks,
    read_pipe,
    with_end,
)
from cli.bulk.reading.encodings import SAMPLE, UTF_8, check_encoding, find_unmarked, refuse_encoding, refuse_line

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An open input file in UTF-8, and its content when the run started."""

    name: str
    file: IO[bytes]
    form: FileFormat
    #: SHA-256 of the content in UTF-8, decompressed, in hexadecimal digits.
    digest: str
    #: Number of lines, including a last line without an end.
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


@contextmanager
def lock_source(source: Source) -> Iterator[None]:
    """Lock the file of *source*, so that no other process imports it at the same time and counts its events twice.

    Raises FileError when another process does. A file system without locks is no obstacle.
    """
    try:
        fcntl.flock(source.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FileError(f"Another process imports {source.name}. Wait until it ends.") from None
    except OSError:
        yield
        return
    try:
        yield
    finally:
        fcntl.flock(source.file, fcntl.LOCK_UN)


def stop_on_change(source: Source, items: Iterable[T]) -> Iterator[T]:
    """Yield *items*, which are read from *source*; raise FileError as soon as the file has changed."""
    for item in items:
        source.check_unchanged()
        yield item


@contextmanager
def open_source(
    name: str, form: FileFormat | None, *, spool: Path, encoding: str = UTF_8, archives: bool = False
) -> Iterator[Source]:
    """Open the file *name* as text in UTF-8.

    A pipe, a compressed file, or one in another *encoding*, is first copied to an unnamed file in the folder *spool*.
    With *archives*, so are the files in a ZIP archive or a folder, joined; *form* None is then the format of these
    files. Raises FileError when the file cannot be read, or is not in *encoding*.
    """
    called = _called(name)
    known = check_encoding(encoding)
    target = UTF_8 if known in {UTF_8, "utf-8-sig"} else encoding
    with ExitStack() as stack:
        if archives and Path(name).is_dir():
            found = FolderFiles(Path(name))
            file = stack.enter_context(copy_blocks(join_files(found, called, target), spool))
            form = form or format_of_names(found.names)
        else:
            file, form = _open_file(stack, name, form, spool=spool, encoding=target, archives=archives)
        digest, lines = _examine(file, called)
        yield Source(name=called, file=file, form=form, digest=digest, lines=lines, stamp=_stamp(file))


def _open_file(
    stack: ExitStack, name: str, form: FileFormat | None, *, spool: Path, encoding: str, archives: bool
) -> tuple[IO[bytes], FileFormat]:
    """Return the file *name* as text in UTF-8, and its format; *stack* closes it."""
    called = _called(name)
    file = stack.enter_context(_open(name))
    # Standard input may be a file that a shell has read in part.
    if name == STDIN or not _is_regular(file):
        file = stack.enter_context(copy_blocks(read_pipe(file, called), spool))
    if beginning(file).startswith(GZIP):
        file = stack.enter_context(copy_blocks(decompress(file, called), spool))
    if archives and is_zip(beginning(file)):
        found = ZipFiles(file, called)
        joined = stack.enter_context(copy_blocks(join_files(found, called, encoding), spool))
        return joined, form or format_of_names(found.names)
    check_is_text(beginning(file), called)
    if encoding != UTF_8:
        file = stack.enter_context(copy_blocks(decode(read_blocks(file, called), called, encoding), spool))
    return file, form or FileFormat.JSONL


def _called(name: str) -> str:
    return "Standard input" if name == STDIN else name


@contextmanager
def _open(name: str) -> Iterator[IO[bytes]]:
    if name == STDIN:
        yield sys.stdin.buffer
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise FileError(f"{name} cannot be read: {error.strerror}.") from None
    with file:
        yield file


def _is_regular(file: IO[bytes]) -> bool:
    """Return whether *file* has a position to which one can return: it is no pipe."""
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except OSError:
        return False


def _examine(file: IO[bytes], name: str) -> tuple[str, int]:
    """Return digest and number of lines of *file*; raise FileError unless it is UTF-8."""
    digest, counter = hashlib.sha256(), LineCounter()
    decoder = codecs.getincrementaldecoder(UTF_8)()
    if encoding := find_unmarked(file.read(BLOCK)):
        raise refuse_encoding(name, encoding)
    file.seek(0)
    for block in with_end(read_blocks(file, name)):
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError:
            raise _find_bad_line(file, name) from None
        digest.update(block)
        if block:
            counter.add(block)
    file.seek(0)
    return digest.hexdigest(), counter.lines


def _find_bad_line(file: IO[bytes], name: str) -> FileError:
    """Return the error for *file*, which is not UTF-8."""
    file.seek(0)
    first, sample = 0, b""
    for number, line in enumerate(_short_lines(file), start=1):
        try:
            line.decode()
        except UnicodeDecodeError:
            first = first or number
            sample += line
        if len(sample) > SAMPLE:
            break
    return refuse_line(name, first, sample)


def _short_lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of *file*, whatever their ends; what is longer than a block comes in parts."""
    while line := file.readline(BLOCK):
        yield from line.splitlines(keepends=True)


def _stamp(file: IO[bytes]) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns
