"""Parses single records of CSV: a row of cells, which may have several lines."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO

from app.text_files.lines import MAX_LINE, LineReader, LineTooLong, Position

QUOTE = '"'
UNCLOSED = "A quote opens a cell of this line, and no quote closes it."
AFTER_QUOTE = "A quoted cell of this line has text after its closing quote. Write a quote inside a quoted cell twice."
DELIMITER_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}

# The limit of Python's parser for a single cell; lines have one of their own.
csv.field_size_limit(MAX_LINE)


class NotCsv(ValueError):
    """A line is not CSV; the message is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How the cells of a file are separated."""

    delimiter: str
    #: Whether blanks after a delimiter belong to no cell, and blanks before one: the header has such blanks.
    blanks_after: bool = False
    blanks_before: bool = False


def parse_record(first: bytes, lines: LineReader, dialect: Dialect) -> tuple[list[str], str]:
    """Return the cells and the text of the record that begins with the line *first*, which *lines* has just returned.

    Raises NotCsv; then *lines* continue behind the first line, whatever was read to find the end of a cell.
    """
    text = first.decode(errors="replace")
    if QUOTE not in text:
        cells = text.rstrip("\r\n").split(dialect.delimiter)
        return _trim([cell.lstrip(" ") for cell in cells] if dialect.blanks_after else cells, dialect), text
    behind = lines.position
    read = [text]
    reader = csv.reader(
        _feed(read, lines),
        delimiter=dialect.delimiter,
        skipinitialspace=dialect.blanks_after,
        strict=True,
    )
    try:
        cells = next(reader)
    except (csv.Error, LineTooLong) as error:
        fault = UNCLOSED if len(read) > 1 or "end of data" in str(error) else AFTER_QUOTE
        _go_back(lines, behind)
        raise NotCsv(fault) from None
    return _trim(cells, dialect), "".join(read)


def parse_row(text: str, names: Sequence[str], *, delimiter: str) -> dict[str, str]:
    """Return the cells of a single record by column; raise NotCsv."""
    try:
        rows = list(csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        raise NotCsv("Its quotes are not in pairs.") from None
    if len(rows) != 1 or len(rows[0]) != len(names):
        raise NotCsv(f"It must be one row of {len(names)} cells.")
    return dict(zip(names, rows[0], strict=True))


def _feed(read: list[str], lines: LineReader) -> Iterator[str]:
    """Yield the first line in *read*, then further *lines* as long as a record may continue."""
    yield read[0]
    size = len(read[0])
    for line in lines:
        size += len(line)
        if size > MAX_LINE:
            return
        read.append(line.decode(errors="replace"))
        yield read[-1]


def _go_back(lines: LineReader, position: Position) -> None:
    if lines.position != position:
        lines.seek(position)


def _trim(cells: Sequence[str], dialect: Dialect) -> list[str]:
    return [cell.rstrip(" ") for cell in cells] if dialect.blanks_before else list(cells)


def looks_like_rows(text: str, dialect: Dialect, count: int) -> bool:
    """Return whether each line of *text* has *count* cells if its quotes are taken as plain characters.

    So a record of these lines is rather several rows with two stray quotes.
    """
    parts = text.rstrip("\r\n").splitlines()
    return count > 1 and len(parts) > 1 and all(part.count(dialect.delimiter) == count - 1 for part in parts)
