"""Streams the records of an input file: JSON values, or rows of CSV, each with its position.

A record that cannot be parsed has a fault instead of a value; reading continues with the next one.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from cli.bulk.files import FileError, FileFormat, Source
from schemas.json_values import InvalidJson, parse_json

#: Largest line, in bytes: a request with this line alone is still accepted.
MAX_LINE = 3 * 1024 * 1024
DELIMITERS = ",;\t"
BOM = b"\xef\xbb\xbf"


class LineTooLong(ValueError):
    """A line has more than MAX_LINE bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A position between two records: the number of bytes and lines before it."""

    offset: int = 0
    lines: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record of a file."""

    #: Its first line, counted from 1.
    line: int
    #: A JSON value, or the cells of a row by column; None when there is a fault.
    value: Any
    #: A sentence that says why it cannot be parsed, or None.
    fault: str | None
    #: The position after it.
    end: Position


class LineReader:
    """Iterates over the lines of *file* from *start* on; continues after a LineTooLong."""

    def __init__(self, file: IO[bytes], start: Position) -> None:
        file.seek(start.offset)
        self._file = file
        self.position = start

    def __iter__(self) -> "LineReader":
        """Return itself."""
        return self

    def __next__(self) -> bytes:
        """Return the next line with its line feed, without a byte order mark."""
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
            raise LineTooLong(f"The line has {size:,} bytes; the maximum is {MAX_LINE:,}.")
        return whole.removeprefix(BOM) if first else whole


def read_records(source: Source, start: Position | None = None) -> Iterator[Record]:
    """Yield the records of *source* after *start*; blank lines are skipped.

    Raises FileError when a CSV file has no header.
    """
    if source.form is FileFormat.JSONL:
        return _read_json(LineReader(source.file, start or Position()))
    header, delimiter, begin = _read_header(source)
    return _read_rows(LineReader(source.file, start if start and start.offset else begin), header, delimiter)


def read_columns(source: Source) -> Sequence[str]:
    """Return the columns in the header of the CSV file *source*."""
    return _read_header(source)[0]


def _read_json(lines: LineReader) -> Iterator[Record]:
    while True:
        value, fault = None, None
        try:
            line = next(lines)
            if not line.strip():
                continue
            value = parse_json(line)
        except StopIteration:
            return
        except LineTooLong as error:
            fault = str(error)
        except InvalidJson as error:
            fault = f"The line is not JSON in UTF-8: {error}."
        yield Record(line=lines.position.lines, value=value, fault=fault, end=lines.position)


def _read_header(source: Source) -> tuple[Sequence[str], str, Position]:
    """Return the columns of a CSV file, its delimiter, and the position of its first row."""
    lines = LineReader(source.file, Position())
    try:
        line = next(lines).decode()
    except (StopIteration, UnicodeDecodeError, LineTooLong):
        raise FileError(f"{source.name} has no header in UTF-8. Its first line must name the columns.") from None
    delimiter = max(DELIMITERS, key=line.count)
    names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
    if len(set(names)) < len(names) or not all(names):
        raise FileError(f"The header of {source.name} has a duplicate or empty column name.")
    return names, delimiter, lines.position


def _read_rows(lines: LineReader, header: Sequence[str], delimiter: str) -> Iterator[Record]:
    reader = csv.reader(map(bytes.decode, lines), delimiter=delimiter, strict=True)
    while True:
        begin = lines.position.lines + 1
        cells: list[str] = []
        try:
            cells = next(reader)
            fault = _count_fault(cells, header)
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


def _count_fault(cells: Sequence[str], header: Sequence[str]) -> str | None:
    if not cells or len(cells) == len(header):
        return None
    return f"The line has {len(cells)} cells; the header has {len(header)}."
