"""Files are read as a stream, record by record, and an invalid record does not end the reading."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.text_files import lines as lines_module
from app.text_files.header import read_header
from app.text_files.lines import Position, Record
from app.text_files.records import read_records
from cli.bulk.files import FileError, FileFormat, detect_format
from cli.bulk.reading.source import open_source
from schemas.json_values import OversizedInteger

Read = Callable[..., list[Record]]
CSV, JSONL = FileFormat.CSV, FileFormat.JSONL


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """A function that reads a file with the given content, from its start or from a position."""

    def reading(
        content: bytes, form: FileFormat, start: Position | None = None, *, one_line: tuple[str, ...] = ()
    ) -> list[Record]:
        path = tmp_path / "file"
        path.write_bytes(content)
        with open_source(str(path), form, spool=tmp_path) as source:
            header = read_header(source) if form is CSV else None
            return list(read_records(source, header, start, one_line=one_line))

    return reading


def values(found: list[Record]) -> list[tuple[int, object]]:
    """Return the line and the value of each record, or its fault."""
    return [(record.line, record.fault or record.value) for record in found]


def test_each_line_is_a_json_value_and_blank_ones_are_skipped(read: Read) -> None:
    found = read(b'\xef\xbb\xbf{"a": 1}\r\n\n  \n"b"\n3', JSONL)

    assert values(found) == [(1, {"a": 1}), (4, "b"), (5, 3)]
    assert [record.end.offset for record in found] == [13, 21, 22]


def test_integers_of_any_length_are_exact(read: Read) -> None:
    found = read(b'{"a": 18446744073709551615}\n{"a": [-9223372036854775809]}\n', JSONL)

    assert values(found) == [(1, {"a": 2**64 - 1}), (2, {"a": [OversizedInteger("-9223372036854775809")]})]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "The line is not valid JSON. Write each object on one line of its own, without an array around them."),
        ('{"a": 1', "The line is not valid JSON."),
        ('{"a": NaN}', "The line is not valid JSON. JSON has no NaN and no Infinity; use null."),
        ('{"a": -Infinity}', "The line is not valid JSON. JSON has no NaN and no Infinity; use null."),
        ('{"a": 1e999}', "The line is not valid JSON."),
        ("{'a': 1}", "The line is not valid JSON. Names and text need double quotes."),
        ('{"a": 1},', "The line is not valid JSON. Remove the comma at the end of the line."),
        ('"\\ud800"', "The line is not valid JSON."),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "An object in the line has the member 'c' twice."),
        ('{"a\\u001b": 1, "a\\u001b": 2}', "An object in the line has the member 'a\N{REPLACEMENT CHARACTER}' twice."),
        ("[" * 300 + "]" * 300, "The JSON in the line nests deeper than 200 levels."),
        ('{"a":' * 300 + "1" + "}" * 300, "The JSON in the line nests deeper than 200 levels."),
        ("[" * 100_000 + "]" * 100_000, "The line is not valid JSON."),
        ("[" * 100_000, "The line is not valid JSON."),
    ],
)
def test_a_line_that_is_no_json_has_a_fault_and_keeps_its_text(read: Read, line: str, fault: str) -> None:
    bad, good = read(line.encode() + b"\r\n1\n", JSONL)

    assert (bad.line, bad.value, bad.fault, bad.text) == (1, None, fault, line)
    assert (good.line, good.value, good.fault) == (2, 1, None)


def test_a_row_with_line_breaks_in_cells_has_its_cells_by_column(read: Read) -> None:
    found = read(b'a;b\n1;"x\ny"\n\n2;z\n', CSV)

    assert values(found) == [(2, {"a": "1", "b": "x\ny"}), (5, {"a": "2", "b": "z"})]


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (b"a,b\r1,x\r2,y\r", CSV),
        (b"a,b\n1,x\r2,y\r", CSV),
        (b"a,b\r\n1,x\n2,y", CSV),
        (b"a,b\r1,x\r\n2,y\n\r", CSV),
        (b'{"a":"1","b":"x"}\r{"a":"2","b":"y"}\r', JSONL),
    ],
)
def test_lines_may_have_any_line_ending(read: Read, content: bytes, form: FileFormat) -> None:
    assert [record.value for record in read(content, form)] == [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]


@pytest.mark.parametrize("size", range(1, 9))
def test_line_endings_are_found_across_the_blocks_of_the_file(
    read: Read, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(lines_module, "PIECE", size)
    found = read(b"a,b\r\n1,x\r2,y\n\r\n3,z\r\r\n4,", CSV)

    assert [(record.line, record.value["a"]) for record in found] == [(2, "1"), (3, "2"), (5, "3"), (7, "4")]


UNCLOSED = "A quote opens a cell of this line, and no quote closes it."
AFTER_QUOTE = "A quoted cell of this line has text after its closing quote. Write a quote inside a quoted cell twice."
ROWS = b"a,b\n1,x\n%s\n3,z\n4,w\n"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b'"2,y', UNCLOSED),
        (b'2,"y', UNCLOSED),
        (b'"2",y"', None),
        (b'2,5" pipe', None),
        (b'"2"x,y', AFTER_QUOTE),
        (b'2,"5" pipe"', AFTER_QUOTE),
        (b"2,y,z", "The line has 3 cells; the header has 2."),
        (b"2", "The line has 1 cell; the header has 2."),
        (b"a,b", "The line repeats the header. Several files were joined; remove the line."),
        (b"\xef\xbb\xbfa, b", "The line repeats the header. Several files were joined; remove the line."),
    ],
)
def test_after_a_line_with_a_fault_the_next_line_is_read(read: Read, line: bytes, fault: str | None) -> None:
    found = read(ROWS % line, CSV)

    assert [record.line for record in found] == [2, 3, 4, 5]
    assert [record.fault for record in found] == [None, fault, None, None]
    assert found[1].text == (line.removeprefix(b"\xef\xbb\xbf").decode() if fault else None)


def test_all_lines_after_an_unclosed_quote_are_read(read: Read) -> None:
    found = read(b'a,b\n"1,x\n' + b"".join(b"%d,y\n" % number for number in range(10_000)), CSV)

    assert [record.fault for record in found] == [UNCLOSED] + [None] * 10_000


@pytest.mark.parametrize(
    ("line", "lines", "fault"),
    [
        (
            b'2,"y\n3,z\n4,w"',
            (3, 5),
            "A quote opens in line 3 and closes in line 5, and each of these lines looks like",
        ),
        (b'"2\n3,z\n4"', (3, 5), "The row of lines 3 to 5 has 1 cell; the header has 2."),
        (
            b'"2\n3",z',
            (3, 4),
            "The row of lines 3 to 4 has a line break in the cell of 'a'. A quote may lack its pair.",
        ),
    ],
)
def test_a_fault_of_a_row_of_several_lines_names_all_its_lines(
    read: Read, line: bytes, lines: tuple[int, int], fault: str
) -> None:
    found = read(b"a,b\n1,x\n" + line + b"\n9,z\n", CSV, one_line=("a",))

    assert (found[1].line, found[1].end.lines) == lines
    assert str(found[1].fault).startswith(fault)
    assert found[1].text == line.decode()
    assert values(found[2:]) == [(lines[1] + 1, {"a": "9", "b": "z"})]


@pytest.mark.parametrize("rest", [b",,\n", b" , \n", b'"",""\n', b" \t \n", b"\x1a", b"\n\n\x1a\n", b",,,,\n,\n"])
def test_blank_rows_and_the_end_mark_of_old_files_are_skipped(read: Read, rest: bytes) -> None:
    assert values(read(b"a,b\n1,x\n" + rest, CSV)) == [(2, {"a": "1", "b": "x"})]


def test_the_end_mark_of_old_files_belongs_to_no_cell(read: Read) -> None:
    assert values(read(b"a,b\n1,x\x1a", CSV)) == [(2, {"a": "1", "b": "x"})]
    assert values(read(b'{"a":1}\n\x1a', JSONL)) == values(read(b'{"a":1}\x1a', JSONL)) == [(1, {"a": 1})]


def test_trailing_delimiters_make_no_column(read: Read) -> None:
    assert values(read(b"a,b,,\n1,x,,\n2,y\n3,z,,,\n4,w,v,\n", CSV)) == [
        (2, {"a": "1", "b": "x"}),
        (3, {"a": "2", "b": "y"}),
        (4, {"a": "3", "b": "z"}),
        (5, "The line has 3 cells; the header has 2."),
    ]


def test_blanks_after_delimiters_belong_to_no_cell_if_the_header_has_them_too(read: Read) -> None:
    found = read(b'id, name, city\n1, waller, \n2, "Smith, Jr",  Rom \n', CSV)
    padded = read(b"id ,name\n1  , Ann\n", CSV)

    assert values(found) == [
        (2, {"id": "1", "name": "waller", "city": ""}),
        (3, {"id": "2", "name": "Smith, Jr", "city": "Rom "}),
    ]
    assert values(padded) == [(2, {"id": "1", "name": " Ann"})]


def test_a_blank_cell_is_empty_and_other_blanks_are_kept(read: Read) -> None:
    assert values(read(b"a,b,c\n 1 , ,\xc2\xa0\n", CSV)) == [(2, {"a": " 1 ", "b": "", "c": ""})]


@pytest.mark.parametrize(
    "content",
    [
        b"a;b\n1;x,y,z\n",
        b"sep=;\na;b\n1;x,y,z\n",
        b'"sep=;"\r\na;b\r\n1;x,y,z\r\n',
        b"\xef\xbb\xbfSEP=;\n\na;b\n1;x,y,z\n",
        b"\n  \na;b\n1;x,y,z\n",
        b'"a";b\n1;"x,y,z"\n',
    ],
)
def test_the_first_line_or_the_rows_determine_the_delimiter(read: Read, content: bytes) -> None:
    assert [record.value for record in read(content, CSV)] == [{"a": "1", "b": "x,y,z"}]


def test_a_column_name_with_delimiters_does_not_change_the_delimiter(read: Read) -> None:
    found = read(b"external_id;first_name;notes, remarks, more, x\n1;Ann;y\n", CSV)

    assert found[0].value == {"external_id": "1", "first_name": "Ann", "notes, remarks, more, x": "y"}


def test_a_line_break_in_a_column_name_does_not_end_the_header(read: Read) -> None:
    found = read(b'a,"b\n(optional)",c\n1,x,y\n', CSV)

    assert values(found) == [(3, {"a": "1", "b\n(optional)": "x", "c": "y"})]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "file is empty"),
        (b"\n \n\x1a", "file is empty"),
        (b" , ,\n1,2,3\n", "has a header without column names"),
        (b"a,a\n1,2\n", "has the column 'a' twice"),
        (b"a, a\n1,2\n", "has the column 'a' twice"),
        (b"a,,b\n1,2,3\n", "Column 2 of .* has no name"),
        (b"a,%s\n1,2\n" % (b"x" * 140_000), "The name of column 2 of .* has more than 255 characters"),
        (b"%s,a\n1,2\n" % (b"x" * 4_000_000), "first line is too long"),
        (b'"a,b\n1,2\n', "has a header that is not CSV"),
        (b'"a,b"\n1,2\n', "is one cell in quotes"),
        (b"sep=x\na,b\n", "has the delimiter 'x'"),
        (b'{"a": 1}\n', "add --format jsonl"),
        (b"a,b\n1,2\nb,a\n", "has the columns of the header in another order"),
    ],
)
def test_a_header_that_names_no_columns_is_refused(read: Read, content: bytes, sentence: str) -> None:
    with pytest.raises(FileError, match=sentence):
        read(content, CSV)


@pytest.mark.parametrize("form", FileFormat)
def test_a_line_that_is_too_long_is_reported_and_skipped(
    read: Read, form: FileFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines_module, "MAX_LINE", 8)
    monkeypatch.setattr(lines_module, "PIECE", 4)
    found = read(b'"a","b"\n' + b"1" * 40 + b"\n" + (b"3,4\n" if form is CSV else b"34\n"), form)[-2:]

    assert found[0].fault == "The line has 41 bytes; the maximum is 8."
    assert found[1].line == 3
    assert found[1].fault is None


def test_a_cell_may_be_as_long_as_a_line(read: Read) -> None:
    cell = "x" * 1_000_000

    assert values(read(f'a,b\n1,"{cell}"\n2,{cell}\n'.encode(), CSV)) == [
        (2, {"a": "1", "b": cell}),
        (3, {"a": "2", "b": cell}),
    ]


@pytest.mark.parametrize(
    ("form", "content"),
    [(JSONL, b'1\n\n"x"\rbad\r\n4'), (CSV, b'a,b\n1,"x\ny"\r2,\n\nbad\n"5,6\r\n,\n3,z')],
)
def test_reading_can_resume_after_any_record(read: Read, form: FileFormat, content: bytes) -> None:
    whole = read(content, form)

    assert len(whole) > 3
    for number, record in enumerate(whole, start=1):
        assert read(content, form, record.end) == whole[number:]


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.csv", CSV), ("a.CSV", CSV), ("a.jsonl", JSONL), ("a.ndjson", JSONL), ("a.csv.gz", CSV)],
)
def test_the_name_of_a_file_determines_its_format(name: str, form: FileFormat) -> None:
    assert detect_format(name, None) is form


def test_a_name_without_a_known_extension_needs_a_format() -> None:
    assert detect_format("a.txt", CSV) is CSV
    with pytest.raises(FileError, match="--format"):
        detect_format("a.txt", None)
