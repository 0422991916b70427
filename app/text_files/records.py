"""Streams the records of an input file: JSON values, or rows of CSV, each with its position."""

from collections.abc import Collection, Iterator

from app.text_files.files import TextFile
from app.text_files.header import Header
from app.text_files.json_lines import read_json_lines
from app.text_files.lines import LineReader, Position, Record
from app.text_files.rows import read_rows


def read_records(
    source: TextFile, header: Header | None = None, start: Position | None = None, *, one_line: Collection[str] = ()
) -> Iterator[Record]:
    """Yield the records of *source* after *start*: rows if it has a *header*, else JSON values.

    Blank lines are skipped. No cell of the columns *one_line* has a line break.
    """
    if header is None:
        return read_json_lines(LineReader(source.file, start or Position()))
    begin = start if start and start.offset else header.begin
    return read_rows(LineReader(source.file, begin), header, one_line=one_line, name=source.name)
