"""Parses the pairs of a merge file: objects of `merge_updates` in JSON Lines, or columns in CSV."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from cli.bulk.files import FileError, FileFormat
from cli.bulk.records import Position, Record
from schemas.identifiers import sharing_key
from schemas.merge import load_merge
from schemas.text import UnfitText, check_body

Json = dict[str, Any]

#: The members of an update, by the prefix of their columns.
SIDES: Mapping[str, str] = {"merge": "identifier_to_merge", "keep": "identifier_to_keep"}
#: The columns of a side after the prefix: single identifiers, the two parts of an alias, the prioritization.
SINGLE = ("external_id", "email", "phone")
ALIAS = ("alias_label", "alias_name")
PARTS = (SINGLE[0], *ALIAS, *SINGLE[1:], "prioritization")
PAIR_COLUMNS = tuple(f"{side}_{part}" for side in SIDES for part in PARTS)


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


def parse_pairs(records: Iterable[Record], form: FileFormat) -> Iterator[FilePair]:
    """Yield the pairs of *records*, validated by the same schema as requests to the API."""
    for record in records:
        update = update_from_cells(record.value) if form is FileFormat.CSV and record.value else _sides(record.value)
        sent = record.value if form is FileFormat.JSONL else update
        fault, keys = (record.fault, frozenset[tuple[str, ...]]()) if record.fault else _validate(sent)
        yield FilePair(line=record.line, update=update, fault=fault, sharing_keys=keys, end=record.end)


def check_columns(names: Sequence[str]) -> None:
    """Raise FileError unless the columns *names* name both sides of a pair.

    An unknown column with the prefix of a side is refused, because it may be misspelt. Other columns are ignored.
    """
    ours = [name for name in names if name.startswith(tuple(f"{side}_" for side in SIDES))]
    unknown = [name for name in ours if name not in PAIR_COLUMNS]
    missing = [side for side in SIDES if not any(name.startswith(f"{side}_") for name in ours)]
    if unknown:
        raise FileError(f"Unknown column {unknown[0]!r}. The columns of a pair are {', '.join(PAIR_COLUMNS)}.")
    if missing:
        raise FileError(f"No column begins with {missing[0]}_. The columns of a pair are {', '.join(PAIR_COLUMNS)}.")


def update_from_cells(cells: Mapping[str, str]) -> Json:
    """Return the object for `merge_updates` that the *cells* of a row name. Empty cells are ignored."""
    return {
        name: _identifier({part: cells.get(f"{side}_{part}", "") for part in PARTS}) for side, name in SIDES.items()
    }


def cells_from_update(update: Json) -> dict[str, str]:
    """Return the cells of PAIR_COLUMNS for *update*; values that are no text become empty cells."""
    cells = dict.fromkeys(PAIR_COLUMNS, "")
    for side, name in SIDES.items():
        identifier = update.get(name)
        for part, value in _parts(identifier if isinstance(identifier, dict) else {}):
            cells[f"{side}_{part}"] = value if isinstance(value, str) else ""
    return cells


def _identifier(cells: Mapping[str, str]) -> Json:
    """Return the identifier in the *cells* of one side; it may be invalid."""
    identifier: Json = {kind: cells[kind] for kind in SINGLE if cells[kind]}
    if any(cells[part] for part in ALIAS):
        identifier["user_alias"] = {part: cells[part] for part in ALIAS if cells[part]}
    if cells["prioritization"].split():
        identifier["prioritization"] = cells["prioritization"].split()
    return identifier


def _parts(identifier: Json) -> Iterator[tuple[str, Any]]:
    """Yield column name and value for each part of *identifier*."""
    yield from ((kind, identifier[kind]) for kind in SINGLE if kind in identifier)
    alias, steps = identifier.get("user_alias"), identifier.get("prioritization")
    if isinstance(alias, dict):
        yield from ((part, alias[part]) for part in ALIAS if part in alias)
    if isinstance(steps, list) and all(isinstance(step, str) for step in steps):
        yield "prioritization", " ".join(steps)


def _sides(value: Any) -> Json:
    """Return the sides in *value*, so that the outcome file identifies an invalid line too."""
    return {name: value[name] for name in SIDES.values() if name in value} if isinstance(value, dict) else {}


def _validate(update: Any) -> tuple[str | None, frozenset[tuple[str, ...]]]:
    """Return the fault of *update*, or None, and the keys of its identifiers."""
    body = {"merge_updates": [update]}
    try:
        check_body(body)
        (loaded,) = load_merge(body)
    except UnfitText as error:
        return str(error), frozenset()
    except ValidationError as error:
        return str(error.normalized_messages()["merge_updates"][0]), frozenset()
    return None, frozenset({sharing_key(loaded.orphan), sharing_key(loaded.survivor)})
