"""JSON Lines: one JSON value per line."""

import re
from collections.abc import Iterator

from app.text_files.lines import BLANKS, LineReader, LineTooLong, Record, is_blank
from schemas.json_values import InvalidJson, find_repeated_member, parse_json
from schemas.text import quoted

#: Levels of a value that can be written back; requests have far less.
MAX_LEVELS = 200
NOT_A_NUMBER = re.compile(rb"[:\[,]\s*-?(NaN|Infinity)\b")

INVALID = "The line is not valid JSON."
ONE_ARRAY = "Write each object on one line of its own, without an array around them."


def read_json_lines(lines: LineReader) -> Iterator[Record]:
    """Yield a record for each line that is not blank."""
    while True:
        value, fault, line = None, None, None
        try:
            line = next(lines)
            if is_blank(line):
                continue
            value = parse_json_line(line.strip(BLANKS))
        except StopIteration:
            return
        except (InvalidJson, LineTooLong) as error:
            fault = str(error)
        text = None if fault is None or line is None else line.decode(errors="replace").rstrip("\r\n")
        yield Record(line=lines.position.lines, value=value, fault=fault, end=lines.position, text=text)


def parse_json_line(line: bytes) -> object:
    """Return the value in *line*; raise InvalidJson with a sentence."""
    try:
        value = parse_json(line)
    except InvalidJson:
        raise InvalidJson(f"{INVALID} {_hint(line)}".rstrip()) from None
    if line.count(b"{") + line.count(b"[") > MAX_LEVELS and _levels(value) > MAX_LEVELS:
        raise InvalidJson(f"The JSON in the line nests deeper than {MAX_LEVELS} levels.")
    repeated = find_repeated_member(line)
    if repeated is not None:
        raise InvalidJson(f"An object in the line has the member '{quoted(repeated)}' twice.")
    return value


def _hint(line: bytes) -> str:
    """Return a sentence about a usual mistake in *line*, or an empty text."""
    if NOT_A_NUMBER.search(line):
        return "JSON has no NaN and no Infinity; use null."
    if line.startswith(b"{'"):
        return "Names and text need double quotes."
    if len(line) == 1 and line in b"[]{}":
        return ONE_ARRAY
    return "Remove the comma at the end of the line." if line.endswith(b",") else ""


def _levels(value: object) -> int:
    """Return how deep *value* nests, at most one more than MAX_LEVELS."""
    level, depth = [value], 0
    while level and depth <= MAX_LEVELS:
        below: list[object] = []
        for each in level:
            below += each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        level, depth = below, depth + 1
    return depth
