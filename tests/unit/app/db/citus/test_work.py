"""Finds the workspaces that have work on a distributed database, from the answers of the nodes."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from app.db.citus.work import HOMES_S, LOOK_S, QUERIES, WorkFinder, WorkKind

if TYPE_CHECKING:
    from app.db.connections import Connection


class Nodes:
    """Replaces a distributed database: it returns the workspaces with their nodes, and the work of each."""

    broken = False
    work: Sequence[str] = (WorkKind.JOBS,)

    def __init__(self, homes: Mapping[int, int]) -> None:
        self.homes = dict(homes)
        self.announced: list[int] = []
        self.queried: list[int] = []
        #: The time of the clock, and the duration of a query about a workspace, in seconds.
        self.now = self.query_s = 0.0

    def execute(self, query: str, parameters: Mapping[str, Any] | None = None) -> Any:
        rows: list[dict[str, Any]]
        if query == QUERIES["list_homes"]:
            rows = [{"workspace_id": workspace, "node": node} for workspace, node in self.homes.items()]
        elif query == QUERIES["list_announcements"]:
            rows = [{"found": self.announced}]
        else:
            assert parameters is not None
            self.queried.append(parameters["workspace_id"])
            self.now += self.query_s
            rows = [{"found": self.work}]
        return rows if parameters is None else SimpleNamespace(fetchall=lambda: rows)


def test_a_closed_or_deleted_workspace_has_no_work() -> None:
    nodes = Nodes({1: 1, 2: 2})
    finder = WorkFinder(lambda: nodes.now)
    connection = cast("Connection", nodes)
    assert finder.workspaces(connection, WorkKind.JOBS) == [1, 2]

    del nodes.homes[2]
    nodes.now += HOMES_S

    assert finder.workspaces(connection, WorkKind.JOBS) == [1]


def test_many_quiet_workspaces_do_not_delay_one_that_announced_work() -> None:
    nodes = Nodes(dict.fromkeys(range(100), 1))
    nodes.work, nodes.announced, nodes.query_s = (), [99], LOOK_S / 10
    finder = WorkFinder(lambda: nodes.now)
    connection = cast("Connection", nodes)

    finder.workspaces(connection, WorkKind.JOBS)
    first = list(nodes.queried)
    while len(nodes.queried) < 100:
        finder.workspaces(connection, WorkKind.JOBS)

    assert first[0] == 99
    assert len(first) < 15
    assert set(nodes.queried) == set(range(100))
