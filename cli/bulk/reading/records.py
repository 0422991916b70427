"""Streams the records of an input file: JSON values, or rows of CSV, each with its position."""

from collections.abc import Collection, Iterator

from cli.bulk.reading.header import Header
from cli.bulk.reading.json_lines import read_json_lines
from cli.bulk.reading.lines import LineReader, Position, Record
from cli.bulk.reading.rows import read_rows
from cli.bulk.reading.source import Source


def read_records(
    source: Source, header: Header | None = None, start: Position | None = None, *, one_line: Collection[str] = ()
) -> Iterator[Record]:
    """Yield the records of *source* after *start*: rows if it has a *header*, else JSON values.

    Blank lines are skipped. No cell of the columns *one_line* has a line break.
    """
    if header is None:
        return read_json_lines(LineReader(source.file, start or Position()))
    begin = start if start and start.offset else header.begin
    return read_rows(LineReader(source.file, begin), header, one_line=one_line, name=source.name)
