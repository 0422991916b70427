"""`mergelane workspaces`: workspaces and their moves between cells, on the databases."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.commands.options import connect_database, find_database_url, home_option
from cli.commands.output import print_status, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.db.connections import Connection
    from app.moving.moving import Moved

COLUMNS = ("WORKSPACE", "ID", "LABEL", "STATE")
#: The name of a cell without MERGELANE_CELL in the printed lines.
NO_CELL = "CELL"


@click.group()
def workspaces() -> None:
    """List workspaces and move them between cells.

    A cell is a complete installation. See docs/cells.md.
    """


@workspaces.command("list")
@home_option
def list_workspaces(*, home: Path) -> None:
    """List the workspaces of this cell with their ids, route labels and states."""
    from app.moving import workspaces as store

    with connect_database(home) as connection:
        found = store.list_cell_workspaces(connection)
    if found:
        print_table(
            COLUMNS, [(each.name, str(each.workspace_id), each.route_label, each.availability) for each in found]
        )
    else:
        print_status("There are no workspaces. The first key of a workspace creates it: `mergelane keys create`.")


@workspaces.command("move")
@click.argument("workspace")
@click.option("--to", "target", required=True, metavar="URL", help="The database URL of the other cell, as its owner.")
@click.option("--as", "name", metavar="NAME", help="The name of the workspace in the other cell.")
@click.option(
    "--drain",
    "drain_s",
    type=click.FloatRange(0, 3600),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long published jobs may take to finish after the workspace is closed.",
)
@click.option(
    "--permit-unlabelled-keys",
    is_flag=True,
    help="Move although valid keys have no route label. The balancer sends them to the default cell.",
)
@click.option("--cancel", is_flag=True, help="Open the workspace here again, if it is not open in the other cell.")
@home_option
def move_workspace(  # noqa: PLR0913  one argument for each option
    *,
    workspace: str,
    target: str,
    name: str | None,
    drain_s: float,
    permit_unlabelled_keys: bool,
    cancel: bool,
    home: Path,
) -> None:
    """Move WORKSPACE to the cell with the database URL.

    Most rows are copied while the workspace is open. Then it is closed: requests get 503 with Retry-After until the
    rest is copied and compared. The command prints the changed line of the balancer's map. If it is interrupted, run
    it again.

    libpq reads a password from PGPASSFILE or ~/.pgpass, so that it is not in the list of processes.
    """
    from app.moving.moving import Move, MovePlan

    plan = MovePlan(
        workspace=workspace, name=name or workspace, drain_s=drain_s, permits_unlabelled_keys=permit_unlabelled_keys
    )
    with _sessions(home, target) as (here, there):
        move = Move(here, there, plan, report=print_status)
        if cancel:
            move.cancel()
        else:
            _print_moved(move.run(), workspace)


@workspaces.command("forget")
@click.argument("workspace")
@home_option
def forget_workspace(*, workspace: str, home: Path) -> None:
    """Delete the rows of WORKSPACE here after it has moved to another cell."""
    from app.config import Settings
    from app.moving import workspaces as store
    from cli.database import session

    with session(Settings.from_environ(), find_database_url(home), name="workspaces") as connection:
        store.forget_workspace(connection, workspace)
    print_status(f"Deleted the rows of {workspace!r}. The other cell has them.")


@contextmanager
def _sessions(home: Path, target: str) -> "Iterator[tuple[Connection, Connection]]":
    """Open a session in this cell, and one in the other."""
    from app.config import Settings
    from cli.database import session

    settings = Settings.from_environ()
    with (
        session(settings, find_database_url(home), name="move") as here,
        session(settings, target, name="move", given_by="--to") as there,
    ):
        yield here, there


def _print_moved(moved: "Moved", workspace: str) -> None:
    """Print the rows and checksums, and the lines of the balancer's maps."""
    print_table(("TABLE", "ROWS", "CHECKSUM"), [(name, f"{t.rows:,}", t.checksum) for name, t in moved.tables.items()])
    print_status(f"The workspace {workspace!r} is open in the other cell. It was closed for {moved.closed_s:.1f} s.")
    print_status("Change the line of its label in the balancer's map, and reload the balancer:")
    cell = moved.cell or NO_CELL
    click.echo(f"nginx:    {moved.route_label} {cell};")
    click.echo(f"HAProxy:  {moved.route_label} {cell}")
    print_status(f"When no client needs it here, delete the rows: `mergelane workspaces forget {workspace}`.")
