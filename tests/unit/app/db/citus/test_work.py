"""Which workspaces have work on a distributed database, by what the nodes answer."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from app.db.citus.work import HOMES_S, QUERIES, WorkFinder, WorkKind

if TYPE_CHECKING:
    from app.db.connections import Connection


class Nodes:
    """What a distributed database answers: its workspaces with their nodes, and the work of each."""

    broken = False

    def __init__(self, homes: Mapping[int, int]) -> None:
        self.homes = dict(homes)

    def execute(self, query: str, parameters: Mapping[str, Any] | None = None) -> Any:
        rows: list[dict[str, Any]]
        if query == QUERIES["list_homes"]:
            rows = [{"workspace_id": workspace, "node": node} for workspace, node in self.homes.items()]
        else:
            rows = [{"found": [WorkKind.JOBS] if query == QUERIES["list_work"] else []}]
        return rows if parameters is None else SimpleNamespace(fetchall=lambda: rows)


def test_a_workspace_that_is_closed_or_deleted_has_no_work_any_more() -> None:
    now = 0.0
    nodes = Nodes({1: 1, 2: 2})
    finder = WorkFinder(lambda: now)
    connection = cast("Connection", nodes)
    assert finder.workspaces(connection, WorkKind.JOBS) == [1, 2]

    del nodes.homes[2]
    now += HOMES_S

    assert finder.workspaces(connection, WorkKind.JOBS) == [1]
