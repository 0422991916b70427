"""Files are read as a stream, record by record, and what cannot be read does not end the reading."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cli.bulk import records as module
from cli.bulk.files import FileError, FileFormat, detect_format, open_source
from cli.bulk.records import Position, Record, read_columns, read_records
from schemas.json_values import OversizedInteger

Read = Callable[..., list[Record]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """A function that reads a file of the given content, from its beginning or from a place in it."""

    def reading(content: bytes, form: FileFormat, start: Position | None = None) -> list[Record]:
        path = tmp_path / "file"
        path.write_bytes(content)
        with open_source(str(path), form, spool=tmp_path) as source:
            return list(read_records(source, start))

    return reading


def values(found: list[Record]) -> list[tuple[int, object]]:
    return [(record.line, record.value) for record in found]


def test_each_line_is_a_json_value_and_blank_ones_are_passed_over(read: Read) -> None:
    found = read(b'\xef\xbb\xbf{"a": 1}\r\n\n  \n"b"\n3', FileFormat.JSONL)

    assert values(found) == [(1, {"a": 1}), (4, "b"), (5, 3)]
    assert [record.end.offset for record in found] == [13, 21, 22]


def test_integers_are_exact_however_long_they_are(read: Read) -> None:
    found = read(b'{"a": 18446744073709551615}\n{"a": [-9223372036854775809]}\n', FileFormat.JSONL)

    assert values(found) == [(1, {"a": 2**64 - 1}), (2, {"a": [OversizedInteger("-9223372036854775809")]})]


@pytest.mark.parametrize("line", [b"{", b'{"a": NaN}', b'"\xff"', b'"\\ud800"'])
def test_a_line_that_is_no_json_has_a_fault(read: Read, line: bytes) -> None:
    bad, good = read(line + b"\n1\n", FileFormat.JSONL)

    assert bad.value is None
    assert bad.fault is not None
    assert bad.fault.startswith("The line is not JSON in UTF-8: ")
    assert (good.line, good.value, good.fault) == (2, 1, None)


def test_a_row_has_its_cells_by_column_wherever_its_line_ends(read: Read) -> None:
    found = read(b'a;b\n1;"x\ny"\n\n2;z\n', FileFormat.CSV)

    assert values(found) == [(2, {"a": "1", "b": "x\ny"}), (5, {"a": "2", "b": "z"})]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"1,2,3\n", "The line has 3 cells; the header has 2."),
        (b"1\n", "The line has 1 cells; the header has 2."),
        (b'1,"x"y\n', "The line is not CSV: "),
        (b"1,\xff\n", "The line is not UTF-8."),
    ],
)
def test_a_row_that_does_not_fit_has_a_fault(read: Read, line: bytes, fault: str) -> None:
    bad, good = read(b"a,b\n" + line + b"3,4\n", FileFormat.CSV)

    assert bad.fault is not None
    assert bad.fault.startswith(fault)
    assert (good.line, good.value) == (3, {"a": "3", "b": "4"})


@pytest.mark.parametrize("form", FileFormat)
def test_a_line_without_an_end_in_sight_is_told_and_passed_over(
    read: Read, form: FileFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_LINE", 8)
    found = read(b'"a","b"\n' + b"1" * 40 + b"\n" + (b"3,4\n" if form is FileFormat.CSV else b"34\n"), form)[-2:]

    assert found[0].fault == "The line has 41 bytes; the maximum is 8."
    assert found[1].line == 3
    assert found[1].fault is None


@pytest.mark.parametrize(
    ("form", "content"),
    [(FileFormat.JSONL, b'1\n\n"x"\nbad\n4'), (FileFormat.CSV, b'a,b\n1,"x\ny"\n2,\n\nbad\n3,z')],
)
def test_from_behind_any_record_the_rest_is_read_as_before(read: Read, form: FileFormat, content: bytes) -> None:
    whole = read(content, form)

    assert len(whole) > 3
    for number, record in enumerate(whole, start=1):
        assert read(content, form, record.end) == whole[number:]


@pytest.mark.parametrize("content", [b"", b"\xff\n1\n", b"a,a\n1,2\n", b"a,,b\n1,2,3\n"])
def test_a_header_that_names_no_columns_is_refused(read: Read, content: bytes) -> None:
    with pytest.raises(FileError, match="header"):
        read(content, FileFormat.CSV)


def test_columns_are_those_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("a\t b\n", encoding="utf-8")
    with open_source(str(path), FileFormat.CSV, spool=tmp_path) as source:
        assert read_columns(source) == ["a", "b"]


def test_a_source_knows_its_lines_and_notices_a_change(tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl"
    path.write_text("1\n2\n3", encoding="utf-8")
    with open_source(str(path), FileFormat.JSONL, spool=tmp_path) as source:
        source.check_unchanged()
        path.write_text("1\n2\n3\n4", encoding="utf-8")

        assert source.lines == 3
        with pytest.raises(FileError, match="changed while it was read"):
            source.check_unchanged()


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.csv", FileFormat.CSV),
        ("a.CSV", FileFormat.CSV),
        ("a.jsonl", FileFormat.JSONL),
        ("a.ndjson", FileFormat.JSONL),
    ],
)
def test_a_name_tells_its_form(name: str, form: FileFormat) -> None:
    assert detect_format(name, None) is form


def test_a_name_that_tells_no_form_needs_one_to_be_given() -> None:
    assert detect_format("a.txt", FileFormat.CSV) is FileFormat.CSV
    with pytest.raises(FileError, match="--format"):
        detect_format("a.txt", None)
