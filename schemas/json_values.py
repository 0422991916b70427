"""JSON, read and written exactly: an integer beyond 64 bits is not rounded to a float."""

import json  # noqa: TID251 - orjson rounds what this module must not round
import math
from typing import Any, Never

import orjson

from schemas.text import escape_controls

#: From the least integer of 64 bits with a sign to the greatest without one: orjson and PostgreSQL keep these exact.
LEAST, MOST = -(2**63), 2**64 - 1
#: The digits of the shortest integer outside these bounds.
SHORTEST = 19
DIGITS_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")


class InvalidJson(ValueError):
    """The text is not JSON in UTF-8; the message says why."""


class OversizedInteger:
    """An integer outside LEAST to MOST, by its *digits*. It is no number, so fields refuse it.

    No dataclass, because orjson would write one as an object: only dump_json writes it.
    """

    __slots__ = ("digits",)

    def __init__(self, digits: str) -> None:
        self.digits = digits

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OversizedInteger) and self.digits == other.digits

    def __hash__(self) -> int:
        return hash(self.digits)

    def __repr__(self) -> str:
        return f"OversizedInteger({self.digits})"


def parse_json(text: bytes | str) -> Any:
    """Parse JSON; an integer outside LEAST to MOST becomes an OversizedInteger. Raises InvalidJson."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    # orjson rounds such integers to floats, so a text with a number that long is parsed by the standard library.
    if b"0" * SHORTEST in data.translate(DIGITS_AS_ZEROS):
        return _parse_exactly(data)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidJson(str(error.msg)) from None


def dump_json(value: Any, *, option: int | None = None) -> bytes:
    """Return *value* as JSON. Its OversizedIntegers are written with all digits."""
    return orjson.dumps(value, default=_dump_oversized, option=option)


def dump_printable(value: Any, *, option: int | None = None) -> bytes:
    """Return *value* as JSON for files and terminals: control characters in its strings are escapes."""
    data = dump_json(value, option=option)
    if data.isascii() and b"\x7f" not in data:
        return data
    # Between the strings, line feeds are the only control characters.
    return "\n".join(map(escape_controls, data.decode().split("\n"))).encode()


def find_repeated_member(data: bytes) -> str | None:
    """Return the name of a member that an object in *data*, which is valid JSON, has twice; None without one."""
    repeated: list[str] = []

    def check(members: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in members]
        if len(set(names)) < len(names):
            repeated.append(next(name for name in names if names.count(name) > 1))

    try:
        json.loads(data, object_pairs_hook=check, parse_int=len, parse_float=len)
    except (RecursionError, ValueError):
        return None
    return repeated[0] if repeated else None


def _parse_exactly(data: bytes) -> Any:
    try:
        value = json.loads(
            data.decode(), parse_int=_integer, parse_float=_finite_float, parse_constant=_refuse_constant
        )
        # Raises for lone surrogates, which orjson does not read either.
        dump_json(value)
    except json.JSONDecodeError as error:
        raise InvalidJson(error.msg) from None
    except RecursionError:
        raise InvalidJson("it nests too deep") from None
    except (ValueError, orjson.JSONEncodeError) as error:
        raise InvalidJson(str(error)) from None
    return value


def _integer(digits: str) -> int | OversizedInteger:
    # int() refuses thousands of digits.
    if len(digits) > len(str(LEAST)):
        return OversizedInteger(digits)
    number = int(digits)
    return number if LEAST <= number <= MOST else OversizedInteger(digits)


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is out of range")
    return number


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is no value of JSON")


def _dump_oversized(value: Any) -> Any:
    if isinstance(value, OversizedInteger):
        return orjson.Fragment(value.digits)
    raise TypeError
