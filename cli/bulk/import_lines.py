"""Parses the lines of an import file: objects of `/users/track` in JSON Lines, or attributes in CSV."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from cli.bulk.files import FileError, FileFormat
from cli.bulk.records import Position, Record
from schemas.attributes import Attributes
from schemas.fields import first_fault
from schemas.json_values import dump_json, parse_json
from schemas.operations import MergeObject
from schemas.text import UnfitText, check_body
from schemas.track import ARRAYS, MAX_OBJECTS, Entry, load_track

Json = dict[str, Any]

#: Separates the name and the type of a column in the header of a CSV file.
TYPE_MARK = ":"
#: The types of cells; without a mark a cell is text.
NUMBER, BOOLEAN, JSON = "number", "boolean", "json"
TRUTHS: Mapping[str, bool] = {"true": True, "false": False}
NUMERAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
#: Largest body of a request, in bytes; the server accepts slightly more.
MAX_BYTES = 3_500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportLine:
    """One line of an import file, valid or not."""

    line: int
    #: Its array of `/users/track`.
    array: str
    given: Any
    #: A sentence that says why it is invalid, or None.
    fault: str | None
    #: Whether it can be sent twice without a further effect.
    repeatable: bool
    #: Whether it needs a request of its own: its invalid parts would remove parts of other objects.
    alone: bool
    size: int
    #: The position after it in the file.
    end: Position


def parse_import_lines(
    records: Iterable[Record], form: FileFormat, *, array: str, names: Sequence[str] = ()
) -> Iterator[ImportLine]:
    """Yield the lines of *records*; a line that does not name its array belongs to *array*.

    *names* are the columns of a CSV file.
    """
    kinds = dict(map(parse_column, names))
    for record in records:
        fault, here, given = record.fault, array, record.value
        if fault is None and form is FileFormat.CSV:
            fault, given = _parse_row(record.value, list(kinds.items()))
        elif fault is None:
            here, given = _unwrap(record.value, array)
        yield _validate(record, here, given, fault)


def parse_column(name: str) -> tuple[str, str]:
    """Return the attribute and the type of the column *name*; raise FileError when the type is unknown."""
    attribute, mark, kind = name.rpartition(TYPE_MARK)
    if not mark:
        return name, ""
    if kind not in {NUMBER, BOOLEAN, JSON}:
        raise FileError(f"The column {name!r} has the unknown type {kind!r}. Use number, boolean or json.")
    return attribute, kind


def split_import(lines: Iterable[ImportLine]) -> Iterator[list[ImportLine]]:
    """Split *lines* into chunks, one for each request. The split depends on the lines alone."""
    chunk: list[ImportLine] = []
    for line in lines:
        full = len(chunk) == MAX_OBJECTS or sum(each.size for each in chunk) + line.size > MAX_BYTES
        if chunk and (full or line.alone or chunk[-1].alone):
            yield chunk
            chunk = []
        chunk.append(line)
    if chunk:
        yield chunk


def group_by_array(chunk: Iterable[ImportLine]) -> dict[str, list[ImportLine]]:
    """Return the valid lines of *chunk* by array, in the order of the file."""
    arrays: dict[str, list[ImportLine]] = {}
    for line in chunk:
        if line.fault is None:
            arrays.setdefault(line.array, []).append(line)
    return arrays


def _parse_row(cells: Mapping[str, str], columns: Sequence[tuple[str, str]]) -> tuple[str | None, Json]:
    """Return the fault of a row, or None, and its object. Empty cells are ignored."""
    made: Json = {}
    for (name, kind), text in zip(columns, cells.values(), strict=True):
        if text:
            try:
                made[name] = _parse_cell(text, kind)
            except ValueError:
                return f"The cell in column {name!r} is not a {kind}: {text[:80]!r}.", made
    return None, made


def _parse_cell(text: str, kind: str) -> Any:
    """Return the value of a cell of this *kind*; raise ValueError when *text* is none."""
    match kind:
        case "number" if NUMERAL.fullmatch(text):
            return parse_json(text)
        case "boolean" if text.lower() in TRUTHS:
            return TRUTHS[text.lower()]
        case "json":
            return parse_json(text)
        case "":
            return text
        case _:
            raise ValueError(text)


def _unwrap(value: Any, array: str) -> tuple[str, Any]:
    """Return array and object of a line: `{"events": {…}}` names its array, other objects belong to *array*."""
    if isinstance(value, dict) and len(value) == 1:
        ((name, inner),) = value.items()
        if name in ARRAYS and isinstance(inner, dict):
            return name, inner
    return array, value


def _validate(record: Record, array: str, given: Any, fault: str | None) -> ImportLine:
    """Return the line, validated by the same schema as requests to the API."""
    body, alone, repeatable = {array: [given]}, False, True
    if fault is None:
        try:
            check_body(body)
            loaded = load_track(body)
        except UnfitText as error:
            fault = str(error)
        except ValidationError as error:
            fault = first_fault(error.messages)
        else:
            fault = loaded.errors[0]["type"] if loaded.errors else None
            alone = any(isinstance(entry, Attributes) and entry.custom.fault is not None for entry in loaded.entries)
            repeatable = all(map(_is_repeatable, loaded.entries))
    return ImportLine(
        line=record.line,
        array=array,
        given=given,
        fault=fault,
        repeatable=repeatable,
        alone=alone,
        size=len(dump_json(given)) if fault is None else 0,
        end=record.end,
    )


def _is_repeatable(entry: Entry) -> bool:
    return isinstance(entry, Attributes) and all(
        isinstance(operation, MergeObject) for operation in entry.custom.operations.values()
    )
