"""`mergelane migrate`: the schema of the database. Small, but each command has its own module."""

from pathlib import Path

import click

from cli.commands.options import find_database_url, home_option


@click.command()
@click.option(
    "--new-installation",
    is_flag=True,
    help="Also give the installation a new id, for a copy of a whole server beside the original.",
)
@home_option
def migrate(home: Path, *, new_installation: bool) -> None:
    """Upgrade the database schema.

    Run it before you start the processes of a new version; to run it again changes nothing, nor does an older version
    on a newer schema. `mergelane up` runs it at every start.

    With MERGELANE_PROCESS_PASSWORD it also creates the login with which the other processes connect, or sets its
    password.
    """
    from app.config import Settings
    from app.db import migrations
    from app.db.installation import renew_id
    from app.db.roles import ensure_login
    from app.db.schema_version import explain_newer
    from cli.database import connected, require_database

    url, settings = find_database_url(home), Settings.from_environ()
    require_database(settings, url)
    migrations.upgrade_schema(url)
    if settings.process_password:
        with connected(settings, url, name="migrate") as connection:
            ensure_login(connection, settings.process_user, settings.process_password)
    if new_installation:
        with connected(settings, url, name="migrate") as connection:
            renew_id(connection)
    revision = migrations.database_revision(url)
    click.echo(explain_newer(revision) or f"The schema is at revision {revision}.")
