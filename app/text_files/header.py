"""The header of a CSV file: its columns, and the delimiter of the file."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Never

from app.text_files.csv_records import Dialect, NotCsv, parse_record
from app.text_files.files import FileError, TextFile
from app.text_files.lines import BLANKS, LineReader, LineTooLong, Position, is_blank
from schemas.fields import MAX_TEXT
from schemas.text import quoted

DELIMITERS = ",;\t|"
#: A first line that names the delimiter, as Excel reads it.
SEPARATOR = re.compile(rb'"?sep=(.)"?\s*', re.IGNORECASE)
#: Lines after the header that decide about the delimiter.
SAMPLE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The header of a CSV file."""

    names: Sequence[str]
    dialect: Dialect
    #: The position of the first row.
    begin: Position
    #: The names as the file has them; `names` may be renamed.
    given: Sequence[str] = ()

    def rename(self, renames: Mapping[str, str], file: str) -> "Header":
        """Return the header with columns renamed; raise FileError when *renames* has a column that is missing."""
        missing = [name for name in renames if name not in self.names]
        if missing:
            raise FileError(f"--rename has the column '{quoted(missing[0])}', which {file} does not have.")
        names = [renames.get(name, name) for name in self.names]
        _check_names(names, file)
        return replace(self, names=names)


def read_header(source: TextFile) -> Header:
    """Return the header of *source*; raise FileError when it has none, or one that cannot be used."""
    lines = LineReader(source.file, Position())
    try:
        line = _next_line(lines)
        forced = SEPARATOR.fullmatch(line)
        if forced:
            line = _next_line(lines)
    except StopIteration:
        _refuse(source, "has no header: the file is empty. Its first line must name the columns.")
    except LineTooLong:
        _refuse(source, "has no header: its first line is too long.")
    if forced and forced[1].decode(errors="replace") not in DELIMITERS:
        _refuse(source, f"has the delimiter '{quoted(forced[1].decode(errors='replace'))}'. Use one of , ; | or a tab.")
    if not line.strip(BLANKS + b'"' + DELIMITERS.encode()):
        _check_names([], source.name)
    if line.lstrip()[:1] in {b"{", b"["}:
        _refuse(source, "looks like JSON, not like CSV. If it is JSON Lines, add --format jsonl.")
    return _parse(source, line, lines, forced[1].decode() if forced else None)


def _next_line(lines: LineReader) -> bytes:
    """Return the next line that is not blank; raise StopIteration when there is none."""
    return next(line for line in lines if not is_blank(line))


def _parse(source: TextFile, line: bytes, lines: LineReader, forced: str | None) -> Header:
    """Return the header that begins with *line*, which *lines* has just returned."""
    behind = lines.position
    found: list[tuple[int, int, Header]] = []
    fault = ""
    for delimiter in forced or DELIMITERS:
        lines.seek(behind)
        try:
            cells, _ = parse_record(line, lines, Dialect(delimiter=delimiter))
        except NotCsv as error:
            fault = str(error)
            continue
        header = _header(cells, delimiter, lines.position)
        found.append((_count_fitting(lines, header), len(header.names), header))
    if not found:
        _refuse(source, f"has a header that is not CSV. {fault}")
    # Of two that fit equally, the one with more columns; of two with equally many, the first.
    _, _, header = max(found, key=lambda each: each[:2])
    _check_names(header.names, source.name)
    return header


def _header(cells: Sequence[str], delimiter: str, begin: Position) -> Header:
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    dialect = Dialect(
        delimiter=delimiter,
        blanks_after=any(cell.startswith(" ") and cell.strip() for cell in cells[1:]),
        blanks_before=any(cell.endswith(" ") and cell.strip() for cell in cells[:-1]),
    )
    return Header(names=names, given=names, dialect=dialect, begin=begin)


def _count_fitting(lines: LineReader, header: Header) -> int:
    """Return how many of the first rows have as many cells as *header*, which has more than one column."""
    if len(header.names) < 2:  # noqa: PLR2004 - with one column every line without the delimiter would fit
        return 0
    fitting = 0
    try:
        for _ in range(SAMPLE):
            cells, _text = parse_record(next(lines), lines, header.dialect)
            fitting += len(cells) == len(header.names)
    except (StopIteration, LineTooLong, NotCsv):
        pass
    return fitting


def _check_names(names: Sequence[str], file: str) -> None:
    """Raise FileError unless *names* are different, not empty, and no longer than the name of an attribute."""
    if not names:
        raise FileError(f"{file} has a header without column names. Its first line must name the columns.")
    if "" in names:
        raise FileError(f"Column {names.index('') + 1} of {file} has no name. Name it, or remove it.")
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise FileError(f"The header of {file} has the column '{quoted(name)}' twice. Rename or remove one of them.")
    for number, each in enumerate(names, start=1):
        if len(each) > MAX_TEXT:
            raise FileError(f"The name of column {number} of {file} has more than {MAX_TEXT} characters.")
    if len(names) == 1 and any(delimiter in names[0] for delimiter in DELIMITERS):
        raise FileError(f"The header of {file} is one cell in quotes. Remove the quotes around the whole line.")


def _refuse(source: TextFile, sentence: str) -> Never:
    raise FileError(f"{source.name} {sentence}")
