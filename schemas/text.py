"""Text: checks of strings that a request may store, quotes in messages, and cells of CSV files."""

import csv
import re
from collections.abc import Iterable, Sequence
from io import StringIO

#: Levels of a request body; real profiles have less than ten.
MAX_DEPTH = 32
#: Maximum characters of any string of a request body; attributes have lower limits.
MAX_STRING = 100_000
#: Maximum characters of the client's text that an error message quotes.
MAX_QUOTED = 100
#: Characters that begin a formula in a spreadsheet, or that spreadsheets skip before one.
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001  the full-width ones too
#: Characters that move the cursor, hide text or change its direction. Joiners, which some alphabets need, are not here.
CONTROL = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb"
    "\\U000e0000-\\U000e007f]"
)
#: Escapes as `safe_cell` writes them.
ESCAPED = re.compile(r"(?:\\u[0-9a-f]{4})+")
_BACKSLASH = "\\u005c"
#: A phone number begins like a formula and is none.
PHONE = re.compile(r"\+[0-9]+")


class UnfitText(ValueError):
    """A request body has text that no field may have; the message is a sentence for the client."""


def check_body(body: object) -> None:
    """Raise UnfitText when *body* (parsed JSON) nests too deep, or has a NUL, a lone surrogate or a too long string.

    PostgreSQL stores neither NUL nor lone surrogates.
    """
    level: list[object] = [body]
    depth = 0
    while level:
        if depth > MAX_DEPTH:
            raise UnfitText(f"The request body may not nest deeper than {MAX_DEPTH} levels.")
        level = _below(level)
        depth += 1


def _below(level: list[object]) -> list[object]:
    """Check the strings of one *level*; return the keys and elements of its objects and arrays.

    Every value of every request passes here, so it is one loop without calls for valid strings.
    """
    below: list[object] = []
    for value in level:
        if isinstance(value, str):
            if len(value) > MAX_STRING or not value.isascii() or "\x00" in value:
                _check_string(value)
        elif isinstance(value, dict):
            below += value
            below += value.values()
        elif isinstance(value, list):
            below += value
    return below


def _check_string(text: str) -> None:
    if len(text) > MAX_STRING:
        raise UnfitText(f"A string in the request body may not be longer than {MAX_STRING:,} characters.")
    if "\x00" in text:
        raise UnfitText("A string in the request body may not contain the NUL character (U+0000).")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise UnfitText("A string in the request body may not contain a lone surrogate (U+D800 to U+DFFF).")


def quoted(text: str) -> str:
    """Return the client's *text* for an error message: in one line, and truncated when it is long."""
    line = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return line if len(line) <= MAX_QUOTED else f"{line[:MAX_QUOTED]}\N{HORIZONTAL ELLIPSIS}"


def replace_controls(text: str) -> str:
    """Return *text* for a terminal: each control character is replaced, so that none moves the cursor."""
    return text if text.isprintable() else CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def escape_controls(text: str) -> str:
    """Return *text* with its control characters as escapes of JSON."""
    return text if text.isprintable() else CONTROL.sub(lambda match: escape_character(match[0]), text)


def safe_cell(text: str) -> str:
    """Return *text* for a cell of CSV that no spreadsheet takes for a formula and that has no control character.

    A formula, or such text after apostrophes, gets an apostrophe in front; a plain phone number is no formula.
    Control characters become escapes of JSON. `read_safe_cell` returns the original.
    """
    escaped = escape_controls(text.replace("\\", _BACKSLASH) if ESCAPED.search(text) else text)
    if PHONE.fullmatch(escaped) or not escaped.lstrip("'").startswith(FORMULAS):
        return escaped
    return f"'{escaped}"


def read_safe_cell(cell: str) -> str:
    """Return the text for which `safe_cell` returned *cell*."""
    if cell.startswith("'") and cell.lstrip("'").startswith(FORMULAS):
        cell = cell[1:]
    return ESCAPED.sub(_unescape, cell)


def escape_character(character: str) -> str:
    """Return *character* as an escape of JSON."""
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def _unescape(match: re.Match[str]) -> str:
    units = match[0].replace("\\u", "")
    return bytes.fromhex(units).decode("utf-16-be", "surrogatepass")


def format_csv(rows: Iterable[Sequence[object]]) -> bytes:
    """Return *rows* as CSV in UTF-8, each ended by a line feed alone."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
