"""Lines of a file in UTF-8, whatever their ends: a line feed, a carriage return, or both."""

from dataclasses import dataclass
from typing import IO, Any

#: Largest line, in bytes: a request with this line alone is still accepted.
MAX_LINE = 3 * 1024 * 1024
#: Bytes that are read at once.
PIECE = 1 << 16
BOM = b"\xef\xbb\xbf"
#: Blanks, and the character that ends a file in old programs (Ctrl-Z).
BLANKS = b" \t\r\n\v\f\x1a"


class LineTooLong(ValueError):
    """A line has more than MAX_LINE bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A position between two lines: the number of bytes and lines before it."""

    offset: int = 0
    lines: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record of a file: a JSON value, or a row of CSV, which may have several lines."""

    #: Its first line, counted from 1.
    line: int
    #: A JSON value, or the cells of a row by column; None when there is a fault.
    value: Any
    #: A sentence that says why it cannot be parsed, or None.
    fault: str | None
    #: The position after it.
    end: Position
    #: Its lines as they are, when there is a fault. None when a line is too long.
    text: str | None = None


class LineReader:
    """Iterates over the lines of *file* from *start* on; continues after a LineTooLong."""

    def __init__(self, file: IO[bytes], start: Position) -> None:
        self._file = file
        self.seek(start)

    def seek(self, position: Position) -> None:
        """Go to *position*."""
        self._file.seek(position.offset)
        self.position = position
        # Lines that were read and not returned, the next one last.
        self._ready: list[bytes] = []
        # The beginning of a line whose end is still to be read, and the bytes of it that were dropped.
        self._rest = b""
        self._dropped = 0

    @property
    def at_end(self) -> bool:
        """Whether no line is left."""
        if not self._ready:
            try:
                self._read()
            except StopIteration:
                return True
        return not self._ready and not self._rest and not self._dropped

    def __iter__(self) -> "LineReader":
        """Return itself."""
        return self

    def __next__(self) -> bytes:
        """Return the next line with its end, without a byte order mark."""
        while not self._ready:
            self._read()
        line = self._ready.pop()
        size = self._dropped + len(line)
        self._dropped = 0
        self.position = Position(offset=self.position.offset + size, lines=self.position.lines + 1)
        if size > MAX_LINE:
            raise LineTooLong(f"The line has {size:,} bytes; the maximum is {MAX_LINE:,}.")
        return line.removeprefix(BOM)

    def _read(self) -> None:
        """Read a piece of the file; raise StopIteration at its end."""
        piece = self._file.readline(PIECE)
        if not piece:
            if not self._rest and not self._dropped:
                raise StopIteration
            self._ready, self._rest = [self._rest], b""
            return
        parts = (self._rest + piece).splitlines(keepends=True)
        # A carriage return may be followed by its line feed.
        self._rest = b"" if parts[-1].endswith(b"\n") else parts.pop()
        self._ready = parts[::-1]
        if not parts and len(self._rest) > MAX_LINE:
            self._drop_rest()

    def _drop_rest(self) -> None:
        """Forget the content of a line that is too long; keep a carriage return at its end."""
        kept = self._rest[-1:] if self._rest.endswith(b"\r") else b""
        self._dropped += len(self._rest) - len(kept)
        self._rest = kept


def is_blank(line: bytes) -> bool:
    """Return whether *line* has nothing but blanks."""
    return not line.strip(BLANKS)
