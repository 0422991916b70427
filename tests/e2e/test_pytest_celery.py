"""pytest-celery with the product's worker: always on local processes, and on containers if an engine responds.

There is no result backend: the tests read outcomes from the ledger.
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
    """The `database_url`, `broker` and `worker` on processes or containers."""
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
    config = CeleryTestSetup.config({"celery_broker_cluster_config": celery_broker_cluster.config()})
    app = CeleryTestSetup.create_setup_app(config, CeleryTestSetup.name())
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
def installation(
    place: dict[str, Any], celery_setup: CeleryTestSetup, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """Web and relay without a worker: pytest-celery starts the worker."""
    system = System(
        tmp_path_factory.mktemp("installation"),
        database_url=place["database_url"],
        broker_url=place["broker"].celeryconfig["host_url"],
    )
    try:
        yield system.start(workers=0)
    finally:
        system.stop()


@contextmanager
def profile_held(database_url: str, external_id: str) -> Iterator[None]:
    """Lock the profile's row, so that a worker waits before it merges the profile."""
    with psycopg.connect(database_url) as conn:
        find = "SELECT workspace_id, external_id FROM profile WHERE external_id = %s"
        (place,) = conn.execute(find, [external_id]).fetchall()
        conn.execute("SELECT 1 FROM profile WHERE workspace_id = %s AND external_id = %s FOR UPDATE", place)
        yield


def two_profiles(installation: System, name: str) -> list[tuple[str, str]]:
    """Write two profiles, and return the pair to merge."""
    orphan = {"external_id": f"{name}-orphan", "first_name": "Ada"}
    installation.client.track(
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


def assert_merged_once(installation: System, batch_id: str, name: str) -> dict[str, Any]:
    """Assert that the only job of the batch merged and added its sums once; return the job."""
    (job,) = installation.client.finished(batch_id)["jobs"]
    survivor = installation.client.profile(f"{name}-survivor")

    assert job["outcome"] == "merged", job
    assert survivor["first_name"] == "Ada"
    assert survivor["purchases"][0]["count"] == 2
    return job


def test_the_worker_responds_to_control_commands(celery_setup: CeleryTestSetup) -> None:
    answers = celery_setup.app.control.ping(timeout=10, limit=1)

    assert answers == [{celery_setup.worker.hostname(): {"ok": "pong"}}]


def test_the_worker_has_one_task_and_consumes_one_queue(celery_setup: CeleryTestSetup) -> None:
    inspect = celery_setup.app.control.inspect(timeout=10, limit=1)
    (tasks,) = inspect.registered().values()
    (queues,) = inspect.active_queues().values()

    assert [task for task in tasks if not task.startswith("celery.")] == ["mergelane.lane"]
    (queue,) = queues
    assert queue["name"].startswith("mergelane-")


def test_a_lane_goes_through_the_broker_and_its_outcome_is_in_the_ledger(
    celery_setup: CeleryTestSetup, installation: System
) -> None:
    job = assert_merged_once(installation, installation.client.merge(two_profiles(installation, "trip")), "trip")

    assert job["attempts"] == 1
    (stats,) = celery_setup.app.control.inspect(timeout=10, limit=1).stats().values()
    assert stats["total"] == {"mergelane.lane": 1}


def test_a_worker_killed_in_the_middle_of_a_merge_loses_and_doubles_nothing(
    celery_setup: CeleryTestSetup, installation: System
) -> None:
    updates = two_profiles(installation, "killed")
    with profile_held(installation.database_url, "killed-survivor"):
        batch_id = installation.client.merge(updates)
        wait_until(
            lambda: installation.client.batch(batch_id)["state"] == "running", what="the worker to start the job"
        )
        celery_setup.worker.kill()
    celery_setup.worker.restart()

    job = assert_merged_once(installation, batch_id, "killed")
    assert job["attempts"] == 2


def test_a_broker_killed_and_started_again_without_its_messages_loses_and_doubles_nothing(
    celery_setup: CeleryTestSetup, installation: System
) -> None:
    before, after = two_profiles(installation, "before"), two_profiles(installation, "after")
    celery_setup.worker.kill()
    first = installation.client.merge(before)
    wait_until(lambda: _published(installation, first), what="the message to be in the broker")
    celery_setup.broker.kill()
    second = installation.client.merge(after)
    celery_setup.broker.restart()
    celery_setup.worker.restart()

    assert_merged_once(installation, first, "before")
    assert_merged_once(installation, second, "after")


def _published(installation: System, batch_id: str) -> bool:
    """Return whether the relay has published the only job of the batch."""
    with psycopg.connect(installation.database_url) as conn:
        row = conn.execute("SELECT published_at FROM job WHERE batch_id = %s", [batch_id]).fetchone()
    return row is not None and row[0] is not None
