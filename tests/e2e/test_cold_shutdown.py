"""A cold shutdown of a worker during a job does not make the job fail."""

import signal
from collections.abc import Callable

import psycopg
from psycopg.rows import dict_row

from cli.up import commands
from tests.support.on_citus import node_urls
from tests.support.processes import Process
from tests.support.system import System
from tests.support.waiting import wait_until

QUIT, INT, TERM = signal.SIGQUIT, signal.SIGINT, signal.SIGTERM
#: The signals of each worker in turn. SIGTERM is remapped for all of them.
ENDS = ([QUIT], [TERM], [INT, INT], [QUIT, QUIT], [QUIT])
SLOW = {"MERGELANE_LOCK_TIMEOUT_MS": "60000", "MERGELANE_STATEMENT_TIMEOUT_MS": "61000", "REMAP_SIGTERM": "SIGQUIT"}


def test_five_cold_shutdowns_count_no_attempt_of_a_job_that_waits_for_a_lock(
    start_system: Callable[..., System],
) -> None:
    system = start_system(workers=0, environ=SLOW)
    system.client.track(attributes=[{"external_id": "a"}, {"external_id": "b"}])
    with (
        psycopg.connect(system.database_url) as holder,
        psycopg.connect(system.database_url, autocommit=True, row_factory=dict_row) as observer,
    ):
        (workspace,) = observer.execute("SELECT workspace_id FROM workspace").fetchall()
        holder.execute("SELECT 1 FROM profile WHERE workspace_id = %(workspace_id)s FOR UPDATE", workspace)
        batch_id = system.client.merge([("a", "b")])

        def job() -> dict[str, object]:
            (row,) = observer.execute("SELECT state, attempts, stalled_attempts FROM job").fetchall()
            return row

        def waits() -> bool:
            return job()["state"] == "running" and any(map(has_waiting_session, node_urls(system.database_url)))

        for number, signals in enumerate(ENDS):
            worker = system.process(f"worker{number}", commands.worker(f"worker{number}")).start()
            system.workers.append(worker)
            wait_until(waits, seconds=60, what=f"the job to wait for a lock in {worker.name}")
            end(worker, signals)

            assert job() == {"state": "queued", "attempts": 0, "stalled_attempts": 0}
            assert "job_attempt_failed" not in worker.log
        holder.rollback()
    system.add_worker()

    assert system.client.finished(batch_id)["counts"] == {"merged": 1}
    with psycopg.connect(system.database_url) as observer:
        assert observer.execute("SELECT attempts, stalled_attempts FROM job").fetchall() == [(1, 0)]


def has_waiting_session(url: str) -> bool:
    """Return whether a worker's session waits for a lock, or on Citus the session that it uses on this node."""
    query = (
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        " AND (application_name LIKE 'mergelane-worker%' OR application_name LIKE 'citus_internal%')"
    )
    with psycopg.connect(url) as connection:
        return connection.execute(query).rowcount > 0


def end(worker: Process, signals: list[signal.Signals]) -> None:
    """Send *signals* until the worker has ended."""
    for number in signals:
        worker.send(number)
        if number is INT:
            wait_until(lambda: "Hitting Ctrl+C again" in worker.log, what="the worker to take the first Ctrl-C")
    wait_until(lambda: not worker.running, seconds=30, what="the worker to end")
