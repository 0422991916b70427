"""`mergelane keys`: make, list and revoke API keys."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import click

from app import keys as store
from workers.cli.options import database, home_option

COLUMNS = ("KEY_ID", "WORKSPACE", "BEGINS", "STATE", "MADE", "PERMISSIONS", "LABEL")


@click.group()
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command()
@click.option("--workspace", required=True, help="The workspace that the key opens; it begins with its first key.")
@click.option("--label", required=True, help="What the key is for, to tell it from others.")
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    required=True,
    metavar="NAME",
    help="What the key may do, such as users.merge; give it several times, or '*' for everything.",
)
@home_option
def create(*, workspace: str, label: str, permissions: Sequence[str], home: Path) -> None:
    """Make a key and print its secret: the only time that it is shown."""
    with database(home) as connection:
        key_id, secret = store.create(connection, workspace=workspace, label=label, permissions=list(permissions))
    click.echo(f"Key {key_id} in workspace {workspace!r}. Keep the secret, it is not shown again:", err=True)
    click.echo(secret)


@keys.command("list")
@click.option("--workspace", help="The keys of this workspace alone.")
@home_option
def list_(*, workspace: str | None, home: Path) -> None:
    """Show the keys, without their secrets; those that were revoked too."""
    with database(home) as connection:
        rows = [_row(key) for key in store.list_keys(connection, workspace=workspace)]
    if not rows:
        click.echo("There are no keys. `mergelane keys create` makes one.", err=True)
        return
    table = [COLUMNS, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(COLUMNS))]
    for row in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@keys.command()
@click.argument("key_id", type=click.UUID)
@home_option
def revoke(*, key_id: UUID, home: Path) -> None:
    """Revoke the key KEY_ID: from the next request on it opens nothing."""
    with database(home) as connection:
        known = store.revoke(connection, key_id=key_id)
    if not known:
        raise click.ClickException(f"There is no key {key_id}. `mergelane keys list` shows those that there are.")
    click.echo(f"The key {key_id} is revoked.", err=True)


def _row(key: store.KeyRecord) -> tuple[str, ...]:
    """Return *key* as a row of COLUMNS."""
    state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "open"
    permissions = ",".join(key.permissions)
    return str(key.key_id), key.workspace, f"{key.hint}…", state, f"{key.created_at:%Y-%m-%d}", permissions, key.label
