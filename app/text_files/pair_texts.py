"""Reads the pairs of a small text in memory, such as a file that a browser sends."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice

from app.text_files.files import FileError
from app.text_files.header import read_header
from app.text_files.lines import BLANKS, BOM
from app.text_files.merge_pairs import FilePair
from app.text_files.pair_reader import check_pair_columns, read_pairs

#: The most pairs of a text; the command line takes files of any length.
MAX_PAIRS = 5_000
TOO_MANY = "{name} has more than {most:,} pairs. Split it, or plan it by the command line: mergelane merge FILE --plan."
NOT_UTF_8 = "{name} is not text in UTF-8: see the lines from {line} on. Save it as CSV or JSON Lines in UTF-8."


@dataclass(frozen=True, slots=True)
class _Text:
    """A text in memory, as a file."""

    file: BytesIO
    name: str


def read_text_pairs(data: bytes, name: str) -> Sequence[FilePair]:
    """Return the pairs in *data*, CSV or JSON Lines, valid or not; raise FileError if it cannot be used."""
    _check_encoding(data, name)
    text = _Text(BytesIO(data), name)
    json = data.removeprefix(BOM).lstrip(BLANKS).startswith((b"{", b"["))
    header = None if json else read_header(text)
    if header is not None:
        check_pair_columns(header.names, name)
    pairs = list(islice(read_pairs(text, header), MAX_PAIRS + 1))
    if len(pairs) > MAX_PAIRS:
        raise FileError(TOO_MANY.format(name=name, most=MAX_PAIRS))
    return pairs


def _check_encoding(data: bytes, name: str) -> None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise FileError(NOT_UTF_8.format(name=name, line=data.count(b"\n", 0, error.start) + 1)) from None
