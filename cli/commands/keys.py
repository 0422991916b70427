"""`mergelane keys`: API keys, on the database."""

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from cli.commands.options import connect_database, home_option
from cli.commands.output import print_status, print_table

if TYPE_CHECKING:
    from app.keys import KeyRecord

COLUMNS = ("KEY_ID", "WORKSPACE", "BEGINS", "STATE", "MADE", "EXPIRES", "PERMISSIONS", "LABEL")
UNITS = {"h": "hours", "d": "days", "w": "weeks"}
LONGEST = timedelta(weeks=10_000)


class Duration(click.ParamType[timedelta]):
    """A duration, written as a number and its unit: 12h, 90d, 52w."""

    name = "duration"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Parse *value*."""
        match = re.fullmatch(r"([1-9]\d{0,5})([hdw])", value)
        duration = timedelta(**{UNITS[match[2]]: int(match[1])}) if match else LONGEST
        if duration >= LONGEST:
            self.fail(f"{value!r} is not a duration. Write it as 12h, 90d or 52w.", param, ctx)
        return duration


@click.group()
def keys() -> None:
    """Create, list, find and revoke API keys."""


@keys.command("create")
@click.option("--workspace", required=True, help="The workspace of the key; its first key creates the workspace.")
@click.option("--label", required=True, help="The purpose of the key.")
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    required=True,
    metavar="NAME",
    help="A permission, such as users.merge; repeat the option for more, or use '*' for all.",
)
@click.option("--expires", type=Duration(), metavar="SPAN", help="The lifetime of the key: 12h, 90d, 52w.")
@home_option
def create_key(
    *, workspace: str, label: str, permissions: Sequence[str], expires: timedelta | None, home: Path
) -> None:
    """Create a key and print its secret, which is never printed again."""
    from app import keys as store
    from app.config import Settings

    with connect_database(home) as connection:
        key_id, secret = store.create_key(
            connection,
            workspace=workspace,
            label=label,
            permissions=list(permissions),
            expires_after=expires,
            peppers=Settings.from_environ().key_pepper,
        )
    print_status(f"Created the key {key_id} in workspace {workspace!r}. Save its secret, it is never printed again:")
    click.echo(secret)


@keys.command("list")
@click.option("--workspace", help="Only keys of this workspace.")
@home_option
def list_keys(*, workspace: str | None, home: Path) -> None:
    """List all keys, including revoked and expired ones."""
    from app import keys as store

    with connect_database(home) as connection:
        found = store.list_keys(connection, workspace=workspace)
    if found:
        print_table(COLUMNS, _rows(found))
    else:
        print_status("There are no keys. Create one with `mergelane keys create`.")


@keys.command("find")
@click.argument("prefix")
@home_option
def find_keys(*, prefix: str, home: Path) -> None:
    """Find the keys whose secrets begin with PREFIX.

    For example, after a secret was leaked. Mergelane stores only the first characters of a secret, so a longer
    PREFIX may find several keys. Do not type a whole secret: your shell may store it.
    """
    from app import keys as store

    with connect_database(home) as connection:
        found = store.list_keys(connection, prefix=prefix)
    if not found:
        raise click.ClickException("No secret begins with this prefix. List all keys with `mergelane keys list`.")
    print_table(COLUMNS, _rows(found))


@keys.command("revoke")
@click.argument("key_id", type=click.UUID)
@home_option
def revoke_key(*, key_id: UUID, home: Path) -> None:
    """Revoke the key KEY_ID. It is invalid from the next request on."""
    from app import keys as store

    with connect_database(home) as connection:
        known = store.revoke_key(connection, key_id=key_id)
    if not known:
        raise click.ClickException(f"There is no key {key_id}. List all keys with `mergelane keys list`.")
    print_status(f"Revoked the key {key_id}.")


def _rows(found: "Iterable[KeyRecord]") -> list[tuple[str, ...]]:
    """Return *found* as rows of COLUMNS."""
    rows: list[tuple[str, ...]] = []
    for key in found:
        state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else key.state
        expires = f"{key.expires_at:%Y-%m-%d}" if key.expires_at else "never"
        made, permissions = f"{key.created_at:%Y-%m-%d}", ",".join(key.permissions)
        rows.append((str(key.key_id), key.workspace, f"{key.hint}…", state, made, expires, permissions, key.label))
    return rows
