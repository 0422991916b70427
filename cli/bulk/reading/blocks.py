"""Blocks of bytes of an input: read from files and pipes, decompressed, decoded, and copied to an unnamed file."""

import codecs
import gzip
import os
import select
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from io import BufferedReader
from pathlib import Path
from typing import IO

from cli.bulk.files import FileError, write_all

#: Bytes that are read at once.
BLOCK = 1 << 20
#: Seconds after which the wait for a pipe looks for Ctrl-C.
STEP_S = 0.2
#: How many times larger than the compressed file its content may be, if it has more than FREE_BYTES.
MOST_INFLATION = 300
FREE_BYTES = 256 * 1024 * 1024
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


def beginning(file: IO[bytes]) -> bytes:
    """Return the first bytes of *file*, and go back before them."""
    first = file.read(LONGEST_MARK)
    file.seek(0)
    return first


def check_is_text(first: bytes, name: str) -> None:
    """Raise FileError when a file with these *first* bytes is no text."""
    for mark, sentence in NO_TEXT.items():
        if first.startswith(mark):
            raise FileError(f"{name} {sentence}")


def read_blocks(file: IO[bytes], name: str) -> Iterator[bytes]:
    """Yield the content of *file*."""
    try:
        while block := file.read(BLOCK):
            yield block
    except OSError as error:
        raise FileError(f"{name} cannot be read: {error.strerror}.") from None


def read_pipe(file: IO[bytes], name: str) -> Iterator[bytes]:
    """Yield what *file* has, as soon as it has it.

    It is awaited in short steps: a Ctrl-C between two lines of this function and a read would end the wait only when
    something can be read.
    """
    try:
        descriptor = file.fileno()
    except OSError:
        yield from read_blocks(file, name)
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


def decompress(file: IO[bytes], name: str) -> Iterator[bytes]:
    """Yield the content of the gzip *file*; raise FileError when it is damaged, or inflates without end."""
    size = 0
    try:
        with gzip.GzipFile(fileobj=file) as content:
            while block := content.read(BLOCK):
                size += len(block)
                check_inflation(size, file.seek(0, os.SEEK_CUR), name)
                yield block
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise FileError(f"{name} is not a complete gzip file. Create or copy it again.") from None


def check_inflation(size: int, compressed: int, name: str) -> None:
    """Raise FileError when *size* bytes came from so few *compressed* ones that the file is made to fill the disk."""
    if size > FREE_BYTES and size > compressed * MOST_INFLATION:
        raise FileError(
            f"{name} has more than {MOST_INFLATION} times as many bytes as its compressed form. If that is no mistake,"
            " decompress it first."
        )


def decode(blocks: Iterable[bytes], name: str, encoding: str) -> Iterator[bytes]:
    """Yield *blocks*, which are text in *encoding*, in UTF-8."""
    decoder, counter = codecs.getincrementaldecoder(encoding)(), LineCounter()
    for block in with_end(blocks):
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


def with_end(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield *blocks*, then an empty one."""
    yield from blocks
    yield b""


def copy_blocks(blocks: Iterable[bytes], folder: Path) -> IO[bytes]:
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
    # Without a buffer, each byte of a line would be read by a system call of its own.
    return BufferedReader(copy)
