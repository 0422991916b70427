"""Options that several commands share, and the database that they lead to."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from app.config import Settings
from app.db import Connection
from app.errors import SetupError
from cli.up.database import connected
from cli.up.home import Home

DEFAULT_HOME = Path("~/.mergelane")

home_option = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_HOME,
    show_default=True,
    help="The folder of `mergelane up`: its data, its logs.",
)


def database_url(home: Path) -> str:
    """Return DATABASE_URL or, when it is not set, where the `mergelane up` on *home* has its database.

    Raises SetupError when there is neither.
    """
    settings = Settings.from_environ()
    found = settings.database_url or Home(home).database_url()
    if found is None:
        message = f"There is no database to work on: DATABASE_URL is not set, and no `mergelane up` runs on {home}. "
        raise SetupError(message + "Set the one, or start the other.")
    return found


@contextmanager
def database(home: Path) -> Iterator[Connection]:
    """Lend a connection to the database that the commands work on, in one transaction."""
    with connected(Settings.from_environ(), database_url(home), name="cli") as conn:
        yield conn
