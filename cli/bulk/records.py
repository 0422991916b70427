"""Records read from a file as a stream: one JSON value a line, or the cells of one CSV row, each with its place.

A record that cannot be read has a fault instead of a value, and does not end the reading.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import orjson

from cli.bulk.errors import UnfitFile
from cli.bulk.source import Form, Source

#: Bytes that a line may have: what a request with it alone could still hold.
MAX_LINE = 3 * 1024 * 1024
DELIMITERS = ",;\t"
BOM = b"\xef\xbb\xbf"


class LineTooLong(ValueError):
    """A line has more than MAX_LINE bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place between two records: the bytes and the lines before it."""

    offset: int = 0
    lines: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record of a file."""

    #: The line on which it begins; the first is 1.
    line: int
    #: A JSON value, or the cells of a row by their column; None when there is a fault.
    value: Any
    #: Why it cannot be read, in a sentence; None when it can.
    fault: str | None
    #: The place behind it.
    end: Position


class Lines:
    """The lines of *file* from *start* on. It can be asked for the next one after it raised LineTooLong."""

    def __init__(self, file: IO[bytes], start: Position) -> None:
        file.seek(start.offset)
        self._file = file
        self.position = start

    def __iter__(self) -> "Lines":
        """Return the iterator itself."""
        return self

    def __next__(self) -> bytes:
        """Return the next line with its end, without a byte order mark."""
        line = self._file.readline(MAX_LINE)
        if not line:
            raise StopIteration
        size, whole = len(line), line
        while len(line) == MAX_LINE and not line.endswith(b"\n"):
            line = self._file.readline(MAX_LINE)
            size += len(line)
        first = self.position.offset == 0
        self.position = Position(offset=self.position.offset + size, lines=self.position.lines + 1)
        if size > MAX_LINE:
            raise LineTooLong(f"The line has {size:,} bytes; it may have {MAX_LINE:,}.")
        return whole.removeprefix(BOM) if first else whole


def records(source: Source, start: Position | None = None) -> Iterator[Record]:
    """Yield the records of *source* behind *start*; blank lines are passed over.

    Raises UnfitFile when it is a CSV file without a header.
    """
    if source.form is Form.JSONL:
        return _json(Lines(source.file, start or Position()))
    header, delimiter, begin = _header(source)
    return _rows(Lines(source.file, start if start and start.offset else begin), header, delimiter)


def columns(source: Source) -> Sequence[str]:
    """Return the columns that the header of the CSV file *source* names, in their order."""
    return _header(source)[0]


def _json(lines: Lines) -> Iterator[Record]:
    """Yield the JSON values of *lines*."""
    while True:
        value, fault = None, None
        try:
            line = next(lines)
            if not line.strip():
                continue
            value = orjson.loads(line)
        except StopIteration:
            return
        except LineTooLong as error:
            fault = str(error)
        except orjson.JSONDecodeError as error:
            fault = f"The line is not JSON in UTF-8: {error.msg}."
        yield Record(line=lines.position.lines, value=value, fault=fault, end=lines.position)


def _header(source: Source) -> tuple[Sequence[str], str, Position]:
    """Return the columns of the CSV file *source*, what stands between them, and where its rows begin."""
    lines = Lines(source.file, Position())
    try:
        line = next(lines).decode()
    except (StopIteration, UnicodeDecodeError, LineTooLong):
        raise UnfitFile(f"{source.name} has no header in UTF-8: its first line must name the columns.") from None
    delimiter = max(DELIMITERS, key=line.count)
    names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
    if len(set(names)) < len(names) or not all(names):
        raise UnfitFile(f"The header of {source.name} names a column twice, or leaves one without a name.")
    return names, delimiter, lines.position


def _rows(lines: Lines, header: Sequence[str], delimiter: str) -> Iterator[Record]:
    """Yield the rows of *lines*, each as its cells by their column."""
    reader = csv.reader(map(bytes.decode, lines), delimiter=delimiter, strict=True)
    while True:
        begin = lines.position.lines + 1
        cells: list[str] = []
        try:
            cells = next(reader)
            fault = _misfit(cells, header)
        except StopIteration:
            return
        except LineTooLong as error:
            fault = str(error)
        except UnicodeDecodeError:
            fault = "The line is not UTF-8."
        except csv.Error as error:
            fault = f"The line is not CSV: {error}."
        if cells or fault:
            value = None if fault else dict(zip(header, cells, strict=True))
            yield Record(line=begin, value=value, fault=fault, end=lines.position)


def _misfit(cells: Sequence[str], header: Sequence[str]) -> str | None:
    """Return what is wrong with the number of *cells*, or None."""
    if not cells or len(cells) == len(header):
        return None
    return f"The line has {len(cells)} cells where the header has {len(header)}."
