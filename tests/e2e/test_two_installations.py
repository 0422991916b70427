"""An installation and its restored copy on one broker: each finishes its own jobs, and none of the other's."""

import json
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from app.config import Settings
from app.db.connections import open_pool
from app.db.installation import Installation, renew_id
from chaos.queues import ordinary_list
from cli.database import connected
from tests.support.postgres import Databases
from tests.support.redis import RedisServer
from tests.support.system import System
from workers.celery import queue_name

PAIRS = [(f"guest-{number}", f"customer-{number}") for number in range(30)]


@pytest.fixture
def copied(databases: Databases, database_url: str) -> Iterator[str]:
    """The URL of a copy of the test's database, like a restored backup."""
    with databases.lend(databases.copy(urlsplit(database_url).path.removeprefix("/"))) as url:
        yield url


def name_of(url: str) -> str:
    """Return the name of the installation on the database at *url*."""
    with open_pool(Settings(database_url=url), name="test") as pool:
        return Installation.in_pool(pool).name()


def test_a_copy_has_another_name_and_an_installation_keeps_its_own(database_url: str, copied: str) -> None:
    assert name_of(database_url) == name_of(database_url)
    assert name_of(database_url) != name_of(copied)


def test_a_new_id_changes_the_name_of_an_installation(database_url: str) -> None:
    former = name_of(database_url)
    with connected(Settings(), database_url, name="test") as connection:
        renew_id(connection)

    assert name_of(database_url) != former


def test_an_original_and_its_copy_finish_their_own_jobs_on_one_redis(
    start_system: Callable[..., System], database_url: str, copied: str, redis_server: RedisServer
) -> None:
    systems = [start_system(database_url=url, workers=0) for url in (database_url, copied)]
    for system in systems:
        system.client.track(attributes=[{"external_id": each} for pair in PAIRS for each in pair])
    batches = [system.client.merge(PAIRS) for system in systems]
    workers = [system.add_worker(wait=False) for system in systems]
    for worker in workers:
        worker.says("ready.")

    jobs = [system.client.finished(batch)["jobs"] for system, batch in zip(systems, batches, strict=True)]

    assert [{(job["outcome"], job["attempts"]) for job in each} for each in jobs] == [{("merged", 1)}] * 2
    # A message of the copy in the queue of the original has no effect there.
    assert [worker.log.count("foreign_message_ignored") for worker in workers] == [0, 0]
    assert [worker.log.count("lane_done") > 0 for worker in workers] == [True, True]
    assert all("jobs_rescued" not in system.relay.log for system in systems)


def test_a_foreign_message_is_ignored_with_a_log_line(
    start_system: Callable[..., System], database_url: str, copied: str, redis_server: RedisServer
) -> None:
    original = start_system(workers=1)
    copy = start_system(database_url=copied, workers=0)
    copy.client.track(attributes=[{"external_id": each} for each in ("a", "b")])
    own, foreign = queue_name(name_of(database_url)), queue_name(name_of(copied))
    batch = copy.client.merge([("a", "b")])
    with redis_server.client() as client:
        _, message = client.blpop([ordinary_list(foreign)], timeout=20)
        client.lpush(own, message)
    (worker,) = original.workers

    worker.says("foreign_message_ignored")
    copy.add_worker()
    (job,) = copy.client.finished(batch)["jobs"]

    assert (job["outcome"], job["attempts"]) == ("merged", 1)
    assert json.loads(message)["headers"]["installation"] == name_of(copied)
