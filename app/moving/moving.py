"""Moves a workspace to another cell.

Each step can be repeated. The switch is one transaction, which opens the workspace in the other cell. Until then the
move can be cancelled; afterwards the rows here are a copy that nothing changes.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from threading import Event
from time import monotonic
from typing import Any

from psycopg.types.json import Jsonb

from app.db.installation import read_name
from app.db.local_settings import set_workspace
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import SetupError
from app.identities.numbering import number_changes
from app.moving.checks import (
    Workspace,
    clock_lead_s,
    find_workspace,
    list_unlabelled_keys,
    require_fit,
    require_other_cell,
)
from app.moving.closing import await_jobs_under_way, delete_rows, permit_changes, refuse_changes, set_availability
from app.moving.comparison import TableDigest, read_digests, summarize
from app.moving.copying import changing, copy_differences
from app.moving.tables import QUERIES as TABLE_QUERIES
from app.moving.tables import Connection, list_tables
from app.webhooks.identities import create_identity_deliveries

QUERIES = load_queries(__package__, "workspaces.sql")

#: The most passes while the workspace is open, and the rows of a pass after which another one is not worth it.
OPEN_PASSES = 4
FEW_ROWS = 5_000
#: Passes while it is closed: the second finds no difference.
CLOSED_PASSES = 3
#: By how much a sequence passes the values of the other cell: sessions here take values meanwhile.
SEQUENCE_MARGIN = 1_000_000

#: Receives a sentence for each step.
Report = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The result of a move."""

    route_label: str
    #: The name of the other cell; "" when its web has none.
    cell: str
    tables: Mapping[str, TableDigest]
    closed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MovePlan:
    """What the operator requests."""

    workspace: str
    #: Its name in the other cell.
    name: str
    #: Seconds that jobs which were published may take to finish, after the workspace is closed.
    drain_s: float
    #: Whether keys without a label may stay valid, which only the default cell gets.
    permits_unlabelled_keys: bool = False


