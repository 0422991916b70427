"""Parses the lines of an import file: objects of `/users/track` in JSON Lines, or attributes in CSV."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from app.text_files.csv_records import NotCsv, parse_row
from app.text_files.lines import Position, Record
from cli.bulk.columns.cells import COMMA, POINT, CellRules
from cli.bulk.columns.import_columns import ImportColumns, read_import_columns
from cli.bulk.files import FileError
from schemas.attributes import Attributes
from schemas.fields import first_fault
from schemas.json_values import InvalidJson, dump_json, parse_json
from schemas.operations import MergeObject
from schemas.text import UnfitText, check_body
from schemas.track import ARRAYS, MAX_OBJECTS, Entry, load_track

Json = dict[str, Any]

#: Largest body of a request, in bytes; the server accepts slightly more.
MAX_BYTES = 3_500_000
#: The members of a line of the report beside its object.
REMARK_MEMBERS = frozenset({"line", "result", "reason"})
#: Members of a line of the report in place of its object: the line as it is and, of CSV, how to read it.
TEXT, COLUMNS, DELIMITER, ARRAY, DECIMAL = "text", "columns", "delimiter", "array", "decimal"


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
    #: The line as it is, if it could not be parsed.
    text: str | None = None


def parse_import_lines(
    records: Iterable[Record], *, array: str, columns: ImportColumns | None = None
) -> Iterator[ImportLine]:
    """Yield the lines of *records*; a line that does not name its array belongs to *array*.

    *columns* are those of a CSV file.
    """
    for record in records:
        fault, here, given = record.fault, array, record.value
        if fault is None and columns is not None:
            fault, given = columns.to_object(record.value)
        elif fault is None:
            fault, here, given = _unwrap(record.value, array)
        yield _validate(record, here, given, fault)


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


def _unwrap(value: Any, array: str) -> tuple[str | None, str, Any]:
    """Return the fault of a line, or None, its array and its object.

    `{"events": {…}}` names its array, and so does a line of a report; other objects belong to *array*.
    """
    if isinstance(value, dict) and value.keys() >= REMARK_MEMBERS:
        if TEXT in value:
            return _unwrap_text(value, array)
        value = {name: part for name, part in value.items() if name not in REMARK_MEMBERS}
    if isinstance(value, dict) and len(value) == 1:
        ((name, inner),) = value.items()
        if name in ARRAYS and isinstance(inner, dict):
            return None, name, inner
    return None, array, value


def _unwrap_text(remark: Json, array: str) -> tuple[str | None, str, Any]:
    """Return the same for the line of a report that has a line of an input file as text, corrected meanwhile."""
    text, names = remark[TEXT], remark.get(COLUMNS)
    if not isinstance(text, str):
        return f"'{TEXT}' must be a string.", array, remark
    if names is None:
        try:
            return _unwrap(parse_json(text), array)
        except InvalidJson:
            return "The text in the line is not valid JSON.", array, remark
    decimal = COMMA if remark.get(DECIMAL) == COMMA else POINT
    try:
        columns = read_import_columns(names, array=remark.get(ARRAY, array), rules=CellRules(decimal=decimal))
        cells = parse_row(text, names, delimiter=remark.get(DELIMITER, ","))
    except (FileError, NotCsv, TypeError, KeyError) as error:
        return f"The text in the line cannot be read: {error}", array, remark
    fault, given = columns.to_object(cells)
    return fault, columns.array, given


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
        text=record.text,
    )


def _is_repeatable(entry: Entry) -> bool:
    return isinstance(entry, Attributes) and all(
        isinstance(operation, MergeObject) for operation in entry.custom.operations.values()
    )
