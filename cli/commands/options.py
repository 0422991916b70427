"""Options that several commands share, and the database that an option or a setting names.

Nothing here is imported at the top that takes long to import: `--help` must stay fast.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.bulk.files import FileFormat, is_stdout
from cli.commands.output import print_status
from cli.up.data_dir import default_home
from schemas.paging import DEFAULT_LIMIT, MAX_LIMIT

if TYPE_CHECKING:
    from app.db.connections import Connection

#: Exit status after Ctrl-C, as shells define it.
INTERRUPTED = 130
#: Maximum seconds of an option, about three years.
LONGEST_S = 100_000_000


class Seconds(click.FloatRange):
    """A duration in seconds. "nan" is a float, but no duration."""

    def __init__(self) -> None:
        super().__init__(min=0, max=LONGEST_S)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse *value*."""
        seconds: float = super().convert(value, param, ctx)
        if isnan(seconds):
            self.fail(f"{value!r} is not a number of seconds.", param, ctx)
        return seconds


home_option = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=default_home,
    show_default="~/.mergelane; for root /var/lib/mergelane",
    help="The folder in which `mergelane up` keeps its data and logs.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
limit_option = click.option(
    "--limit",
    type=click.IntRange(1, MAX_LIMIT),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="The number of entries on a page.",
)
cursor_option = click.option("--cursor", help="The cursor of the page; the previous page prints it.")
format_option = click.option(
    "--format",
    "form",
    type=click.Choice(FileFormat, case_sensitive=False),
    help="The format of the file, if its name does not end in .csv or .jsonl.",
)
again_option = click.option(
    "--again", is_flag=True, help="Start over: ignore the checkpoint of an earlier run and overwrite its output file."
)
encoding_option = click.option(
    "--encoding", default="utf-8", show_default=True, metavar="NAME", help="The encoding of FILE, such as windows-1252."
)
rename_option = click.option(
    "--rename",
    "renames",
    multiple=True,
    metavar="OLD=NEW",
    callback=lambda _ctx, _param, given: parse_renames(given),
    help="Read the column OLD of a CSV file as NEW; repeat the option for more.",
)
patience_option = click.option(
    "--patience",
    type=Seconds(),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="Give up when the server is unavailable for longer, or announces a longer wait.",
)


def parse_renames(given: Iterable[str]) -> dict[str, str]:
    """Return new names by old ones; raise BadParameter for a text without both."""
    renames: dict[str, str] = {}
    for text in given:
        old, _, new = text.rpartition("=")
        if not old.strip() or not new.strip() or old.strip() in renames:
            raise click.BadParameter(f"{text!r} is not OLD=NEW, or names a column for the second time.")
        renames[old.strip()] = new.strip()
    return renames


def find_database_url(home: Path) -> str:
    """Return DATABASE_URL or, when it is not set, the URL of the database of the `mergelane up` that runs on *home*.

    Without both, the PG* variables name the server.

    Raises SetupError when neither exists.
    """
    from app.config import Settings
    from app.errors import SetupError
    from app.setting_sources import PG_VARIABLES_ONLY
    from cli.up.data_dir import DataDir

    named = Settings.from_environ().database_url
    running = DataDir(home).database_url() if named in {"", PG_VARIABLES_ONLY} else None
    found = running or named
    if not found:
        raise SetupError(
            f"No database: DATABASE_URL is not set and no `mergelane up` runs on {home}. Set DATABASE_URL, or start"
            " `mergelane up`."
        )
    return found


@contextmanager
def connect_database(home: Path) -> "Iterator[Connection]":
    """Open a transaction on the database of `find_database_url`; commit it at the end.

    Raises SetupError when the database has no schema, or one that lacks what the command needs.
    """
    import psycopg

    from app.config import Settings
    from app.db.schema_version import current_revision, find_mismatch
    from app.errors import SetupError
    from cli.database import connected

    missing = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedFunction)
    with connected(Settings.from_environ(), find_database_url(home), name="cli") as connection:
        revision = current_revision(connection)
        if revision is None:
            raise SetupError(str(find_mismatch(None)))
        try:
            yield connection
        except missing as error:
            if sentence := find_mismatch(revision):
                raise SetupError(sentence) from error
            raise


@contextmanager
def interruptible(output: Path) -> Iterator[None]:
    """Turn Ctrl-C into exit status 130 and a sentence that says how to resume."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(err=True)
        if is_stdout(output):
            print_status("Interrupted. Run the same command again; it starts over.")
        else:
            print_status(f"Interrupted. Finished lines are in {output}. Run the same command again to resume.")
        raise click.exceptions.Exit(INTERRUPTED) from None


#: A whole number of a length that Python converts.
WHOLE = re.compile(r"[0-9]{1,12}")


class FailureLimitType(click.ParamType[int | str]):
    """A number of failures, or a share in percent."""

    name = "limit"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Return the limit as a request has it."""
        from marshmallow import ValidationError

        from schemas.failure_limits import parse_failure_limit

        text = str(value)
        try:
            limit = parse_failure_limit(int(text) if WHOLE.fullmatch(text) else text).wire
        except ValidationError as error:
            self.fail(f"{text!r} {error.messages[0]}.", param, ctx)
        return "" if limit is None else limit


max_failures_option = click.option(
    "--max-failures",
    type=FailureLimitType(),
    help="Pause the run when more jobs than this number, or this share such as 2%, are dead, refused or ambiguous.",
)
