"""Reads the pairs of a merge file: objects in JSON Lines, rows of CSV, or the preview of duplicates."""

from collections.abc import Iterator, Sequence

from app.text_files.files import FileFormat, TextFile
from app.text_files.header import Header
from app.text_files.lines import Position
from app.text_files.merge_columns import PAIR_COLUMNS, check_columns, is_outcome_file
from app.text_files.merge_pairs import FilePair, parse_pairs
from app.text_files.preview_pairs import PREVIEW_COLUMNS, check_preview_columns, is_preview, parse_preview
from app.text_files.records import read_records


def check_pair_columns(names: Sequence[str], file: str) -> None:
    """Raise FileError unless the columns *names* name both sides of a pair, or are those of a preview of duplicates."""
    if is_preview(names):
        check_preview_columns(names, file)
    else:
        check_columns(names, file)


def read_pairs(source: TextFile, header: Header | None, start: Position | None = None) -> Iterator[FilePair]:
    """Yield the pairs of *source* after *start*, valid or not. Without a *header* it is JSON Lines."""
    start = start or Position()
    if header is not None and is_preview(header.names):
        # A pair needs the line of its profile to keep, which may be before *start*.
        pairs = parse_preview(read_records(source, header, one_line=PREVIEW_COLUMNS))
        return (pair for pair in pairs if pair.end.offset > start.offset)
    records = read_records(source, header, start, one_line=PAIR_COLUMNS)
    safe_cells = header is not None and is_outcome_file(header.names)
    return parse_pairs(records, FileFormat.JSONL if header is None else FileFormat.CSV, safe_cells=safe_cells)
