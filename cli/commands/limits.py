"""`mergelane limits`: show and change how many requests a workspace may send."""

from pathlib import Path

import click

from app import keys
from app.config import Settings
from app.rates.buckets import Bucket, Limit, read_limit, replaced
from cli.commands.options import database, home_option

workspace_option = click.option("--workspace", required=True, help="The workspace whose limits are meant.")
bucket_argument = click.argument("bucket", type=click.Choice([bucket.value for bucket in Bucket]))


@click.group()
def limits() -> None:
    """Show and change how many requests a workspace may send.

    A limit belongs to a bucket: endpoints that are counted together. It is written REQUESTS/SECONDS; 20000/60 are
    20,000 in a minute.
    """


@limits.command()
@workspace_option
@home_option
def show(*, workspace: str, home: Path) -> None:
    """Show the limits that hold for a workspace; its own are marked."""
    with database(home) as connection:
        own = keys.own_limits(connection, workspace=workspace)
    for limit in replaced(Settings.from_environ().rate_limits, own):
        click.echo(f"{limit.bucket:<8}{limit!s:<16}{'its own' if limit in own else ''}".rstrip())


@limits.command("set")
@workspace_option
@bucket_argument
@click.argument("limit")
@home_option
def set_(*, workspace: str, bucket: str, limit: str, home: Path) -> None:
    """Give a workspace a LIMIT of its own for BUCKET, from the next request on."""
    wanted = _read(bucket, limit)
    with database(home) as connection:
        keys.set_limit(connection, workspace=workspace, limit=wanted)
    click.echo(f"The workspace {workspace!r} may send {wanted.requests:,} requests in {wanted.seconds:,} s.", err=True)


@limits.command()
@workspace_option
@bucket_argument
@home_option
def unset(*, workspace: str, bucket: str, home: Path) -> None:
    """Let the installation's limit for BUCKET hold for a workspace again."""
    with database(home) as connection:
        keys.unset_limit(connection, workspace=workspace, bucket=Bucket(bucket))
    click.echo(f"The installation's limit for {bucket} holds for the workspace {workspace!r} again.", err=True)


def _read(bucket: str, limit: str) -> Limit:
    """Return *limit* as it was written for *bucket*; raise UsageError when it cannot be read."""
    try:
        return read_limit(bucket, limit)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
