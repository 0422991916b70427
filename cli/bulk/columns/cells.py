"""The types of cells: text, numbers, truth values and JSON."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from marshmallow import Schema, fields

from schemas.fields import Day, Moment, Number, Truth
from schemas.history import Price, Quantity
from schemas.json_values import parse_json
from schemas.lenient import Lenient

TRUTHS: Mapping[str, bool] = {"true": True, "false": False}
NUMERAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
#: Digits of an integer above which it is rather an id than a count.
MOST_DIGITS = 15


class CellType(StrEnum):
    """The type of the cells of a column, as its header names it after a colon."""

    TEXT = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"


def parse_cell(text: str, kind: CellType) -> Any:
    """Return the value of a cell of this *kind*; raise ValueError when *text* is none."""
    match kind:
        case CellType.NUMBER if NUMERAL.fullmatch(text.strip()):
            return parse_json(text)
        case CellType.BOOLEAN if text.strip().lower() in TRUTHS:
            return TRUTHS[text.strip().lower()]
        case CellType.JSON:
            return parse_json(text)
        case CellType.TEXT:
            return text
        case _:
            raise ValueError(text)


def detect_value(text: str) -> Any:
    """Return *text* as the truth value or number that it looks like, else *text* itself."""
    if text.strip().lower() in TRUTHS:
        return TRUTHS[text.strip().lower()]
    if NUMERAL.fullmatch(text) and len(re.sub(r"\D", "", text)) <= MOST_DIGITS:
        return parse_json(text)
    return text


def type_of_member(schema: Schema, name: str) -> CellType:
    """Return the type of the member *name* of an object of *schema*."""
    field = schema.fields[name]
    if isinstance(field, Lenient):
        field = field.inner
    if isinstance(field, Truth):
        return CellType.BOOLEAN
    if isinstance(field, Number | Price | Quantity):
        return CellType.NUMBER
    if isinstance(field, fields.String | Day | Moment):
        return CellType.TEXT
    return CellType.JSON
