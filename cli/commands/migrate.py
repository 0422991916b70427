"""`mergelane migrate`: bring the database's schema up to date."""

from pathlib import Path

import click

from app.config import Settings
from app.db import migrations
from cli.commands.options import database_url, home_option
from cli.up.database import require_answer


@click.command()
@home_option
def migrate(home: Path) -> None:
    """Bring the database's schema up to date.

    Run it before a new version's processes start; running it again changes nothing. `mergelane up` does it by itself.
    """
    url = database_url(home)
    require_answer(Settings.from_environ(), url)
    migrations.upgrade(url)
    click.echo(f"The schema is at revision {migrations.current(url)}.")
