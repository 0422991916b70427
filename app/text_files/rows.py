"""The rows of a CSV file, each with the numbers of its lines.

A row that cannot be parsed has a fault instead of a value; reading continues on the next line.
"""

from collections.abc import Collection, Iterator, Sequence

from app.text_files.csv_records import NotCsv, looks_like_rows, parse_record
from app.text_files.files import FileError
from app.text_files.header import Header
from app.text_files.lines import LineReader, LineTooLong, Record, is_blank, lines_or_errors
from schemas.text import quoted

REPEATED = "The line repeats the header. Several files were joined; remove the line."
STRAY = (
    "A quote opens in line {first} and closes in line {last}, and each of these lines looks like a row of its own."
    " Remove the stray quotes. If the line breaks belong to the cell, write the row as JSON Lines."
)


def read_rows(lines: LineReader, header: Header, *, one_line: Collection[str], name: str) -> Iterator[Record]:
    """Yield the rows of *lines*; rows of blanks are skipped. No cell of the columns *one_line* has a line break.

    Raises FileError for a second header with the same columns in another order.
    """
    for line in lines_or_errors(lines):
        if isinstance(line, LineTooLong):
            yield Record(line=lines.position.lines, value=None, fault=str(line), end=lines.position)
            continue
        row = None if is_blank(line) else _read_row(line, lines, header, one_line=one_line, name=name)
        if row is not None:
            yield row


def _read_row(line: bytes, lines: LineReader, header: Header, *, one_line: Collection[str], name: str) -> Record | None:
    """Return the row that begins with *line*, which *lines* has just returned; None for one of blank cells."""
    first = lines.position.lines
    try:
        cells, text = parse_record(line, lines, header.dialect)
    except NotCsv as error:
        text = line.decode(errors="replace").rstrip("\r\n")
        return Record(line=first, value=None, fault=str(error), end=lines.position, text=text)
    if lines.at_end:
        # Ctrl-Z ends a file of old programs.
        cells[-1] = cells[-1].removesuffix("\x1a")
    # A cell of blanks says nothing.
    cells = [cell if cell.strip() else "" for cell in cells]
    if not any(cells):
        return None
    _check_order(cells, header, first, name)
    cells = _without_trailing(cells, len(header.names))
    fault = _find_fault(cells, header, one_line, text, first, lines.position.lines)
    if fault:
        return Record(line=first, value=None, fault=fault, end=lines.position, text=text.rstrip("\r\n"))
    return Record(line=first, value=dict(zip(header.names, cells, strict=True)), fault=None, end=lines.position)


def _find_fault(
    cells: Sequence[str], header: Header, one_line: Collection[str], text: str, first: int, last: int
) -> str | None:
    """Return a sentence that says why a row cannot be used, or None."""
    if list(map(str.strip, cells)) == list(header.given):
        return REPEATED
    if last > first and looks_like_rows(text, header.dialect, len(header.names)):
        return STRAY.format(first=first, last=last)
    where = f"The row of lines {first} to {last}" if last > first else "The line"
    if len(cells) != len(header.names):
        found = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
        return f"{where} has {found}; the header has {len(header.names)}."
    for name, cell in zip(header.names, cells, strict=True):
        if name in one_line and ("\n" in cell.strip() or "\r" in cell.strip()):
            return f"{where} has a line break in the cell of '{quoted(name)}'. A quote may lack its pair."
    return None


def _check_order(cells: Sequence[str], header: Header, number: int, name: str) -> None:
    """Raise FileError when *cells* are the columns of *header* in another order."""
    names = [cell.strip() for cell in cells]
    if names[0] in header.given and names != header.given and sorted(names) == sorted(header.given):
        raise FileError(
            f"Line {number} of {name} has the columns of the header in another order. Put the lines from there on into"
            " a file of their own."
        )


def _without_trailing(cells: list[str], count: int) -> list[str]:
    """Return *cells* without empty cells beyond *count*, which trailing delimiters make."""
    while len(cells) > count and not cells[-1].strip():
        cells = cells[:-1]
    return cells
