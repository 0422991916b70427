"""Parses the pairs of a merge file: objects of `merge_updates` in JSON Lines, or columns in CSV."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from app.text_files.files import FileFormat
from app.text_files.lines import Position, Record
from app.text_files.merge_columns import SIDES, update_from_cells
from schemas.identifiers import sharing_key
from schemas.json_values import InvalidJson, dump_json, parse_json
from schemas.merge import load_merge
from schemas.text import UnfitText, check_body, read_safe_cell

Json = dict[str, Any]

#: The members and columns of an outcome file beside the pair, and the one with a line that could not be parsed.
RESULT_COLUMNS = ("line", "outcome", "reason", "job_id", "batch_id", "orphan_braze_id", "survivor_braze_id")
TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePair:
    """One pair of a merge file, valid or not."""

    line: int
    #: The object for `merge_updates`; of an invalid pair, the sides that could be parsed.
    update: Json
    #: A sentence that says why it is invalid, or None.
    fault: str | None
    #: Keys of its identifiers. Two pairs with a common key must be merged in the order of the file.
    sharing_keys: frozenset[tuple[str, ...]]
    #: The position after it in the file.
    end: Position
    #: The line as it is, if it could not be parsed or has more than a pair.
    text: str | None = None


def parse_pairs(records: Iterable[Record], form: FileFormat, *, safe_cells: bool = False) -> Iterator[FilePair]:
    """Yield the pairs of *records*, validated by the same schema as requests to the API.

    *safe_cells*: the cells were written by `safe_cell`, as those of an outcome file.
    """
    for record in records:
        fault, keys, update, text = record.fault, frozenset[tuple[str, ...]](), _sides(record.value), record.text
        if fault is None:
            sent = _without_result(record.value)
            if form is FileFormat.CSV:
                cells = {name: read_safe_cell(cell) for name, cell in sent.items()} if safe_cells else sent
                sent = update = update_from_cells(cells)
            else:
                update = _sides(sent)
            fault, keys = check_update(sent)
            text = None if fault is None or sent == update else dump_json(sent).decode()
        yield FilePair(line=record.line, update=update, fault=fault, sharing_keys=keys, end=record.end, text=text)


def _without_result(value: Any) -> Any:
    """Return the pair in a line of an outcome file, which may have it as text; any other value unchanged."""
    if not isinstance(value, dict) or not {"line", "outcome"} <= value.keys():
        return value
    if isinstance(value.get(TEXT), str) and value.keys() <= {*RESULT_COLUMNS, TEXT, *SIDES.values()}:
        with suppress(InvalidJson):
            return parse_json(value[TEXT])
    return {name: part for name, part in value.items() if name not in (*RESULT_COLUMNS, TEXT)}


def _sides(value: Any) -> Json:
    """Return the sides in *value*, so that the outcome file identifies an invalid line too."""
    return {name: value[name] for name in SIDES.values() if name in value} if isinstance(value, dict) else {}


def check_update(update: Any) -> tuple[str | None, frozenset[tuple[str, ...]]]:
    """Return the fault of an object of `merge_updates`, or None, and the keys of its identifiers."""
    body = {"merge_updates": [update]}
    try:
        check_body(body)
        (loaded,) = load_merge(body)
    except UnfitText as error:
        return str(error), frozenset()
    except ValidationError as error:
        return str(error.normalized_messages()["merge_updates"][0]), frozenset()
    return None, frozenset({sharing_key(loaded.orphan), sharing_key(loaded.survivor)})
