"""JSON is read and written exactly: integers of 64 bits as integers, larger ones with all digits."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.json_values import LEAST, MOST, InvalidJson, OversizedInteger, dump_json, parse_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9007199254740993", 2**53 + 1),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", 2**63),
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
        ("18446744073709551616", OversizedInteger("18446744073709551616")),
        ("-9223372036854775809", OversizedInteger("-9223372036854775809")),
        ("109876543210987654321", OversizedInteger("109876543210987654321")),
        ("9" * 5000, OversizedInteger("9" * 5000)),
        ('{"a": [{"b": 109876543210987654321}]}', {"a": [{"b": OversizedInteger("109876543210987654321")}]}),
        ("1.8446744073709552e19", 1.8446744073709552e19),
        ("18446744073709551616.0", 1.8446744073709552e19),
        ("1E+2", 100.0),
        ('"109876543210987654321"', "109876543210987654321"),
        ('["109876543210987654321", -0, 1.5, true, null]', ["109876543210987654321", 0, 1.5, True, None]),
    ],
)
def test_a_number_is_read_exactly(text: str, value: Any) -> None:
    parsed = parse_json(text.encode())

    assert parsed == parse_json(text) == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize("beside", ["1", "109876543210987654321"])
@pytest.mark.parametrize(
    "text",
    [
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e400",
        b"-1e400",
        b'"\\ud800"',
        b'"\xff"',
        b'"\x01"',
        b"01",
        b"1,",
        b"'a'",
        b"[" * 2_000 + b"]" * 2_000,
    ],
)
def test_what_is_no_json_is_refused_beside_any_integer(text: bytes, beside: str) -> None:
    with pytest.raises(InvalidJson):
        parse_json(b"[%s, %s]" % (text, beside.encode()))


@given(st.integers(-(2**70), 2**70))
def test_any_integer_keeps_its_digits(number: int) -> None:
    parsed = parse_json(str(number))

    assert parsed == (number if LEAST <= number <= MOST else OversizedInteger(str(number)))
    assert dump_json({"a": parsed}) == b'{"a":%d}' % number


def test_only_dump_json_writes_an_integer_beyond_64_bits() -> None:
    with pytest.raises(orjson.JSONEncodeError):
        orjson.dumps(OversizedInteger("18446744073709551616"))
    with pytest.raises(orjson.JSONEncodeError):
        dump_json(object())