class Move:
    """One move. Both connections are the owners', in autocommit mode, with rows as dicts."""

    def __init__(
        self,
        source: Connection,
        target: Connection,
        plan: MovePlan,
        *,
        report: Report,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self._source = source
        self._target = target
        self._plan = plan
        self._report = report
        self._pause = pause or Event().wait
        self._closed_at: float | None = None

    def run(self) -> Moved:
        """Take all steps that are left. Raises SetupError with the reason when one is impossible."""
        workspace = self._find()
        if self._is_open_there(workspace):
            return self._finish(workspace)
        require_fit(self._source, self._target, workspace, name=self._plan.name)
        self._require_labelled_keys(workspace)
        self._begin(workspace)
        if workspace.availability == "open":
            self._copy_in_the_open(workspace)
        self._close(workspace)
        self._copy_the_rest(workspace)
        self._open_there(workspace)
        return self._finish(workspace)

    def cancel(self) -> None:
        """Open the workspace here again, and delete what the other cell has. Raises SetupError if it is open there."""
        workspace = self._find()
        if self._is_open_there(workspace):
            raise SetupError(
                f"The workspace {workspace.name!r} is open in the other cell, so the move cannot be cancelled. Run"
                " `mergelane workspaces move` again to finish it, or move the workspace back."
            )
        workspace_id = workspace.workspace_id
        permit_changes(self._source, workspace_id)
        with self._source.transaction():
            set_availability(self._source, workspace_id, "open")
            self._source.execute(QUERIES["end_move"], {"workspace_id": workspace_id})
        self._source.execute(QUERIES["wake_processes"])
        there = self._there(workspace)
        if there is not None and there["availability"] == "arriving":
            delete_rows(self._target, workspace_id)
        self._report(f"The workspace {workspace.name!r} is open here again.")

    def _find(self) -> Workspace:
        require_other_cell(self._source, self._target)
        workspace = find_workspace(self._source, self._plan.workspace)
        if workspace is None:
            raise SetupError(f"There is no workspace {self._plan.workspace!r}; see `mergelane workspaces list`.")
        if workspace.availability == "arriving":
            raise SetupError(
                f"The workspace {workspace.name!r} arrives from another cell and is incomplete. Run the command there."
            )
        return workspace

    def _is_open_there(self, workspace: Workspace) -> bool:
        """Return whether an earlier run has opened the workspace in the other cell. Raises SetupError if both are."""
        there = self._there(workspace)
        if there is None or there["availability"] != "open":
            return False
        if workspace.availability == "open":
            raise SetupError(
                f"The workspace {workspace.name!r} is open in both cells; move no workspace that was copied."
            )
        return True

    def _there(self, workspace: Workspace) -> Mapping[str, Any] | None:
        values = {"workspace_id": workspace.workspace_id, "name": self._plan.name, "route_label": workspace.route_label}
        rows = self._target.execute(QUERIES["find_conflicts"], values)
        own = workspace.workspace_id, workspace.route_label
        same = [row for row in rows if (row["workspace_id"], row["route_label"]) == own]
        return same[0] if same else None

    def _require_labelled_keys(self, workspace: Workspace) -> None:
        found = list_unlabelled_keys(self._source, workspace.workspace_id)
        if found and not self._plan.permits_unlabelled_keys:
            keys = ", ".join(f"{key.hint}… ({key.label})" for key in found[:10])
            raise SetupError(
                f"{len(found)} valid keys of {workspace.name!r} have no route label, so the balancer sends their"
                f" requests to the default cell: {keys}. Replace and revoke them, or use --permit-unlabelled-keys when"
                " the other cell is the default cell."
            )

    def _begin(self, workspace: Workspace) -> None:
        """Record the move here, and make the closed workspace in the other cell."""
        target = read_name(self._target)
        values = {"workspace_id": workspace.workspace_id, "target": target}
        (move,) = self._source.execute(QUERIES["begin_move"], values).fetchall()
        if move["target"] != target:
            raise SetupError(
                f"A move of {workspace.name!r} to another cell is not finished. Run it with --cancel first."
            )
        row = {
            "workspace_id": workspace.workspace_id,
            "name": self._plan.name,
            "created_at": workspace.created_at,
            "rate_limits": Jsonb(workspace.rate_limits),
            "route_label": workspace.route_label,
        }
        self._target.execute(QUERIES["add_arriving"], row)

    def _copy_in_the_open(self, workspace: Workspace) -> None:
        for number in range(1, OPEN_PASSES + 1):
            sent = copy_differences(self._source, self._target, workspace.workspace_id)
            self._report(f"Pass {number}: copied {sent:,} rows while the workspace is open.")
            if sent <= FEW_ROWS:
                break

    def _close(self, workspace: Workspace) -> None:
        workspace_id = workspace.workspace_id
        self._record(workspace_id, "closing")
        self._closed_at = monotonic()
        set_availability(self._source, workspace_id, "moving")
        self._report("The workspace is closed: requests get 503 with Retry-After.")
        left = await_jobs_under_way(self._source, workspace_id, longest_s=self._plan.drain_s, pause=self._pause)
        if left:
            self._report(f"{left:,} jobs did not finish; the other cell requeues them.")
        refuse_changes(self._source, workspace_id)
        self._number_all(workspace_id)
        self._record(workspace_id, "closed")

    def _number_all(self, workspace_id: int) -> None:
        """Give each change of identity its number, so that the feed continues after it in the other cell."""
        complete = False
        while not complete:
            with changing(self._source):
                set_workspace(self._source, workspace_id)
                tx = Transaction(self._source, workspace_id)
                numbered = number_changes(tx)
                create_identity_deliveries(tx, numbered.changes)
            complete = numbered.complete

    def _copy_the_rest(self, workspace: Workspace) -> None:
        for _ in range(CLOSED_PASSES):
            sent = copy_differences(self._source, self._target, workspace.workspace_id)
            self._report(f"Copied {sent:,} rows while the workspace is closed.")
            if not sent:
                break
        tables = self._compare(workspace)
        stored = {name: asdict(digest) for name, digest in tables.items()}
        values = {"workspace_id": workspace.workspace_id, "tables": Jsonb(stored)}
        self._source.execute(QUERIES["record_tables"], values)
        self._record(workspace.workspace_id, "verified")
        rows = sum(digest.rows for digest in tables.values())
        self._report(f"Verified {rows:,} rows in {len(tables)} tables by number and checksum.")

    def _compare(self, workspace: Workspace) -> dict[str, TableDigest]:
        """Return the digests of all tables. Raises SetupError when a table differs."""
        found: dict[str, TableDigest] = {}
        for table in list_tables(self._source, workspace.workspace_id):
            here = summarize(read_digests(self._source, table, workspace.workspace_id))
            there = summarize(read_digests(self._target, table, workspace.workspace_id))
            if here != there:
                raise SetupError(
                    f"The table {table.name} differs: {here.rows:,} rows here and {there.rows:,} in the other cell. The"
                    " workspace stays closed. Run the command again, or with --cancel."
                )
            found[table.name] = here
        return found

    def _open_there(self, workspace: Workspace) -> None:
        """Open the workspace in the other cell: the switch, in one transaction."""
        workspace_id = workspace.workspace_id
        permit_changes(self._target, workspace_id)
        self._raise_sequences()
        # Later ids and changes must have later times than those of this cell.
        if (lead := clock_lead_s(self._source, self._target)) > 0:
            self._pause(lead)
        with changing(self._target):
            self._target.execute(QUERIES["reset_feed"], {"workspace_id": workspace_id})
            # It may have moved away from there before.
            self._target.execute(QUERIES["end_move"], {"workspace_id": workspace_id})
            set_availability(self._target, workspace_id, "open")
            self._target.execute(QUERIES["wake_processes"])
        self._report("The workspace is open in the other cell.")

    def _raise_sequences(self) -> None:
        """Let the other cell give ids after those of this one."""
        listed = [c.execute(TABLE_QUERIES["list_sequences"]).fetchall() for c in (self._source, self._target)]
        here, there = ({row["name"]: row["last_value"] for row in rows} for rows in listed)
        for name, value in here.items():
            if value >= there.get(name, 0):
                values = {"name": name, "value": value + SEQUENCE_MARGIN}
                self._target.execute(TABLE_QUERIES["raise_sequence"], values)

    def _finish(self, workspace: Workspace) -> Moved:
        """Record here that the workspace has moved, and read what is to report."""
        workspace_id = workspace.workspace_id
        set_availability(self._source, workspace_id, "moved")
        self._record(workspace_id, "done")
        row = self._source.execute(QUERIES["read_tables"], {"workspace_id": workspace_id}).fetchone()
        stored = row["tables"] if row else {}
        cells = [each["cell"] for each in self._target.execute(QUERIES["list_process_peppers"]) if each["cell"]]
        return Moved(
            route_label=workspace.route_label,
            cell=cells[0] if cells else "",
            tables={name: TableDigest(**digest) for name, digest in stored.items()},
            closed_s=0.0 if self._closed_at is None else monotonic() - self._closed_at,
        )

    def _record(self, workspace_id: int, step: str) -> None:
        self._source.execute(QUERIES["record_step"], {"workspace_id": workspace_id, "step": step})
