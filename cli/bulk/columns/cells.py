"""The types of cells: text, numbers, truth values and JSON."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from marshmallow import Schema, fields

from schemas.fields import Day, Moment, Number, Truth
from schemas.history import Price, Quantity
from schemas.json_values import parse_json
from schemas.lenient import Lenient

TRUTHS: Mapping[str, bool] = {"true": True, "false": False}
NUMERAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
#: The signs between whole numbers and fractions.
POINT, COMMA = ".", ","
#: Digits of an integer above which it is rather an id than a count.
MOST_DIGITS = 15


class CellType(StrEnum):
    """The type of the cells of a column, as its header names it after a colon."""

    TEXT = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRules:
    """How the cells of a file are read beyond the types of its columns."""

    #: Whether text of custom attributes and properties may become a number or a truth value.
    detect_types: bool = False
    #: The sign between whole numbers and fractions.
    decimal: str = POINT


PLAIN = CellRules()


def parse_cell(text: str, kind: CellType, *, decimal: str = POINT) -> Any:
    """Return the value of a cell of this *kind*; raise ValueError when *text* is none."""
    match kind:
        case CellType.NUMBER if NUMERAL.fullmatch(numeral := _with_point(text.strip(), decimal)):
            return parse_json(numeral)
        case CellType.BOOLEAN if text.strip().lower() in TRUTHS:
            return TRUTHS[text.strip().lower()]
        case CellType.JSON:
            return parse_json(text)
        case CellType.TEXT:
            return text
        case _:
            raise ValueError(text)


def detect_value(text: str, *, decimal: str = POINT) -> Any:
    """Return *text* as the truth value or number that it looks like, else *text* itself."""
    if text.strip().lower() in TRUTHS:
        return TRUTHS[text.strip().lower()]
    numeral = _with_point(text, decimal)
    if NUMERAL.fullmatch(numeral) and len(re.sub(r"\D", "", numeral)) <= MOST_DIGITS:
        return parse_json(numeral)
    return text


def _with_point(text: str, decimal: str) -> str:
    """Return the number *text* with a point. What has another *decimal* sign and a point is no number."""
    if decimal == POINT:
        return text
    return "" if POINT in text else text.replace(decimal, POINT)


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
