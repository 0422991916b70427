"""Text: checks of strings that a request may store, quotes in messages, and cells of CSV files."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

#: Nesting allowed in a request body; real profiles stay well below ten.
MAX_DEPTH = 32
#: Characters allowed in any one string of a request body (attributes have tighter limits of their own).
MAX_STRING = 100_000
#: Characters of a client's own word that a sentence quotes back.
MAX_QUOTED = 100
#: What a spreadsheet takes for the beginning of a formula, or passes over to find one.
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001  the full-width ones too


class UnfitText(ValueError):
    """A request body holds something that no field may hold; the message is a sentence for the client."""


def check_body(body: object) -> None:
    """Raise UnfitText when *body* (parsed JSON) nests too deep, or holds a NUL, a lone surrogate or an endless string.

    PostgreSQL stores neither NUL nor lone surrogates, so they are turned away at the door with a reason.
    """
    level: list[object] = [body]
    depth = 0
    while level:
        if depth > MAX_DEPTH:
            raise UnfitText(f"The request body may not nest deeper than {MAX_DEPTH} levels.")
        level = _below(level)
        depth += 1


def _below(level: list[object]) -> list[object]:
    """Check the strings among the values of one *level*; return what the others hold, keys and elements alike.

    Every value of every request passes here, so it is one loop, and calls nothing for what is plainly sound.
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
    """Raise UnfitText when *text* cannot be stored."""
    if len(text) > MAX_STRING:
        raise UnfitText(f"A string in the request body may not be longer than {MAX_STRING:,} characters.")
    if "\x00" in text:
        raise UnfitText("A string in the request body may not contain the NUL character (U+0000).")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise UnfitText("A string in the request body may not contain a lone surrogate (U+D800 to U+DFFF).")


def quoted(text: str) -> str:
    """Return *text*, a client's own word, as a sentence quotes it back: in one line, and cut when it is long."""
    line = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return line if len(line) <= MAX_QUOTED else f"{line[:MAX_QUOTED]}\N{HORIZONTAL ELLIPSIS}"


def harmless(text: str) -> str:
    """Return *text*, a cell of a table, with an apostrophe before what a spreadsheet might run."""
    return f"'{text}" if text.startswith(FORMULAS) else text


def format_csv(rows: Iterable[Sequence[object]]) -> bytes:
    """Return *rows* as CSV in UTF-8, each ended by a line feed alone."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
