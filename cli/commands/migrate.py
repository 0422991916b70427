"""`mergelane migrate`: the schema of the database. Small, but each command has its own module."""

from pathlib import Path

import click

from cli.commands.options import find_database_url, home_option


@click.command()
@home_option
def migrate(home: Path) -> None:
    """Upgrade the database schema.

    Run it before you start the processes of a new version; to run it again changes nothing, nor does an older version
    on a newer schema. `mergelane up` runs it at every start.
    """
    from app.config import Settings
    from app.db import migrations
    from app.db.schema_version import explain_newer
    from cli.database import require_database

    url = find_database_url(home)
    require_database(Settings.from_environ(), url)
    migrations.upgrade_schema(url)
    revision = migrations.database_revision(url)
    click.echo(explain_newer(revision) or f"The schema is at revision {revision}.")
