"""What must hold before a workspace moves, each fault as a sentence."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.db.installation import read_name
from app.db.queries import load_queries
from app.db.schema_version import current_revision, required_revision
from app.errors import SetupError
from app.moving.tables import Connection

QUERIES = load_queries(__package__, "workspaces.sql")
CLOCK = load_queries("app.db", "transactions.sql")["read_clock"]

#: The kinds of peppers, with the column of heartbeats, the setting, and the processes that use it.
PEPPERS: Mapping[str, tuple[str, str, Sequence[str]]] = {
    "key": ("key_peppers", "MERGELANE_KEY_PEPPER", ("web",)),
    "webhook": ("webhook_peppers", "MERGELANE_WEBHOOK_PEPPER", ("web", "sender")),
}
#: Seconds by which the clocks of the two servers may differ. Ids and the identity feed are in the order of time.
MOST_SKEW_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace as the owner of the tables sees it."""

    workspace_id: int
    name: str
    created_at: datetime
    rate_limits: Mapping[str, str]
    route_label: str
    availability: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlabelledKey:
    """A valid key whose secret does not name the workspace, so that balancers send it to the default cell."""

    key_id: UUID
    label: str
    hint: str


def find_workspace(connection: Connection, name: str) -> Workspace | None:
    """Return the workspace with *name*, or None."""
    row = connection.execute(QUERIES["find_workspace"], {"name": name}).fetchone()
    return None if row is None else Workspace(**row)


def list_unlabelled_keys(connection: Connection, workspace_id: int) -> list[UnlabelledKey]:
    """Return the valid keys of the workspace whose secrets have no label."""
    rows = connection.execute(QUERIES["list_unlabelled_keys"], {"workspace_id": workspace_id})
    return [UnlabelledKey(key_id=row["id"], label=row["label"], hint=row["hint"]) for row in rows]


def require_other_cell(source: Connection, target: Connection) -> None:
    """Raise SetupError when both lead to one database."""
    if read_name(source) == read_name(target):
        raise SetupError("The URL of --to leads to this cell itself; use that of the other one.")


def require_fit(source: Connection, target: Connection, workspace: Workspace, *, name: str) -> None:
    """Raise SetupError with the reasons why *workspace* cannot move to *target*, where it is called *name*."""
    if faults := list(_find_faults(source, target, workspace, name)):
        raise SetupError(" ".join(faults))


def clock_lead_s(source: Connection, target: Connection) -> float:
    """Return by how many seconds the clock of *source* is ahead of that of *target*; negative when behind."""
    before, other, after = (_now(connection) for connection in (source, target, source))
    return (before + (after - before) / 2 - other).total_seconds()


def _find_faults(source: Connection, target: Connection, workspace: Workspace, name: str) -> Iterator[str]:
    needed = required_revision()
    for place, connection in (("This cell", source), ("The other cell", target)):
        if (found := current_revision(connection)) != needed:
            yield f"{place} has the schema {found}, and this version needs {needed}; run `mergelane migrate` there."
            return
    yield from _find_conflicts(target, workspace, name)
    yield from _find_missing_peppers(source, target, workspace.workspace_id)
    lead = clock_lead_s(source, target)
    if abs(lead) > MOST_SKEW_S:
        yield f"The clocks of the two PostgreSQL servers differ by {abs(lead):.1f} s; set them by NTP."


def _find_conflicts(target: Connection, workspace: Workspace, name: str) -> Iterator[str]:
    values = {"workspace_id": workspace.workspace_id, "name": name, "route_label": workspace.route_label}
    for row in target.execute(QUERIES["find_conflicts"], values):
        if (row["workspace_id"], row["route_label"]) == (workspace.workspace_id, workspace.route_label):
            continue  # the same workspace, from an earlier move
        if row["workspace_id"] == workspace.workspace_id:
            yield (
                f"The other cell has a workspace with the id {workspace.workspace_id}, {row['name']!r}. Cells need"
                " different ids: see `mergelane migrate --first-workspace-id`."
            )
        elif row["route_label"] == workspace.route_label:
            yield f"The other cell has a workspace with the label {workspace.route_label}, {row['name']!r}."
        else:
            yield f"The other cell has another workspace {name!r}. Choose a name there with --as."


def _find_missing_peppers(source: Connection, target: Connection, workspace_id: int) -> Iterator[str]:
    """Yield a sentence when a process of the target lacks a pepper with which digests or secrets were made."""
    rows = source.execute(QUERIES["list_peppers"], {"workspace_id": workspace_id}).fetchall()
    needed = {kind: {row["pepper"] for row in rows if row["kind"] == kind and row["pepper"]} for kind in PEPPERS}
    processes = target.execute(QUERIES["list_process_peppers"]).fetchall()
    if not any(process["kind"] == "web" for process in processes):
        yield "No web process of the other cell has sent a heartbeat within a minute. Start it: it reports its peppers."
        return
    for kind, (column, variable, users) in PEPPERS.items():
        for process in processes:
            if process["kind"] in users and (lacking := needed[kind] - set(process[column] or ())):
                yield (
                    f"The {process['kind']} process of the other cell on {process['host']} lacks a secret of {variable}"
                    f" (fingerprint {', '.join(sorted(lacking))}). Add it to the list there and restart the process."
                )


def _now(connection: Connection) -> datetime:
    (row,) = connection.execute(CLOCK).fetchall()
    moment: datetime = row["now"]
    return moment
