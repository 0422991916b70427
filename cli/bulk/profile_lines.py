"""Reads whole profiles from JSON Lines and splits them into chunks, one for each request.

The server validates them, so a line is sent as it is. Only lines of a report are parsed here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Any

from cli.bulk.import_lines import COLUMNS, MAX_BYTES, REMARK_MEMBERS, TEXT
from cli.bulk.reading.json_lines import parse_line
from cli.bulk.reading.lines import BLANKS, LineReader, LineTooLong, Position, is_blank
from cli.bulk.recognition import PROFILES
from schemas.json_values import InvalidJson, dump_json

#: The most lines of one request with an idempotency key.
MAX_LINES = 2_000
#: What a line that is more than a profile begins with, or has somewhere.
WRAPPED, REASON = re.compile(rb'\{\s*"profiles"\s*:'), b'"reason"'
#: Members by which profiles are found. What only looks like one makes a chunk wait without need.
IDENTIFIERS = re.compile(rb'"(?:external_id|braze_id|alias_name)"\s*:\s*("(?:[^"\\]|\\.)*")')


@dataclass(slots=True, kw_only=True)
class ProfileLine:
    """A line of the file."""

    line: int
    #: What is sent; with a fault, the line as it is. Empty when it is too long.
    data: bytes
    #: A sentence that says why it cannot be sent, or None.
    fault: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProfileChunk:
    """Consecutive lines of a file that are sent together."""

    lines: list[ProfileLine]
    #: The position after it in the file.
    end: Position

    @cached_property
    def sent(self) -> list[ProfileLine]:
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


def split_profiles(file: IO[bytes], start: Position) -> Iterator[ProfileChunk]:
    """Split the lines of *file* after *start*. The split depends on them alone."""
    reader = LineReader(file, start)
    lines: list[ProfileLine] = []
    size, end = 0, start
    while True:
        try:
            line = _read_line(next(reader), reader.position.lines)
        except LineTooLong as error:
            line = ProfileLine(line=reader.position.lines, data=b"", fault=str(error))
        except StopIteration:
            break
        if line is not None:
            length = len(line.data) + 1
            if lines and (len(lines) == MAX_LINES or size + length > MAX_BYTES):
                yield ProfileChunk(lines=lines, end=end)
                lines, size = [], 0
            lines.append(line)
            size += length
        end = reader.position
    if lines:
        yield ProfileChunk(lines=lines, end=end)


def _read_line(line: bytes, number: int) -> ProfileLine | None:
    """Return what to send of *line*; None when it is blank."""
    if is_blank(line):
        return None
    data = line.strip(BLANKS)
    if WRAPPED.match(data) or REASON in data:
        try:
            return ProfileLine(line=number, data=_unwrap(data))
        except InvalidJson as error:
            return ProfileLine(line=number, data=data, fault=str(error))
    return ProfileLine(line=number, data=data)


def _unwrap(data: bytes) -> bytes:
    """Return the profile in *data*, which may be the line of a report; raise InvalidJson."""
    value: Any = parse_line(data)
    if isinstance(value, dict) and value.keys() >= REMARK_MEMBERS:
        if isinstance(value.get(TEXT), str) and COLUMNS not in value:
            return dump_json(parse_line(value[TEXT].strip().encode("utf-8", "surrogatepass")))
        value = {name: part for name, part in value.items() if name not in REMARK_MEMBERS}
        data = dump_json(value)
    if isinstance(value, dict) and len(value) == 1 and isinstance(value.get(PROFILES), dict):
        return dump_json(value[PROFILES])
    return data
