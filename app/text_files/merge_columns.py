"""The columns of a merge file: the identifiers of both sides of a pair."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.text_files.files import FileError
from app.text_files.known_names import refuse_nearly_known
from schemas.text import quoted

Json = dict[str, Any]

#: The members of an update, by the prefix of their columns.
SIDES: Mapping[str, str] = {"merge": "identifier_to_merge", "keep": "identifier_to_keep"}
#: The columns of a side after the prefix: single identifiers, the two parts of an alias, the prioritization.
SINGLE = ("external_id", "email", "phone")
ALIAS = ("alias_label", "alias_name")
PARTS = (SINGLE[0], *ALIAS, *SINGLE[1:], "prioritization")
PAIR_COLUMNS = tuple(f"{side}_{part}" for side in SIDES for part in PARTS)
#: Columns of every outcome file.
OUTCOME_COLUMNS = frozenset({"line", "outcome", "reason", "orphan_braze_id", "survivor_braze_id"})


def check_columns(names: Sequence[str], file: str = "the file") -> None:
    """Raise FileError unless the columns *names* name both sides of a pair.

    A column that is nearly one of a pair, or has the prefix of a side, is refused. Other columns are ignored.
    """
    refuse_nearly_known(names, PAIR_COLUMNS, file=file, remedy="")
    ours = [name for name in names if name.startswith(tuple(f"{side}_" for side in SIDES))]
    unknown = [name for name in ours if name not in PAIR_COLUMNS]
    missing = [side for side in SIDES if not any(name.startswith(f"{side}_") for name in ours)]
    known = ", ".join(PAIR_COLUMNS)
    if unknown:
        raise FileError(f"Unknown column '{quoted(unknown[0])}' in {file}. The columns of a pair are {known}.")
    if missing:
        raise FileError(f"No column of {file} begins with {missing[0]}_. The columns of a pair are {known}.")
    for side in SIDES:
        present = [part for part in ALIAS if f"{side}_{part}" in ours]
        if len(present) == 1:
            (other,) = set(ALIAS) - set(present)
            raise FileError(f"{file} has the column '{side}_{present[0]}' without '{side}_{other}'. Add it.")


def is_outcome_file(names: Sequence[str]) -> bool:
    """Return whether the columns *names* are those of an outcome file, whose cells are written by `safe_cell`."""
    return set(names) >= OUTCOME_COLUMNS


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
