"""The workspaces of a cell: listed, numbered, and forgotten after a move."""

from dataclasses import dataclass

from app.db.queries import load_queries
from app.errors import SetupError
from app.moving.checks import find_workspace
from app.moving.closing import delete_rows
from app.moving.tables import Connection

QUERIES = load_queries(__package__, "workspaces.sql")

#: The ids of a cell.
BLOCK = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedWorkspace:
    """A workspace of this cell."""

    workspace_id: int
    name: str
    route_label: str
    #: `open`, `moving`, `moved` or `arriving`.
    availability: str


def list_cell_workspaces(connection: Connection) -> list[ListedWorkspace]:
    """Return all workspaces by name."""
    return [ListedWorkspace(**row) for row in connection.execute(QUERIES["list_workspaces"])]


def forget_workspace(connection: Connection, name: str) -> None:
    """Delete all rows of a workspace that has moved to another cell.

    Raises SetupError when there is no such workspace, and when it has not moved.
    """
    workspace = find_workspace(connection, name)
    if workspace is None:
        raise SetupError(f"There is no workspace {name!r}; see `mergelane workspaces list`.")
    if workspace.availability != "moved":
        raise SetupError(
            f"The workspace {name!r} has not moved to another cell ({workspace.availability}), so its rows stay."
        )
    delete_rows(connection, workspace.workspace_id)


def start_workspace_ids(connection: Connection, first: int) -> int:
    """Let new workspaces have ids from *first* on, unless they are there already; return the next id.

    Raises SetupError when this cell has given an id beyond the block.
    """
    (row,) = connection.execute(QUERIES["largest_workspace_id"]).fetchall()
    largest: int = row["workspace_id"]
    if largest >= first + BLOCK:
        raise SetupError(
            f"This cell has given the workspace id {largest:,}, which is beyond the {BLOCK:,} ids from {first:,} on."
        )
    if largest >= first:
        return largest + 1
    # Marked as not used: the next id is this one.
    connection.execute(QUERIES["start_workspace_ids"], {"first": first})
    return first
