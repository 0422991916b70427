"""The input file of a run: opened, copied where that is needed, checked, and watched for changes."""

import codecs
import fcntl
import gzip
import hashlib
import os
import select
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from cli.bulk.files import STDIN, FileError, FileFormat, write_all
from cli.bulk.reading.encodings import SAMPLE, UTF_8, check_encoding, find_unmarked, refuse_encoding, refuse_line

T = TypeVar("T")

#: Bytes that are read at once.
BLOCK = 1 << 20
#: Seconds after which the wait for a pipe looks for Ctrl-C.
STEP_S = 0.2
LONGEST_MARK = 8
GZIP = b"\x1f\x8b"
#: The beginnings of files that are no text, with the way out.
NO_TEXT = {
    b"PK\x03\x04": "is a ZIP archive or an Excel workbook. Unpack it, or save it as CSV in UTF-8.",
    b"\xd0\xcf\x11\xe0": "is an Excel workbook. Save it as CSV in UTF-8.",
    b"BZh": "is compressed with bzip2. Decompress it, or use gzip.",
    b"\xfd7zXZ": "is compressed with xz. Decompress it, or use gzip.",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd. Decompress it, or use gzip.",
    b"PAR1": "is a Parquet file. Export it as CSV or JSON Lines.",
}


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


class LineCounter:
    """Counts line ends of any kind in blocks."""

    def __init__(self) -> None:
        self.ended = 0
        self._last = b"\n"

    def add(self, block: bytes) -> None:
        """Count the line ends in *block*."""
        joined = self._last == b"\r" and block[:1] == b"\n"
        self.ended += block.count(b"\n") + block.count(b"\r") - block.count(b"\r\n") - joined
        self._last = block[-1:]

    @property
    def lines(self) -> int:
        """The number of lines, including one that has not ended."""
        return self.ended + (self._last not in {b"\n", b"\r"})


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
def open_source(name: str, form: FileFormat, *, spool: Path, encoding: str = UTF_8) -> Iterator[Source]:
    """Open the file *name* as text in UTF-8.

    A pipe, a compressed file, or one in another *encoding*, is first copied to an unnamed file in the folder *spool*.
    Raises FileError when the file cannot be read, or is not in *encoding*.
    """
    called = "Standard input" if name == STDIN else name
    with ExitStack() as stack:
        file = stack.enter_context(_open(name))
        # Standard input may be a file that a shell has read in part.
        if name == STDIN or not _is_regular(file):
            file = stack.enter_context(_copy(_pipe_blocks(file, called), spool))
        if _beginning(file).startswith(GZIP):
            file = stack.enter_context(_copy(_decompressed(file, called), spool))
        for beginning, sentence in NO_TEXT.items():
            if _beginning(file).startswith(beginning):
                raise FileError(f"{called} {sentence}")
        if check_encoding(encoding) not in {UTF_8, "utf-8-sig"}:
            file = stack.enter_context(_copy(_decoded(file, called, encoding), spool))
        digest, lines = _examine(file, called)
        yield Source(name=called, file=file, form=form, digest=digest, lines=lines, stamp=_stamp(file))


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


def _beginning(file: IO[bytes]) -> bytes:
    """Return the first bytes of *file*, and go back before them."""
    beginning = file.read(LONGEST_MARK)
    file.seek(0)
    return beginning


def _is_regular(file: IO[bytes]) -> bool:
    """Return whether *file* has a position to which one can return: it is no pipe."""
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except OSError:
        return False


def _blocks(file: IO[bytes], name: str) -> Iterator[bytes]:
    try:
        while block := file.read(BLOCK):
            yield block
    except OSError as error:
        raise FileError(f"{name} cannot be read: {error.strerror}.") from None


def _pipe_blocks(file: IO[bytes], name: str) -> Iterator[bytes]:
    """Yield what *file* has, as soon as it has it.

    It is awaited in short steps: a Ctrl-C between two lines of this function and a read would end the wait only when
    something can be read.
    """
    try:
        descriptor = file.fileno()
    except OSError:
        yield from _blocks(file, name)
        return
    try:
        block = b"-"
        while block:
            while not select.select([descriptor], [], [], STEP_S)[0]:
                pass
            block = os.read(descriptor, BLOCK)
            yield block
    except OSError as error:
        raise FileError(f"{name} cannot be read: {error.strerror}.") from None


def _decompressed(file: IO[bytes], name: str) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=file) as content:
            while block := content.read(BLOCK):
                yield block
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise FileError(f"{name} is not a complete gzip file. Create or copy it again.") from None


def _decoded(file: IO[bytes], name: str, encoding: str) -> Iterator[bytes]:
    """Yield the content of *file* in UTF-8."""
    decoder, counter = codecs.getincrementaldecoder(encoding)(), LineCounter()
    for block in _with_end(_blocks(file, name)):
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeError:
            raise FileError(
                f"{name} is not in {encoding}: see the lines from {counter.ended + 1} on. Leave out --encoding to see"
                " which encoding it seems to have."
            ) from None
        data = text.encode(errors="surrogatepass")
        if data:
            counter.add(data)
            yield data


def _with_end(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield *blocks*, then an empty one."""
    yield from blocks
    yield b""


def _copy(blocks: Iterable[bytes], folder: Path) -> IO[bytes]:
    """Return an unnamed file in *folder* with the content of *blocks*."""
    try:
        with ExitStack() as stack:
            # Without a buffer, because closing a buffer on a full disk would raise again.
            copy = stack.enter_context(tempfile.TemporaryFile(dir=folder, buffering=0))
            for block in blocks:
                write_all(copy, block)
            copy.seek(0)
            stack.pop_all()
    except OSError as error:
        raise FileError(f"The input cannot be copied to the folder {folder}: {error.strerror}.") from None
    return copy


def _examine(file: IO[bytes], name: str) -> tuple[str, int]:
    """Return digest and number of lines of *file*; raise FileError unless it is UTF-8."""
    digest, counter = hashlib.sha256(), LineCounter()
    decoder = codecs.getincrementaldecoder(UTF_8)()
    if encoding := find_unmarked(file.read(BLOCK)):
        raise refuse_encoding(name, encoding)
    file.seek(0)
    for block in _with_end(_blocks(file, name)):
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
