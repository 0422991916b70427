"""Lines of an import file: their arrays, the values of their cells, and whether they may be sent twice."""

from typing import Any

import pytest

from app.text_files.lines import Position, Record
from cli.bulk.columns.import_columns import read_import_columns
from cli.bulk.files import FileError, FileFormat
from cli.bulk.import_lines import MAX_BYTES, ImportLine, group_by_array, parse_import_lines, split_import
from schemas.json_values import OversizedInteger

EVENT = {"external_id": "ada", "name": "login", "time": "2026-05-01T12:00:00Z"}


def read(
    *values: Any, form: FileFormat = FileFormat.JSONL, array: str = "attributes", names: tuple[str, ...] = ()
) -> list[ImportLine]:
    records = (
        Record(line=number, value=value, fault=None, end=Position(offset=number, lines=number))
        for number, value in enumerate(values, start=1)
    )
    columns = read_import_columns(names, array=array) if form is FileFormat.CSV else None
    return list(parse_import_lines(records, array=array, columns=columns))


def test_a_line_names_its_array_or_belongs_to_the_given_one() -> None:
    found = read({"external_id": "ada", "first_name": "Ada"}, {"events": EVENT})
    named = read(EVENT, array="events")

    assert [(line.array, line.fault) for line in [*found, *named]] == [("attributes", None), *[("events", None)] * 2]
    assert found[1].given == named[0].given == EVENT


@pytest.mark.parametrize("value", [5, {}, {"first_name": "nobody"}, {"events": {}}, {"external_id": "a", "x": "\0"}])
def test_a_line_that_the_server_would_refuse_is_not_sent(value: Any) -> None:
    assert read(value)[0].fault


@pytest.mark.parametrize(
    ("value", "repeatable"),
    [
        ({"external_id": "ada", "plan": "pro"}, True),
        ({"external_id": "ada", "address": {"city": "Rom"}, "_merge_objects": True}, True),
        ({"external_id": "ada", "visits": {"inc": 1}}, False),
        ({"external_id": "ada", "tags": {"add": ["x"]}}, False),
        ({"events": EVENT}, False),
    ],
)
def test_lines_that_must_not_be_sent_twice_are_not_repeatable(value: Any, repeatable: bool) -> None:
    (line,) = read(value)

    assert (line.fault, line.repeatable) == (None, repeatable)


@pytest.mark.parametrize("digits", ["109876543210987654321", "-9223372036854775809"])
def test_a_cell_with_an_integer_beyond_64_bits_keeps_its_digits(digits: str) -> None:
    names = ("external_id", "a", "b:number", "c:json")
    (line,) = read(
        dict(zip(names, ("ada", digits, digits, f"[{digits}]"), strict=True)), form=FileFormat.CSV, names=names
    )

    assert line.fault is None
    assert line.given == {
        "external_id": "ada",
        "a": digits,
        "b": OversizedInteger(digits),
        "c": [OversizedInteger(digits)],
    }
    assert line.size == len(f'{{"external_id":"ada","a":"{digits}","b":{digits},"c":[{digits}]}}')


def test_cells_are_text_unless_their_column_has_a_type() -> None:
    names = ("external_id", "zip", "score:number", "vip:boolean", "tags:json", "n:a:me:number")
    cells = dict(zip(names, ("007", "01234", "1.5", "TRUE", '["a"]', "-2"), strict=True))
    (line,) = read(cells, form=FileFormat.CSV, names=names)

    assert line.fault is None
    assert line.given == {
        "external_id": "007",
        "zip": "01234",
        "score": 1.5,
        "vip": True,
        "tags": ["a"],
        "n:a:me": -2,
    }


@pytest.mark.parametrize(
    ("name", "text"), [("x:number", "1,5"), ("x:number", "true"), ("x:boolean", "1"), ("x:json", "{")]
)
def test_a_cell_of_another_type_than_its_column_is_refused(name: str, text: str) -> None:
    (line,) = read({"external_id": "ada", name: text}, form=FileFormat.CSV, names=("external_id", name))

    assert line.fault == f"The cell in column 'x' is not a {name[2:]}: '{text}'."


def test_an_empty_cell_is_ignored_and_an_unknown_type_is_refused() -> None:
    (line,) = read({"external_id": "ada", "x:number": ""}, form=FileFormat.CSV, names=("external_id", "x:number"))

    assert line.given == {"external_id": "ada"}
    with pytest.raises(FileError, match="Use string, number, boolean, json"):
        read_import_columns(["external_id", "x:date"], array="attributes")


def test_a_chunk_has_up_to_75_lines() -> None:
    found = read(*[{"external_id": str(number)} for number in range(160)])

    assert [len(chunk) for chunk in split_import(found)] == [75, 75, 10]


def test_a_chunk_stays_below_the_maximum_size_of_a_request() -> None:
    text = "x" * 250
    found = read(*[{"external_id": str(n), **{f"a{k}": text for k in range(1000)}} for n in range(40)])
    sizes = [sum(line.size for line in chunk) for chunk in split_import(found)]

    assert len(sizes) > 1
    assert max(sizes) <= MAX_BYTES


def test_a_line_whose_fault_would_affect_other_lines_is_sent_alone() -> None:
    sound, faulty = {"external_id": "a", "x": {"y": 1}}, {"external_id": "b", "x": {"bad key": 1}}
    found = read(sound, faulty, sound)

    assert [[line.line for line in chunk] for chunk in split_import(found)] == [[1], [2], [3]]


def test_a_line_with_an_invalid_standard_attribute_is_sent_with_others() -> None:
    found = read({"external_id": "a", "gender": "male"}, {"external_id": "b"})

    assert [[line.line for line in chunk] for chunk in split_import(found)] == [[1, 2]]


def test_a_request_contains_the_valid_lines_by_their_array() -> None:
    arrays = group_by_array(read({"external_id": "a"}, 5, {"events": EVENT}, {"external_id": "b"}))

    assert {name: [line.line for line in lines] for name, lines in arrays.items()} == {
        "attributes": [1, 4],
        "events": [3],
    }
