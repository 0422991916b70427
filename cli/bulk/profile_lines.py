"""Reads whole profiles from JSON Lines or rows of CSV and splits them into chunks, one for each request.

The server validates them, so a line of JSON is sent as it is. Only lines of a report are parsed here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import IO, Any

from app.text_files.csv_records import NotCsv, parse_row
from app.text_files.json_lines import parse_json_line
from app.text_files.lines import BLANKS, LineReader, LineTooLong, Position, Record, is_blank
from cli.bulk.columns.profile_columns import check_profile_columns, profile_from_cells
from cli.bulk.files import FileError
from cli.bulk.import_lines import COLUMNS, DELIMITER, MAX_BYTES, REMARK_MEMBERS, TEXT
from cli.bulk.recognition import PROFILES
from schemas.json_values import InvalidJson, dump_json

#: The most lines of one request with an idempotency key.
MAX_LINES = 2_000
#: What a line that is more than a profile begins with, or has somewhere.
WRAPPED, REASON = re.compile(rb'\{\s*"profiles"\s*:'), b'"reason"'
LINE_ENDS = re.compile(rb"[\r\n]+")
#: Members by which profiles are found. What only looks like one makes a chunk wait without need.
IDENTIFIERS = re.compile(rb'"(?:external_id|braze_id|alias_name)"\s*:\s*("(?:[^"\\]|\\.)*")')


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileLine:
    """A line of the file."""

    line: int
    #: The position after it.
    end: Position
    #: The profile as JSON, as it is sent. Empty when there is none.
    data: bytes = b""
    #: A sentence that says why it is not sent, or None.
    fault: str | None = None
    #: The line as it is, if it is no profile.
    text: str | None = None
    #: How to read the text if it is a row of CSV: members of the report.
    reading: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ProfileChunk:
    """Consecutive lines of a file that are sent together."""

    lines: Sequence[ProfileLine]

    @cached_property
    def sent(self) -> Sequence[ProfileLine]:
        """The lines without a fault."""
        return [line for line in self.lines if line.fault is None]

    @cached_property
    def body(self) -> bytes:
        """The body of its request."""
        return b"\n".join(line.data for line in self.sent)

    @cached_property
    def sharing_keys(self) -> frozenset[bytes]:
        """The identifiers in its lines."""
        return frozenset(IDENTIFIERS.findall(self.body))

    @property
    def end(self) -> Position:
        """The position after it in the file."""
        return self.lines[-1].end


def split_profiles(lines: Iterable[ProfileLine]) -> Iterator[ProfileChunk]:
    """Split *lines* into chunks, one for each request. The split depends on them alone."""
    chunk: list[ProfileLine] = []
    size = 0
    for line in lines:
        length = len(line.data) + 1
        if chunk and (len(chunk) == MAX_LINES or size + length > MAX_BYTES):
            yield ProfileChunk(lines=chunk)
            chunk, size = [], 0
        chunk.append(line)
        size += length
    if chunk:
        yield ProfileChunk(lines=chunk)


def read_profiles(file: IO[bytes], start: Position) -> Iterator[ProfileLine]:
    """Yield the lines of *file*, in JSON Lines, after *start*. Blank ones are skipped."""
    lines = LineReader(file, start)
    while True:
        try:
            line = next(lines)
        except StopIteration:
            return
        except LineTooLong as error:
            yield ProfileLine(line=lines.position.lines, end=lines.position, fault=str(error))
            continue
        if not is_blank(line):
            yield _read_line(line.strip(BLANKS), lines.position)


def profiles_of_rows(records: Iterable[Record], reading: Mapping[str, Any]) -> Iterator[ProfileLine]:
    """Yield the profiles in the rows *records*; *reading* says how to read a row that is in the report as text."""
    for record in records:
        if record.fault is None:
            fault, profile = profile_from_cells(record.value)
            yield ProfileLine(line=record.line, end=record.end, data=dump_json(profile), fault=fault)
        else:
            yield ProfileLine(line=record.line, end=record.end, fault=record.fault, text=record.text, reading=reading)


def _read_line(data: bytes, end: Position) -> ProfileLine:
    """Return what to send of the line *data*: itself, or the profile in the line of a report."""
    if not WRAPPED.match(data) and REASON not in data:
        return ProfileLine(line=end.lines, end=end, data=data)
    try:
        value: Any = parse_json_line(data)
    except InvalidJson as error:
        return ProfileLine(line=end.lines, end=end, fault=str(error), text=data.decode(errors="replace"))
    if isinstance(value, dict) and value.keys() >= REMARK_MEMBERS:
        if isinstance(value.get(TEXT), str):
            return _read_text(value, end)
        value = {name: part for name, part in value.items() if name not in REMARK_MEMBERS}
        data = dump_json(value[PROFILES] if value.keys() == {PROFILES} else value)
    elif isinstance(value, dict) and value.keys() == {PROFILES} and isinstance(value[PROFILES], dict):
        data = dump_json(value[PROFILES])
    return ProfileLine(line=end.lines, end=end, data=data)


def _read_text(remark: Mapping[str, Any], end: Position) -> ProfileLine:
    """Return what to send of the text in *remark*, corrected meanwhile: JSON, or a row of CSV."""
    text: str = remark[TEXT]
    if COLUMNS not in remark:
        # Between two tokens of JSON, a line end is a blank.
        return _read_line(LINE_ENDS.sub(b" ", text.encode()).strip(BLANKS), end)
    reading = {name: remark[name] for name in (COLUMNS, DELIMITER) if name in remark}
    try:
        check_profile_columns(remark[COLUMNS], "the report")
        cells = parse_row(text, remark[COLUMNS], delimiter=remark.get(DELIMITER, ","))
    except (FileError, NotCsv, TypeError) as error:
        fault = f"The text in the line cannot be read: {error}"
        return ProfileLine(line=end.lines, end=end, fault=fault, text=text, reading=reading)
    fault_of_cell, profile = profile_from_cells(cells)
    return ProfileLine(line=end.lines, end=end, data=dump_json(profile), fault=fault_of_cell)
