"""Entries as an import file writes them: objects of `/users/track` in JSON Lines, or attributes in CSV."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from marshmallow import ValidationError

from cli.bulk.errors import UnfitFile
from cli.bulk.records import Position, Record
from cli.bulk.source import Form
from schemas.attributes import Attributes
from schemas.fields import first_fault
from schemas.operations import MergeObject
from schemas.text import UnfitText, check_body
from schemas.track import ARRAYS, MAX_OBJECTS, Entry, load_track

Json = dict[str, Any]

#: What stands between the name of an attribute and what its cells are, in the header of a CSV file.
MARK = ":"
#: What cells may be; without a mark they are text.
NUMBER, BOOLEAN, JSON = "number", "boolean", "json"
TRUTHS: Mapping[str, bool] = {"true": True, "false": False}
NUMERAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
#: Bytes of entries that one request may hold, below what the front door takes.
MOST_BYTES = 3_500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of an import file, fit to be sent or not."""

    line: int
    #: The array of `/users/track` that it belongs to.
    array: str
    given: Any
    #: Why it cannot be sent, in a sentence; None when it can.
    fault: str | None
    #: Whether its effect is the same however often it is sent.
    repeatable: bool
    #: Whether what is wrong with a part of it would take parts of other objects of its request with it.
    alone: bool
    size: int
    #: The place behind it in the file.
    end: Position


def lines(records: Iterable[Record], form: Form, *, array: str, names: Sequence[str] = ()) -> Iterator[Line]:
    """Yield what *records* of a file in *form* write; what does not say its array belongs to *array*.

    *names* are the columns of a CSV file.
    """
    kinds = dict(map(column, names))
    for record in records:
        fault, here, given = record.fault, array, record.value
        if fault is None and form is Form.CSV:
            fault, given = _object(record.value, list(kinds.items()))
        elif fault is None:
            here, given = _unwrapped(record.value, array)
        yield _checked(record, here, given, fault)


def column(name: str) -> tuple[str, str]:
    """Return the attribute that the column *name* holds, and what its cells are; raise UnfitFile on another mark."""
    attribute, mark, kind = name.rpartition(MARK)
    if not mark:
        return name, ""
    if kind not in {NUMBER, BOOLEAN, JSON}:
        raise UnfitFile(f"The column {name!r} ends in {MARK}{kind}; cells may be marked as number, boolean or json.")
    return attribute, kind


def chunks(given: Iterable[Line]) -> Iterator[list[Line]]:
    """Yield lines in chunks of what one request may hold. Where they are cut depends on the lines alone."""
    taken: list[Line] = []
    for line in given:
        full = len(taken) == MAX_OBJECTS or sum(each.size for each in taken) + line.size > MOST_BYTES
        if taken and (full or line.alone or taken[-1].alone):
            yield taken
            taken = []
        taken.append(line)
    if taken:
        yield taken


def body_of(chunk: Iterable[Line]) -> dict[str, list[Line]]:
    """Return the fit lines of *chunk* by their array, in the order of the file."""
    arrays: dict[str, list[Line]] = {}
    for line in chunk:
        if line.fault is None:
            arrays.setdefault(line.array, []).append(line)
    return arrays


def _object(cells: Mapping[str, str], columns: Sequence[tuple[str, str]]) -> tuple[str | None, Json]:
    """Return the object that a row's *cells* write, and what is wrong with it. An empty cell says nothing."""
    made: Json = {}
    for (name, kind), text in zip(columns, cells.values(), strict=True):
        if text:
            try:
                made[name] = _value(text, kind)
            except ValueError:
                return f"The cell of {name!r} is no {kind}: {text[:80]!r}.", made
    return None, made


def _value(text: str, kind: str) -> Any:
    """Return what a cell with *text* of this *kind* holds; raise ValueError when it holds none."""
    match kind:
        case "number" if NUMERAL.fullmatch(text):
            return orjson.loads(text)
        case "boolean" if text.lower() in TRUTHS:
            return TRUTHS[text.lower()]
        case "json":
            return orjson.loads(text)
        case "":
            return text
        case _:
            raise ValueError(text)


def _unwrapped(value: Any, array: str) -> tuple[str, Any]:
    """Return the array and the object that a line's *value* says: `{"events": {…}}`, or an object of *array*."""
    if isinstance(value, dict) and len(value) == 1:
        ((name, inner),) = value.items()
        if name in ARRAYS and isinstance(inner, dict):
            return name, inner
    return array, value


def _checked(record: Record, array: str, given: Any, fault: str | None) -> Line:
    """Return the line that says *given*, checked as the front door would check it."""
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
            alone = bool(loaded.warnings)
            repeatable = all(map(_is_repeatable, loaded.entries))
    return Line(
        line=record.line,
        array=array,
        given=given,
        fault=fault,
        repeatable=repeatable,
        alone=alone,
        size=len(orjson.dumps(given)) if fault is None else 0,
        end=record.end,
    )


def _is_repeatable(entry: Entry) -> bool:
    """Return whether the effect of *entry* is the same however often it is sent."""
    return isinstance(entry, Attributes) and all(
        isinstance(operation, MergeObject) for operation in entry.custom.operations.values()
    )
