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
@click.option(
    "--first-workspace-id",
    type=click.IntRange(1, 998_000_001),
    metavar="N",
    help="The id of the first workspace of this cell. Cells need different blocks of 1,000,000 ids: see docs/cells.md.",
)
@click.option("--distribute", is_flag=True, help="Also distribute the tables over the nodes of Citus, by workspace.")
@click.option(
    "--move", is_flag=True, help="With --distribute: also when the database has workspaces; moves their rows."
)
@click.option(
    "--shards",
    type=click.IntRange(1, 4096),
    default=32,
    show_default=True,
    help="With --distribute: into how many parts. Nodes beyond this number stay empty.",
)
@home_option
def migrate(
    home: Path, *, new_installation: bool, first_workspace_id: int | None, distribute: bool, move: bool, shards: int
) -> None:
    """Upgrade the database schema.

    Run it before you start the processes of a new version; to run it again changes nothing, nor does an older version
    on a newer schema. `mergelane up` runs it at every start.

    With MERGELANE_PROCESS_PASSWORD it also creates the login with which the other processes connect, or sets its
    password.

    With --distribute, Citus, an extension of PostgreSQL, distributes the tables over its nodes: see docs/scale.md.
    Later migrations need no option.
    """
    from app.config import Settings
    from app.db import migrations
    from app.db.citus.distribute import Distribution
    from app.db.distribution import role_settings
    from app.db.installation import renew_id
    from app.db.roles import ensure_login
    from app.db.schema_version import explain_newer
    from app.moving.workspaces import start_workspace_ids
    from cli.database import connected, require_database

    url, settings = find_database_url(home), Settings.from_environ()
    require_database(settings, url)
    if move and not distribute:
        raise click.UsageError("--move is for --distribute. Add --distribute, or leave --move out.")
    wanted = Distribution(move=move, shards=shards, role_settings=role_settings(settings)) if distribute else None
    distributed = migrations.upgrade_schema(url, distribution=wanted)
    if settings.process_password:
        with connected(settings, url, name="migrate") as connection:
            ensure_login(connection, settings.process_user, settings.process_password)
    if new_installation:
        with connected(settings, url, name="migrate") as connection:
            renew_id(connection)
    if distributed:
        click.echo(f"Citus distributes {distributed} tables more.")
    elif distribute:
        click.echo("The tables are distributed already; nothing was changed.")
    if first_workspace_id is not None:
        with connected(settings, url, name="migrate") as connection:
            following = start_workspace_ids(connection, first_workspace_id)
        click.echo(f"The next workspace gets the id {following:,}.")
    revision = migrations.database_revision(url)
    click.echo(explain_newer(revision) or f"The schema is at revision {revision}.")
