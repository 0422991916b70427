"""`mergelane keys`: make, list, find and revoke API keys."""

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import click

from app import keys as store
from app.config import Settings
from cli.commands.options import database, home_option
from cli.commands.tables import show_table

COLUMNS = ("KEY_ID", "WORKSPACE", "BEGINS", "STATE", "MADE", "EXPIRES", "PERMISSIONS", "LABEL")
UNITS = {"h": "hours", "d": "days", "w": "weeks"}
LONGEST = timedelta(weeks=10_000)


class Span(click.ParamType[timedelta]):
    """A length of time, written as a number and its unit: 12h, 90d, 52w."""

    name = "span"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the length of time that *value* writes."""
        match = re.fullmatch(r"([1-9]\d{0,5})([hdw])", value)
        span = timedelta(**{UNITS[match[2]]: int(match[1])}) if match else LONGEST
        if span >= LONGEST:
            self.fail(f"{value!r} is no length of time; write it as 12h, 90d or 52w.", param, ctx)
        return span


@click.group()
def keys() -> None:
    """Make, list, find and revoke API keys."""


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
@click.option("--expires", type=Span(), metavar="SPAN", help="After which the key opens nothing: 12h, 90d, 52w.")
@home_option
def create(*, workspace: str, label: str, permissions: Sequence[str], expires: timedelta | None, home: Path) -> None:
    """Make a key and print its secret: the only time that it is shown."""
    with database(home) as connection:
        key_id, secret = store.create(
            connection,
            workspace=workspace,
            label=label,
            permissions=list(permissions),
            expires_after=expires,
            peppers=Settings.from_environ().key_pepper,
        )
    click.echo(f"Key {key_id} in workspace {workspace!r}. Keep the secret, it is not shown again:", err=True)
    click.echo(secret)


@keys.command("list")
@click.option("--workspace", help="The keys of this workspace alone.")
@home_option
def list_(*, workspace: str | None, home: Path) -> None:
    """Show the keys, without their secrets; those that were revoked or have expired too."""
    with database(home) as connection:
        found = store.list_keys(connection, workspace=workspace)
    if not found:
        click.echo("There are no keys. `mergelane keys create` makes one.", err=True)
        return
    _show(found)


@keys.command()
@click.argument("prefix")
@home_option
def find(*, prefix: str, home: Path) -> None:
    """Show the keys whose secrets begin with PREFIX, such as one that was seen where it should not be.

    Only the first characters of a secret are known, so a longer PREFIX finds whichever it may be. Do not give the whole
    secret: what you type may be kept by your shell.
    """
    with database(home) as connection:
        found = store.list_keys(connection, prefix=prefix)
    if not found:
        raise click.ClickException("No key begins so. `mergelane keys list` shows those that there are.")
    _show(found)


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


def _show(found: Sequence[store.KeyRecord]) -> None:
    """Print *found* as a table."""
    show_table(COLUMNS, map(_row, found))


def _row(key: store.KeyRecord) -> tuple[str, ...]:
    """Return *key* as a row of COLUMNS."""
    state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else key.state
    expires = f"{key.expires_at:%Y-%m-%d}" if key.expires_at else "never"
    made, permissions = f"{key.created_at:%Y-%m-%d}", ",".join(key.permissions)
    return str(key.key_id), key.workspace, f"{key.hint}…", state, made, expires, permissions, key.label
