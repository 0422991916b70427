"""For a file of any bytes, each line has exactly one outcome, or the file is refused with a message."""

import csv
from collections import Counter
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.text_files.header import read_header
from app.text_files.lines import BLANKS, BOM, Record
from app.text_files.merge_columns import PAIR_COLUMNS, check_columns
from app.text_files.merge_pairs import FilePair, parse_pairs
from app.text_files.records import read_records
from cli.bulk.columns.import_columns import read_import_columns
from cli.bulk.files import FileError, FileFormat
from cli.bulk.import_lines import parse_import_lines
from cli.bulk.outputs.outcome_file import LineResult, format_header, format_results
from cli.bulk.reading.source import open_source
from schemas.text import CONTROL
from tests.support.any_bytes import BYTES, HEADERS

CSV, JSONL = FileFormat.CSV, FileFormat.JSONL
MERGED = LineResult(outcome="merged", reason="")
NOTHING = ',;\t|"\x1a'
PAIR = b'{"identifier_to_merge":{"external_id":"a"},"identifier_to_keep":{"external_id":"b"}}'
LINES = st.lists(st.one_of(BYTES, st.just(PAIR), st.just(b'{"external_id":"a"}')), max_size=8).map(b"\n".join)
QUICK = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read(content: bytes, form: FileFormat, folder: Path) -> tuple[int, list[Record], list[FilePair]]:
    """Return the header lines of a file, its records and, for a merge file, its pairs."""
    path = folder / "file"
    path.write_bytes(content)
    with open_source(str(path), form, spool=folder) as source:
        header = read_header(source) if form is CSV else None
        begin = 0 if header is None else header.begin.lines
        is_merge = header is None or "keep_external_id" in header.names
        if header is not None and is_merge:
            check_columns(header.names)
        records = list(read_records(source, header, one_line=PAIR_COLUMNS))
        if is_merge:
            return begin, records, list(parse_pairs(records, form))
        assert header is not None
        columns = read_import_columns(header.names, array="attributes")
        assert len(list(parse_import_lines(records, array="attributes", columns=columns))) == len(records)
        return begin, records, []


def check(content: bytes, form: FileFormat) -> None:
    """Check that every line of *content* has exactly one record, and every pair a line in both forms of outcomes."""
    with TemporaryDirectory() as folder:
        try:
            begin, records, pairs = read(content, form, Path(folder))
        except FileError as error:
            check_sentence(str(error))
            return
    lines = content.splitlines()
    covered = Counter(number for record in records for number in range(record.line, record.end.lines + 1))
    assert max(covered.values(), default=1) == 1
    assert max(covered, default=0) <= len(lines)
    for number, line in enumerate(lines, start=1):
        assert covered[number] or number <= begin or says_nothing(line, form)
    check_outcomes(pairs)


def check_sentence(text: str) -> None:
    """Check that the error message *text* is a sentence in one line."""
    assert text.endswith(".")
    assert "\n" not in text


def says_nothing(line: bytes, form: FileFormat) -> bool:
    """Return whether *line* has only blanks and, in CSV, delimiters and quotes."""
    line = line.removeprefix(BOM).strip(BLANKS)
    return not line or (form is CSV and not line.decode().translate(dict.fromkeys(map(ord, NOTHING))).strip())


def check_outcomes(pairs: list[FilePair]) -> None:
    """Check that outcome files have a line for each pair, and neither formulas nor control characters."""
    results = [(pair, MERGED) for pair in pairs]
    rows = list(csv.reader(StringIO((format_header(CSV) + format_results(results, CSV)).decode(), newline="")))[1:]
    values = [orjson.loads(line) for line in format_results(results, JSONL).split(b"\n")[:-1]]

    assert [int(row[0]) for row in rows] == [value["line"] for value in values] == [pair.line for pair in pairs]
    assert not any(CONTROL.search(cell) for row in rows for cell in row)
    assert not any(cell.startswith(("=", "-", "@", "\t", "\r")) for row in rows for cell in row)


@given(HEADERS, BYTES)
@QUICK
@example(b"merge_external_id,keep_external_id\n", b'"a,b\nc,d\n"e",f\n')
@example(b"merge_external_id,keep_external_id\n", b'a,"\nb,"\nc,d')
@example(b"merge_external_id,keep_external_id\r", b'"a\r,b\r"\r\n\x1a')
def test_every_line_of_a_csv_file_has_one_outcome(header: bytes, content: bytes) -> None:
    check(header + content, CSV)


@given(LINES)
@QUICK
@example(b"\xef\xbb\xbf" + PAIR + b"\r" + PAIR)
@example(b"[" * 300 + b"]" * 300)
def test_every_line_of_a_file_of_json_lines_has_one_outcome(content: bytes) -> None:
    check(content, JSONL)
