"""Pairs as a merge file writes them: the vendor's objects in JSON Lines, or columns in CSV. Both say the same."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from cli.bulk.errors import UnfitFile
from cli.bulk.records import Position, Record
from cli.bulk.source import Form
from schemas.identifiers import sharing_key
from schemas.merge import load_merge
from schemas.text import UnfitText, check_body

Json = dict[str, Any]

#: The wire's names of the two sides, by how the columns of each begin.
SIDES: Mapping[str, str] = {"merge": "identifier_to_merge", "keep": "identifier_to_keep"}
#: What the columns of a side are called behind that: plain identifiers, the two parts of an alias, the filters.
PLAIN = ("external_id", "email", "phone")
ALIAS = ("alias_label", "alias_name")
PARTS = (PLAIN[0], *ALIAS, *PLAIN[1:], "prioritization")
COLUMNS = tuple(f"{side}_{part}" for side in SIDES for part in PARTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One pair of a merge file, fit to be sent or not."""

    line: int
    #: What `merge_updates` would hold; of an unfit pair whatever of it could be read.
    update: Json
    #: Why it cannot be sent, in a sentence; None when it can.
    fault: str | None
    #: What another pair has in common with it when their order matters.
    shares: frozenset[tuple[str, ...]]
    #: The place behind it in the file.
    end: Position


def pairs(records: Iterable[Record], form: Form) -> Iterator[Pair]:
    """Yield the pairs that *records* of a file in *form* write, checked as the front door would check them."""
    for record in records:
        update = update_of(record.value) if form is Form.CSV and record.value else _readable(record.value)
        sent = record.value if form is Form.JSONL else update
        fault, shares = (record.fault, frozenset[tuple[str, ...]]()) if record.fault else _checked(sent)
        yield Pair(line=record.line, update=update, fault=fault, shares=shares, end=record.end)


def check_columns(names: Sequence[str]) -> None:
    """Raise UnfitFile unless *names* can say both sides of a pair, and misspell none of our columns.

    A column that begins otherwise is left alone: it may be anything that helps to remember whom a line is about.
    """
    ours = [name for name in names if name.startswith(tuple(f"{side}_" for side in SIDES))]
    unknown = [name for name in ours if name not in COLUMNS]
    missing = [side for side in SIDES if not any(name.startswith(f"{side}_") for name in ours)]
    if unknown:
        raise UnfitFile(f"There is no column {unknown[0]!r}; those that say a pair are {', '.join(COLUMNS)}.")
    if missing:
        raise UnfitFile(f"No column begins with {missing[0]}_; those that say a pair are {', '.join(COLUMNS)}.")


def update_of(cells: Mapping[str, str]) -> Json:
    """Return what `merge_updates` holds for a row's *cells*. An empty cell says nothing."""
    return {
        name: _identifier({part: cells.get(f"{side}_{part}", "") for part in PARTS}) for side, name in SIDES.items()
    }


def cells_of(update: Json) -> dict[str, str]:
    """Return the cells of COLUMNS for *update*: of the given values those that are text, the others empty."""
    cells = dict.fromkeys(COLUMNS, "")
    for side, name in SIDES.items():
        identifier = update.get(name)
        for part, value in _parts(identifier if isinstance(identifier, dict) else {}):
            cells[f"{side}_{part}"] = value if isinstance(value, str) else ""
    return cells


def _identifier(cells: Mapping[str, str]) -> Json:
    """Return the identifier that the *cells* of one side write, whether or not it is one."""
    identifier: Json = {kind: cells[kind] for kind in PLAIN if cells[kind]}
    if any(cells[part] for part in ALIAS):
        identifier["user_alias"] = {part: cells[part] for part in ALIAS if cells[part]}
    if cells["prioritization"].split():
        identifier["prioritization"] = cells["prioritization"].split()
    return identifier


def _parts(identifier: Json) -> Iterator[tuple[str, Any]]:
    """Yield the values of *identifier* by the names of their columns."""
    yield from ((kind, identifier[kind]) for kind in PLAIN if kind in identifier)
    alias, steps = identifier.get("user_alias"), identifier.get("prioritization")
    if isinstance(alias, dict):
        yield from ((part, alias[part]) for part in ALIAS if part in alias)
    if isinstance(steps, list) and all(isinstance(step, str) for step in steps):
        yield "prioritization", " ".join(steps)


def _readable(value: Any) -> Json:
    """Return of a line's *value* what says a side, so that a refused line can still be recognised."""
    return {name: value[name] for name in SIDES.values() if name in value} if isinstance(value, dict) else {}


def _checked(update: Any) -> tuple[str | None, frozenset[tuple[str, ...]]]:
    """Return what is wrong with *update*, or None, and what it shares with others."""
    body = {"merge_updates": [update]}
    try:
        check_body(body)
        (loaded,) = load_merge(body)
    except UnfitText as error:
        return str(error), frozenset()
    except ValidationError as error:
        return str(error.normalized_messages()["merge_updates"][0]), frozenset()
    return None, frozenset({sharing_key(loaded.orphan), sharing_key(loaded.survivor)})
