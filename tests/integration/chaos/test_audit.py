"""The auditor reports every row that is removed, added or changed in the tables."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest

from app.db.connections import Connection
from chaos.audit import Findings, audit, find_lasting_transactions
from chaos.families import Batch, Family, Member, Sums
from chaos.promises import Promise, Promises
from tests.support.flask_caller import Caller
from tests.support.postgres import make_database_url
from tests.support.unguarded import unguarded
from tests.support.worker import Worker

CHAIN = [Member(name=name, sums=Sums(2, 1, 1, 500)) for name in ("a", "b", "c")]
OTHER = Member(name="z", sums=Sums(1, 0, 0, 0))
LINKS = [("a", "b"), ("b", "c")]


# Each test has its own database, because it corrupts it.
database_url = make_database_url(scope="function")


@pytest.fixture
def promises(caller: Caller, worker: Worker) -> Promises:
    """A chain of three profiles that was merged into one, and a profile that was not merged."""
    updates = [
        {"identifier_to_merge": {"external_id": one}, "identifier_to_keep": {"external_id": other}}
        for one, other in LINKS
    ]
    batch = Batch(path="/users/merge", body={"merge_updates": updates}, jobs=2)
    family = Family(name="chain", shape="chain", members=[*CHAIN, OTHER], batches=[batch], groups={})
    caller.post("/users/track", family.tracked())
    answer = caller.post(batch.path, batch.body).json or {}
    worker.work()
    promises = Promises()
    promises.batches.append(Promise(batch_id=UUID(answer["batch_id"]), jobs=2, raises_at=None))
    promises.groups.update({"chain": [*CHAIN], "other": [OTHER]})
    return promises


def found(connection: Connection, promises: Promises) -> Findings:
    """Return what the auditor finds."""
    return audit(connection, promises)


def test_it_reports_nothing_when_every_promise_was_kept(connection: Connection, promises: Promises) -> None:
    findings = found(connection, promises)

    assert findings.clean
    assert (findings.jobs, findings.merged, findings.dead) == (2, 2, 0)


#: Each change of the tables, and the list of findings that must contain it. None: the change is no fault.
CORRUPTIONS = {
    "UPDATE profile SET session_count = session_count - 1 WHERE external_id = 'c'": "lost",
    "UPDATE profile SET revenue_cents = revenue_cents - 1 WHERE external_id = 'c'": "lost",
    "UPDATE profile SET purchase_count = purchase_count + 1 WHERE external_id = 'c'": "doubled",
    """UPDATE profile SET custom_events = jsonb_set(custom_events, '{login,count}', '7')
       WHERE external_id = 'c'""": "doubled",
    "DELETE FROM purchase": "lost",
    "DELETE FROM custom_event": "lost",
    """INSERT INTO session (workspace_id, origin_id, app_id, started_at)
       SELECT workspace_id, origin_id, app_id, started_at FROM session""": "doubled",
    "UPDATE job SET state = 'queued', outcome = NULL, finished_at = NULL WHERE index = 0": "lost",
    "UPDATE job SET state = 'dead', outcome = NULL WHERE index = 1": "lost",
    "DELETE FROM job WHERE index = 1": "lost",
    "DELETE FROM batch": "lost",
    "DELETE FROM origin WHERE origin_id = (SELECT min(origin_id) FROM origin)": "broken",
    "UPDATE origin SET profile_id = (SELECT id FROM profile WHERE external_id = 'z')": "lost",
    "DELETE FROM redirect WHERE orphan_id = (SELECT max(orphan_id) FROM redirect)": "broken",
    """UPDATE redirect SET survivor_id = (SELECT min(orphan_id) FROM redirect)
       WHERE orphan_id = (SELECT max(orphan_id) FROM redirect)""": "broken",
    "DELETE FROM merge_record": "broken",
    "UPDATE merge_record SET orphan_id = (SELECT min(orphan_id) FROM merge_record)": "broken",
    """INSERT INTO profile (workspace_id, id, braze_id, created_at, updated_at, random_bucket)
       SELECT workspace_id, orphan_id, braze_id, merged_at, merged_at, 1 FROM redirect""": "broken",
    """INSERT INTO batch (workspace_id, id, path)
       SELECT workspace_id, '00000000-0000-7000-8000-000000000000', path FROM batch""": None,
}


@pytest.mark.parametrize("statement", CORRUPTIONS)
def test_it_reports_every_change_of_the_tables(connection: Connection, promises: Promises, statement: str) -> None:
    with unguarded(connection):
        connection.execute(statement.encode())

    findings = found(connection, promises)

    kind = CORRUPTIONS[statement]
    if kind is None:
        assert findings.clean  # an empty batch is no fault
    else:
        assert getattr(findings, kind), findings


def test_it_reports_a_profile_that_is_missing(connection: Connection, promises: Promises) -> None:
    promises.groups["other"].append(Member(name="never-written", sums=Sums(1, 0, 0, 0)))

    assert found(connection, promises).lost


def test_it_reports_a_profile_that_was_not_merged(connection: Connection, promises: Promises) -> None:
    promises.groups["chain"].append(OTHER)
    del promises.groups["other"]

    assert "Group chain of 4 is 2 profiles instead of one." in found(connection, promises).lost


def test_it_reports_a_batch_that_no_client_received(connection: Connection, promises: Promises) -> None:
    promises.batches.clear()

    assert found(connection, promises).broken


def test_it_reports_a_job_that_should_be_dead(connection: Connection, promises: Promises) -> None:
    (promise,) = promises.batches
    promises.batches[0] = Promise(batch_id=promise.batch_id, jobs=2, raises_at=1)

    assert found(connection, promises).lost


def test_it_reports_a_transaction_that_stays_open(connection: Connection, database_url: str) -> None:
    with psycopg.connect(database_url, application_name="mergelane-test") as idle:
        idle.execute("SELECT 1")

        (found,) = find_lasting_transactions(connection, lasting_s=0.5)

    assert "mergelane-test idle in transaction" in found


def test_it_reports_no_transactions_that_follow_one_another(connection: Connection, database_url: str) -> None:
    with (
        psycopg.connect(database_url, application_name="mergelane-test") as busy,
        ThreadPoolExecutor(1) as threads,
    ):
        over = threads.submit(find_lasting_transactions, connection, lasting_s=30.0)
        while not over.done():
            busy.execute("SELECT 1")
            busy.commit()

        assert over.result() == []
