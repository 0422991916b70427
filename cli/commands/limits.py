"""`mergelane limits`: rate limits of a workspace, on the database."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.rates.buckets import Bucket, override_limits, parse_limit
from cli.commands.options import connect_database, home_option
from cli.commands.output import print_status

if TYPE_CHECKING:
    from app.rates.buckets import Limit

workspace_option = click.option("--workspace", required=True, help="The workspace.")
bucket_argument = click.argument("bucket", type=click.Choice([bucket.value for bucket in Bucket]))


@click.group()
def limits() -> None:
    """Show and change the rate limits of a workspace.

    A limit applies to a bucket, a group of endpoints that share one count. It is written REQUESTS/SECONDS: 20000/60 is
    20,000 requests in a minute.
    """


@limits.command("show")
@workspace_option
@home_option
def show_limits(*, workspace: str, home: Path) -> None:
    """Show the limits of a workspace, and which of them are its own."""
    from app import keys
    from app.config import Settings

    with connect_database(home) as connection:
        own = keys.read_workspace_limits(connection, workspace=workspace)
    for limit in override_limits(Settings.from_environ().rate_limits, own):
        click.echo(f"{limit.bucket:<8}{limit!s:<16}{'its own' if limit in own else ''}".rstrip())


@limits.command("set")
@workspace_option
@bucket_argument
@click.argument("limit")
@home_option
def set_limit(*, workspace: str, bucket: str, limit: str, home: Path) -> None:
    """Set a LIMIT of a workspace for BUCKET.

    It applies from the next request on.
    """
    from app import keys

    parsed = _parse_limit(bucket, limit)
    with connect_database(home) as connection:
        keys.set_workspace_limit(connection, workspace=workspace, limit=parsed)
    print_status(f"The workspace {workspace!r} may send {parsed.requests:,} requests in {parsed.seconds:,} s.")


@limits.command("unset")
@workspace_option
@bucket_argument
@home_option
def unset_limit(*, workspace: str, bucket: str, home: Path) -> None:
    """Remove the limit of a workspace for BUCKET.

    The limit of the installation applies again.
    """
    from app import keys

    with connect_database(home) as connection:
        keys.unset_workspace_limit(connection, workspace=workspace, bucket=Bucket(bucket))
    print_status(f"The limit of the installation for {bucket} applies to the workspace {workspace!r} again.")


def _parse_limit(bucket: str, limit: str) -> "Limit":
    try:
        return parse_limit(bucket, limit)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
