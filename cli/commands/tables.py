"""What commands show: tables and lists of names and values for people, JSON for programs."""

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
import orjson

#: What stands between two columns.
GAP = "  "
json_option = click.option("--json", "as_json", is_flag=True, help="Show it as JSON, for programs.")


def show_json(value: Any) -> None:
    """Print *value* as JSON."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print *rows* under their *columns*; on a terminal, a line that is too long for it is cut off."""
    table = [columns, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(columns))]
    most = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for row in table:
        line = GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        click.echo(line if most is None or len(line) <= most else f"{line[: most - 1]}…")


def show_values(values: Mapping[str, Any]) -> None:
    """Print *values* name by name, without those that are None."""
    given = {name: value for name, value in values.items() if value is not None}
    width = max(map(len, given), default=0) + len(GAP)
    for name, value in given.items():
        click.echo(f"{name:<{width}}{text_of(value)}")


def text_of(value: Any) -> str:
    """Return *value* as people read it: an object as its members, a list as its elements."""
    match value:
        case dict():
            return ", ".join(f"{name}={text_of(part)}" for name, part in value.items() if part is not None)
        case list():
            return "; ".join(map(text_of, value))
        case bool():
            return str(value).lower()
        case None:
            return ""
        case _:
            return str(value)
