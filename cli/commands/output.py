"""Output of the commands: JSON for programs; tables, names and values, counts and progress for people."""

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

import click
import orjson

from cli.bulk.files import is_stdout
from schemas.json_values import dump_printable
from schemas.text import escape_character, replace_controls

#: Between two columns.
GAP = "  "
#: Seconds between two lines of progress when standard error is no terminal.
PROGRESS_EVERY_S = 10.0


def print_json(value: Any) -> None:
    """Print *value* as indented JSON."""
    print_line_of_json(dump_printable(value, option=orjson.OPT_INDENT_2).decode())


def print_line_of_json(text: str) -> None:
    """Print JSON; what the encoding of standard output lacks is escaped, so that the JSON stays what it is."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    click.echo("".join(map(_escape, text)) if _lacks(text, encoding) else text)


def print_result(value: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one object of the API: as JSON, or as names and values."""
    (print_json if as_json else print_values)(value)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print *rows* below their *columns*; a terminal that is too narrow cuts the lines."""
    table = [columns, *([replace_controls(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(columns))]
    most = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for row in table:
        line = GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        click.echo(line if most is None or len(line) <= most else f"{line[: most - 1]}…")


def print_page(
    page: Mapping[str, Any], columns: Sequence[str], rows: Iterable[Sequence[str]], *, as_json: bool
) -> None:
    """Print one page of a list and, for people, the cursor of the next page."""
    if as_json:
        print_json(page)
        return
    print_table(columns, rows)
    if page["next_cursor"] is not None:
        print_status(f"The next page: --cursor {page['next_cursor']}")


def print_values(values: Mapping[str, Any]) -> None:
    """Print each name with its value, except values that are None."""
    given = {name: value for name, value in values.items() if value is not None}
    width = max(map(len, given), default=0) + len(GAP)
    for name, value in given.items():
        click.echo(f"{name:<{width}}{replace_controls(format_value(value))}")


def print_status(sentence: str) -> None:
    """Print *sentence* to standard error, apart from the output of the command."""
    click.echo(replace_controls(sentence), err=True)


def print_end(counts: str, where: str | None, output: Path) -> None:
    """Print the *counts* of a run, and *where* its *output* is; to standard error when that is standard output."""
    told = where is not None and not is_stdout(output)
    click.echo(replace_controls(f"{counts} {where} {output}." if told else counts), err=is_stdout(output))


def format_value(value: Any) -> str:
    """Return *value* for people: an object as NAME=VALUE pairs, a list as its elements."""
    match value:
        case dict():
            return ", ".join(f"{name}={format_value(part)}" for name, part in value.items() if part is not None)
        case list():
            return "; ".join(map(format_value, value))
        case bool():
            return str(value).lower()
        case None:
            return ""
        case _:
            return str(value)


def format_counts(counts: Mapping[str, int]) -> str:
    """Return *counts* as text, the largest first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count:,}" for name, count in ordered) or "none yet"


def _lacks(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return True
    return False


def _escape(character: str) -> str:
    return character if character.isascii() else escape_character(character)


class Progress:
    """Shows on standard error how many of *total* units are done: a bar on a terminal, else a line every 10 seconds.

    Both have the rate of this run and the remaining time. *total* is None when it is unknown. *done* of them were done
    by an earlier run.
    """

    def __init__(self, unit: str, *, total: int | None, done: int = 0) -> None:
        self._unit = unit
        self._total = total
        self._done = self._before = done
        self._started = self._printed_at = monotonic()
        self._stack = ExitStack()
        self._bar: Any = None

    def __enter__(self) -> Self:
        """Show the bar if standard error is a terminal and the total is known."""
        if sys.stderr.isatty() and self._total is not None:
            bar: Any = click.progressbar(
                length=self._total, label=self._unit, show_pos=True, file=sys.stderr, item_show_func=lambda rate: rate
            )
            self._bar = self._stack.enter_context(bar)
            self._bar.update(self._done)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove the bar."""
        self._stack.close()

    def update(self, done: int, counts: Mapping[str, int]) -> None:
        """Show that *done* units are done, and their *counts* by outcome."""
        rate = (done - self._before) / max(monotonic() - self._started, 0.001)
        if self._bar is not None:
            # The bar itself has the remaining time.
            self._bar.update(done - self._done, f"{rate:,.0f}/s")
        elif monotonic() - self._printed_at >= PROGRESS_EVERY_S:
            self._printed_at = monotonic()
            of = "" if self._total is None else f" of {self._total:,}"
            left = timedelta(seconds=round((self._total - done) / rate)) if self._total and rate else None
            speed = f"{rate:,.0f}/s" if left is None else f"{rate:,.0f}/s, {left} left"
            print_status(f"{done:,}{of} {self._unit}: {format_counts(counts)}; {speed}")
        self._done = done
