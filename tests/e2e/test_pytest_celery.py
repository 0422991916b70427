"""pytest-celery's set-up around our own worker: on local processes always, on containers where an engine answers.

There is no result backend to set up: outcomes stand in the ledger, and that is where these tests read them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from celery import Celery
from pytest_celery import CeleryBrokerCluster, CeleryTestSetup, CeleryTestWorker, CeleryWorkerCluster, RedisTestBroker

from tests.support.engine_containers import containers
from tests.support.local_containers import LocalRedisContainer, LocalWorkerContainer
from tests.support.on_citus import database_environ
from tests.support.postgres import Databases
from tests.support.processes import Process
from tests.support.redis import RedisServer
from tests.support.system import FAST, System
from tests.support.waiting import wait_until

PLACES = ["processes", pytest.param("containers", marks=pytest.mark.containers)]


@pytest.fixture(scope="module", params=PLACES)
def place(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """Where broker and worker run: `database_url`, `broker` and `worker`."""
    if request.param == "containers":
        with containers() as running:
            yield running
        return
    folder = tmp_path_factory.mktemp("cluster")
    database = databases.create()
    broker = LocalRedisContainer(RedisServer(folder))
    environ = {
        **FAST,
        **database_environ(databases.url(database)),
        "BROKER_URL": broker.celeryconfig["url"],
    }
    worker = LocalWorkerContainer(
        "worker", lambda command: Process.of("worker", command, folder=folder, environ=environ)
    )
    try:
        yield {"database_url": databases.url(database), "broker": broker, "worker": worker}
    finally:
        worker.teardown()
        broker.teardown()
        databases.drop(database)


@pytest.fixture(scope="module")
def celery_broker_cluster(place: dict[str, Any]) -> CeleryBrokerCluster:
    return CeleryBrokerCluster(RedisTestBroker(place["broker"]))


@pytest.fixture(scope="module")
def celery_backend_cluster() -> None:
    """No result backend."""


@pytest.fixture(scope="module")
def celery_setup_app(celery_broker_cluster: CeleryBrokerCluster) -> Iterator[Celery]:
    wanted = CeleryTestSetup.config({"celery_broker_cluster_config": celery_broker_cluster.config()})
    app = CeleryTestSetup.create_setup_app(wanted, CeleryTestSetup.name())
    yield app
    app.close()


@pytest.fixture(scope="module")
def celery_worker_cluster(place: dict[str, Any], celery_setup_app: Celery) -> CeleryWorkerCluster:
    return CeleryWorkerCluster(CeleryTestWorker(place["worker"], app=celery_setup_app))


@pytest.fixture(scope="module")
def celery_setup(
    celery_worker_cluster: CeleryWorkerCluster,
    celery_broker_cluster: CeleryBrokerCluster,
    celery_backend_cluster: None,
    celery_setup_app: Celery,
) -> CeleryTestSetup:
    setup = CeleryTestSetup(
        worker_cluster=celery_worker_cluster,
        broker_cluster=celery_broker_cluster,
        backend_cluster=celery_backend_cluster,
        app=celery_setup_app,
    )

    assert setup.ready()
    return setup


@pytest.fixture(scope="module")
def door(
    place: dict[str, Any], celery_setup: CeleryTestSetup, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """Front door and relay, without workers of their own: pytest-celery's set-up has the worker."""
    system = System(
        tmp_path_factory.mktemp("door"),
        database_url=place["database_url"],
        broker_url=place["broker"].celeryconfig["host_url"],
    )
    try:
        yield system.start(workers=0)
    finally:
        system.stop()


@contextmanager
def profile_held(database_url: str, external_id: str) -> Iterator[None]:
    """Hold the profile's row, so that a worker that is to merge it comes no further."""
    with psycopg.connect(database_url) as conn:
        find = "SELECT workspace_id, external_id FROM profile WHERE external_id = %s"
        (place,) = conn.execute(find, [external_id]).fetchall()
        conn.execute("SELECT 1 FROM profile WHERE workspace_id = %s AND external_id = %s FOR UPDATE", place)
        yield


