"""While PostgreSQL refuses work, every process waits and no attempt counts. All merges finish afterwards."""

from collections.abc import Iterator

import psycopg
import pytest

from app.db import migrations
from cli.up import commands
from tests.support.pairs import in_chunks
from tests.support.postgres import PostgresServer
from tests.support.processes import Process
from tests.support.receiver import receiving
from tests.support.redis import RedisServer
from tests.support.refusals import REFUSALS, Refusal, refuse
from tests.support.system import System
from tests.support.waiting import wait_until

SETTINGS = {
    "MERGELANE_POOL_TIMEOUT_S": "1",
    "MERGELANE_WEBHOOK_PRIVATE_NETWORKS": "true",
    "MERGELANE_WEBHOOK_PEPPER": "the-pepper-of-these-webhooks",
}


class Refused(System):
    """A system with a sender, whose PostgreSQL is its own."""

    postgres: PostgresServer
    sender: Process

    @property
    def pids(self) -> list[int]:
        """The ids of all processes that must not end."""
        processes = (self.web, self.relay, self.sender, *self.workers)
        assert all(process.running for process in processes), self.report()
        return [process.pid for process in processes]


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refused]:
    """The system of this file's tests. Each test restores it."""
    folder = tmp_path_factory.mktemp("refused")
    postgres, broker = PostgresServer(folder), RedisServer(folder)
    system = Refused(folder, database_url=postgres.url(), broker_url=broker.url, environ=SETTINGS)
    system.postgres, system.sender = postgres, system.process("sender", commands.sender())
    try:
        postgres.start()
        broker.start()
        migrations.upgrade_schema(postgres.url())
        system.start()
        system.sender.start()
        yield system
    finally:
        system.sender.stop()
        system.stop()
        broker.stop()
        postgres.stop()


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_no_process_ends_and_all_merges_finish_afterwards(refused: Refused, refusal: Refusal) -> None:
    client = refused.new_client()
    pairs = [(f"a{number}", f"b{number}") for number in range(20)]
    client.track(attributes=[{"external_id": each, "first_name": "Ann"} for pair in pairs for each in pair])
    pids, said = refused.pids, len(refused.relay.log)
    with receiving() as receiver:
        created = client.post("/webhooks", {"url": f"{receiver.url}/hook"})
        assert created.status_code == 201, created.text
        refused.relay.freeze()
        refused.workers[0].freeze()
        batch_ids = [client.merge(chunk) for chunk in in_chunks(pairs, 5)]
        with refuse(refused.postgres, refusal):
            refused.relay.thaw()
            refused.workers[0].thaw()
            refused.relay.says("service_waiting", after=said)
            wait_until(lambda: client.get("/health/ready").status_code == 503, what="web not to be ready")
            assert refused.pids == pids
        jobs = [job for batch_id in batch_ids for job in client.finished(batch_id)["jobs"]]
        wait_until(lambda: len({each.notice_id for each in receiver.received}) == len(batch_ids), what="the notices")

    assert {(job["outcome"], job["attempts"]) for job in jobs} == {("merged", 1)}
    assert refused.pids == pids
    assert refused.relay.log[said:].count("service_waiting") <= 12  # at most twice for each of its services


NO_RECORDS = Refusal(
    "no records",
    ("REVOKE INSERT ON merge_record FROM mergelane_app",),
    ("GRANT INSERT ON merge_record TO mergelane_app",),
    "the role lacks a privilege",
    "42501",
)
NOTHING_UNCOUNTED = Refusal(
    "no records, nothing uncounted",
    (
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE disk_full; END $$",
        "CREATE TRIGGER no BEFORE INSERT ON merge_record EXECUTE FUNCTION no()",
        "CREATE TRIGGER no BEFORE UPDATE ON job FOR EACH ROW WHEN (new.attempts < old.attempts) EXECUTE FUNCTION no()",
    ),
    ("DROP FUNCTION no CASCADE",),
    "its disk is full",
    "53100",
)


def started_at(system: Refused) -> object:
    """Return when the last attempt at the latest job started."""
    with psycopg.connect(system.database_url) as connection:
        return connection.execute("SELECT started_at FROM job ORDER BY id DESC LIMIT 1").fetchone()


@pytest.mark.parametrize("refusal", [NO_RECORDS, NOTHING_UNCOUNTED], ids=lambda refusal: refusal.name)
def test_a_worker_counts_no_attempt_when_postgresql_refuses_work_in_a_lane(refused: Refused, refusal: Refusal) -> None:
    client = refused.new_client()
    client.track(attributes=[{"external_id": each, "first_name": "Ann"} for each in ("a", "b")])
    pids = refused.pids
    worker = refused.workers[0]
    with refuse(refused.postgres, refusal):
        said = len(worker.log)
        batch_id = client.merge([("a", "b")])
        worker.says(refusal.cause, after=said)
        starts: set[object] = set()
        wait_until(lambda: starts.add(started_at(refused)) or len(starts) > 2, what="the lane to be refused twice")
    (job,) = client.finished(batch_id)["jobs"]

    with psycopg.connect(refused.database_url) as connection:
        stalled = connection.execute("SELECT stalled_attempts FROM job WHERE id = %s", (job["job_id"],)).fetchone()
    assert (job["outcome"], job["attempts"], stalled) == ("merged", 1, (0,))
    assert refused.pids == pids
