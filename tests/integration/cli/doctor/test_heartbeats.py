"""The doctor's findings about heartbeats."""

from functools import partial

from app.config import Settings
from app.db.connections import Connection, Pool, lend_connection
from app.errors import BrokerUnavailable
from app.metrics.servers import Wait
from app.system.heartbeats import Heartbeat
from cli.doctor.findings import Level
from cli.doctor.heartbeats import check_heartbeats


def test_running_processes_are_fine_lost_ones_a_notice_and_ones_without_a_broker_wrong(
    connection: Connection, pool: Pool
) -> None:
    none = list(check_heartbeats(connection))
    lend = partial(lend_connection, pool)
    Heartbeat("sender", Settings(), lend, name="lost").beat()
    connection.execute("UPDATE process_heartbeat SET seen_at = now() - interval '1 minute'")
    wait = Wait()
    wait.begin(BrokerUnavailable("The broker is full.", cause="OOM"))
    Heartbeat("worker", Settings(), lend, name="waiting", uses_broker=True).beat()
    wait.end()
    found = list(check_heartbeats(connection))

    assert [finding.level for finding in none] == [Level.NOTICE]
    assert [finding.level for finding in found] == [Level.FINE, Level.NOTICE, Level.WRONG]
    assert found[0].sentence == "These processes write heartbeats: 1 worker."
    assert "lost on " in found[1].sentence
    assert "(OOM): waiting on " in found[2].sentence