def two_profiles(door: System, name: str) -> list[tuple[str, str]]:
    """Write two profiles and return the merge to ask for."""
    orphan = {"external_id": f"{name}-orphan", "first_name": "Ada"}
    door.client.track(
        attributes=[orphan, {"external_id": f"{name}-survivor"}],
        purchases=[
            {
                "external_id": f"{name}-{side}",
                "product_id": "hat",
                "currency": "USD",
                "price": 2.5,
                "time": "2026-01-01T00:00:00Z",
            }
            for side in ("orphan", "survivor")
        ],
    )
    return [(f"{name}-orphan", f"{name}-survivor")]


def assert_merged_once(door: System, batch_id: str, name: str) -> dict[str, Any]:
    """Check that the one job of the batch was merged and its sums were added once; return the job."""
    (job,) = door.client.finished(batch_id)["jobs"]
    survivor = door.client.profile(f"{name}-survivor")

    assert job["outcome"] == "merged", job
    assert survivor["first_name"] == "Ada"
    assert survivor["purchases"][0]["count"] == 2
    return job


def test_the_worker_answers_to_control(celery_setup: CeleryTestSetup) -> None:
    answers = celery_setup.app.control.ping(timeout=10, limit=1)

    assert answers == [{celery_setup.worker.hostname(): {"ok": "pong"}}]


def test_the_worker_takes_our_one_task_from_our_one_queue(celery_setup: CeleryTestSetup) -> None:
    inspect = celery_setup.app.control.inspect(timeout=10, limit=1)
    (tasks,) = inspect.registered().values()
    (queues,) = inspect.active_queues().values()

    assert [task for task in tasks if not task.startswith("celery.")] == ["mergelane.lane"]
    (queue,) = queues
    assert queue["name"].startswith("mergelane-")


def test_a_lane_goes_through_the_broker_and_its_outcome_into_the_ledger(
    celery_setup: CeleryTestSetup, door: System
) -> None:
    job = assert_merged_once(door, door.client.merge(two_profiles(door, "trip")), "trip")

    assert job["attempts"] == 1
    (stats,) = celery_setup.app.control.inspect(timeout=10, limit=1).stats().values()
    assert stats["total"] == {"mergelane.lane": 1}


def test_a_worker_killed_in_the_middle_of_a_merge_loses_and_doubles_nothing(
    celery_setup: CeleryTestSetup, door: System
) -> None:
    updates = two_profiles(door, "killed")
    with profile_held(door.database_url, "killed-survivor"):
        batch_id = door.client.merge(updates)
        wait_until(lambda: door.client.batch(batch_id)["state"] == "running", what="the worker to begin")
        celery_setup.worker.kill()
    celery_setup.worker.restart()

    job = assert_merged_once(door, batch_id, "killed")
    assert job["attempts"] == 2


def test_a_broker_killed_and_started_again_without_its_messages_loses_and_doubles_nothing(
    celery_setup: CeleryTestSetup, door: System
) -> None:
    before, after = two_profiles(door, "before"), two_profiles(door, "after")
    celery_setup.worker.kill()
    first = door.client.merge(before)
    wait_until(lambda: _published(door, first), what="the message to be in the broker")
    celery_setup.broker.kill()
    second = door.client.merge(after)
    celery_setup.broker.restart()
    celery_setup.worker.restart()

    assert_merged_once(door, first, "before")
    assert_merged_once(door, second, "after")


def _published(door: System, batch_id: str) -> bool:
    """Tell whether the relay has put the batch's one job into the broker."""
    with psycopg.connect(door.database_url) as conn:
        row = conn.execute("SELECT published_at FROM job WHERE batch_id = %s", [batch_id]).fetchone()
    return row is not None and row[0] is not None
