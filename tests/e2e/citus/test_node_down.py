"""A stopped node of Citus stops its workspaces, and no others."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests

from app.config import Settings
from chaos.citus_cluster import Node
from cli.doctor.examination import run_checks
from cli.doctor.findings import Level
from tests.support.citus import CitusDatabases, client_on
from tests.support.client import Client
from tests.support.system import System
from tests.support.waiting import wait_until

PAIRS = 20


@contextmanager
def stopped(node: Node, call_node: Callable[[str, Node], None]) -> Iterator[None]:
    """Kill *node* for the duration of the block."""
    call_node("kill", node)
    try:
        yield
    finally:
        call_node("start", node)


def with_pairs(client: Client, prefix: str) -> list[tuple[str, str]]:
    """Create profiles for PAIRS merges and return the external ids, orphan first."""
    pairs = [(f"{prefix}-orphan-{number}", f"{prefix}-survivor-{number}") for number in range(PAIRS)]
    client.track(attributes=[{"external_id": each, "first_name": "Ada"} for pair in pairs for each in pair])
    return pairs


def test_a_stopped_node_delays_merges_of_its_own_workspaces_only(
    citus_databases: CitusDatabases,
    call_citus_node: Callable[[str, Node], None],
    start_system: Callable[..., System],
    broker_url: str,
) -> None:
    node = citus_databases.cluster.workers[-1]
    with citus_databases.lend(citus_databases.create()) as url:
        system = start_system(database_url=url, broker_url=broker_url, environ=citus_databases.environ, workers=2)
        try:
            there, elsewhere = client_on(system, node), client_on(system, node, home=False)
            pairs, others = with_pairs(there, "there"), with_pairs(elsewhere, "elsewhere")
            more = with_pairs(elsewhere, "more")
            assert elsewhere.merged(more[:1]) == ["merged"]
            waiting = there.merge(pairs)

            with stopped(node, call_citus_node):
                refused = there.post("/users/track", {"attributes": [{"external_id": "x"}]})
                ready = requests.get(f"{system.base_url}/health/ready", timeout=10)
                outcomes = elsewhere.merged(others)
                findings = run_checks(Settings(database_url=url, database_distributed=True, broker_url=broker_url))

            assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
            assert ready.status_code == 200
            wrong = {each.check: each.sentence for each in findings if each.level is Level.WRONG}
            assert f"{node.port} does not answer: requests for its workspaces get 503" in wrong["citus"]
            assert "PostgreSQL responds" not in wrong.get("postgres", "")
            assert outcomes == ["merged"] * PAIRS
            wait_until(lambda: there.get("/merge/queue").status_code == 200, seconds=60, what="the node to be back")
            jobs = there.finished(waiting, seconds=120)["jobs"]
            assert [job["outcome"] for job in jobs] == ["merged"] * PAIRS
            assert there.merged([pairs[0]]) == ["already_merged"]
        finally:
            system.stop()
