"""While the broker, the database or a worker is down, every accepted merge runs, and takes effect once."""

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
import requests

from app.db import migrations
from chaos.queues import messages
from tests.support.client import Client
from tests.support.pairs import MAY, event, exported, in_chunks, named
from tests.support.postgres import PostgresServer
from tests.support.redis import RedisServer
from tests.support.system import System
from tests.support.waiting import wait_until

FLOWER_LOGIN = ("ada", "lovelace")
SETTINGS = {
    "MERGELANE_RESCUE_AFTER_S": "2",
    "MERGELANE_POOL_TIMEOUT_S": "1",
    "FLOWER_BASIC_AUTH": ":".join(FLOWER_LOGIN),
}


class Fragile(System):
    """A system with its own PostgreSQL and Redis, which the tests stop."""

    postgres: PostgresServer
    broker: RedisServer


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fragile]:
    """A system with two workers and Flower for the tests of this file. Each test restores it."""
    folder = tmp_path_factory.mktemp("fragile")
    postgres, broker = PostgresServer(folder), RedisServer(folder)
    system = Fragile(folder, database_url=postgres.url(), broker_url=broker.url, environ=SETTINGS)
    system.postgres, system.broker = postgres, broker
    try:
        postgres.start()
        broker.start()
        migrations.upgrade_schema(postgres.url())
        system.start(workers=2, flower=True)
        yield system
    finally:
        system.stop()
        broker.stop()
        postgres.stop()


@pytest.fixture
def client(fragile: Fragile) -> Client:
    """A client in a fresh workspace of the fragile system."""
    return fragile.new_client()


def write_pairs(client: Client, count: int) -> list[tuple[str, str]]:
    """Write *count* pairs of profiles with one login each, and return the pairs."""
    pairs = [(f"a{number}", f"b{number}") for number in range(count)]
    for chunk in in_chunks([{"external_id": each} for pair in pairs for each in pair], 75):
        client.track(events=[{**each, **event("login", MAY)} for each in chunk])
    return pairs


def merge_in_batches(client: Client, pairs: Sequence[tuple[str, str]], size: int) -> list[str]:
    """Request the merges of *pairs* in batches of *size*, and return the batch ids."""
    return [client.merge(pairs[start : start + size]) for start in range(0, len(pairs), size)]


def all_jobs(client: Client, batch_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Wait for the batches and return their jobs."""
    return [job for batch_id in batch_ids for job in client.finished(batch_id)["jobs"]]


def assert_merged_exactly_once(client: Client, pairs: Sequence[tuple[str, str]], batch_ids: Sequence[str]) -> None:
    """Wait for the batches, and assert that each pair is merged and each login counted once."""
    outcomes = {job["outcome"] for job in all_jobs(client, batch_ids)}
    survivors = exported(client, [survivor for _, survivor in pairs]).values()

    assert outcomes == {"merged"}
    assert [named(survivor, "custom_events", "login")["count"] for survivor in survivors] == [2] * len(pairs)


def test_a_waiting_batch_is_queued_and_has_a_retry_after_header(fragile: Fragile, client: Client) -> None:
    pairs = write_pairs(client, 3)
    fragile.relay.freeze()
    try:
        batch_id = client.merge(pairs)
        waiting = client.get(f"/merge/batches/{batch_id}")
        preferred = client.post("/users/merge", {"merge_updates": []}, Prefer="wait=1")
        impatient = client.request("GET", waiting.url.removeprefix(client.base_url), headers={"If-None-Match": "*"})
    finally:
        fragile.relay.thaw()

    assert waiting.json()["state"] == "queued"
    assert waiting.json()["counts"] == {"queued": 3}
    assert waiting.json()["finished_at"] is None
    assert {job["state"] for job in waiting.json()["jobs"]} == {"queued"}
    assert int(waiting.headers["Retry-After"]) > 0
    assert (preferred.headers["Preference-Applied"], preferred.json()["batch"]["state"]) == ("wait=1", "finished")
    assert impatient.status_code == 304
    assert_merged_exactly_once(client, pairs, [batch_id])
    assert client.get(f"/merge/batches/{batch_id}").headers["ETag"] != waiting.headers["ETag"]


def test_a_client_gets_the_unfinished_batch_after_its_wait(fragile: Fragile, client: Client) -> None:
    pairs = write_pairs(client, 1)
    fragile.relay.freeze()
    try:
        response = client.post("/users/merge", request_body(pairs), Prefer="wait=1")
    finally:
        fragile.relay.thaw()

    assert response.status_code == 202
    assert response.json()["batch"]["state"] == "queued"
    assert response.headers["Retry-After"]
    assert_merged_exactly_once(client, pairs, [response.json()["batch_id"]])


def test_requests_are_accepted_without_the_broker_and_run_when_it_is_back(fragile: Fragile, client: Client) -> None:
    fragile.broker.stop()
    try:
        pairs = write_pairs(client, 30)
        batch_ids = merge_in_batches(client, pairs, 10)
        ready = client.get("/health/ready")
    finally:
        fragile.broker.start()

    assert ready.status_code == 200
    assert_merged_exactly_once(client, pairs, batch_ids)


def test_jobs_run_after_redis_lost_their_messages(fragile: Fragile, client: Client) -> None:
    pairs = write_pairs(client, 40)
    for worker in fragile.workers:
        worker.freeze()
    try:
        batch_ids = merge_in_batches(client, pairs, 10)
        with fragile.broker.client() as broker:
            wait_until(lambda: messages(broker) >= len(pairs) - 10, what="the relay to publish")
        fragile.broker.flush()
    finally:
        for worker in fragile.workers:
            worker.thaw()

    assert_merged_exactly_once(client, pairs, batch_ids)


def test_requests_without_the_database_get_503_and_accepted_merges_run_later(fragile: Fragile, client: Client) -> None:
    pairs = write_pairs(client, 120)
    fragile.relay.freeze()
    batch_ids = merge_in_batches(client, pairs[:60], 5)
    fragile.relay.thaw()
    fragile.postgres.stop()
    try:
        refused = client.post("/users/merge", request_body(pairs[60:70]))
        unread = client.get(f"/merge/batches/{batch_ids[0]}")
        ready, live = client.get("/health/ready"), client.get("/health/live")
    finally:
        fragile.postgres.start()
    fragile.wait_for_web()
    batch_ids += merge_in_batches(client, pairs[60:], 20)

    assert [refused.status_code, unread.status_code, ready.status_code, live.status_code] == [503, 503, 503, 200]
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in (refused, unread, ready))
    assert refused.json()["message"]
    assert_merged_exactly_once(client, pairs, batch_ids)


@pytest.mark.parametrize("what", ["postgres", "broker", "relay", "web"])
def test_a_kill_during_requests_loses_no_accepted_merge(fragile: Fragile, client: Client, what: str) -> None:
    pairs = write_pairs(client, 120)
    poster, begun = fragile.new_client(workspace=client.workspace), Event()

    def post_all() -> list[str]:
        return [post_until_accepted(poster, [pair], begun) for pair in pairs]

    with ThreadPoolExecutor(1) as threads:
        posting = threads.submit(post_all)
        begun.wait(30)
        killed = getattr(fragile, what)
        killed.kill()
        killed.start()
    fragile.wait_for_web()
    outcomes = {job["outcome"] for job in all_jobs(client, posting.result())}
    survivors = exported(client, [survivor for _, survivor in pairs]).values()

    assert outcomes <= {"merged", "already_merged"}
    assert [named(survivor, "custom_events", "login")["count"] for survivor in survivors] == [2] * len(pairs)


def request_body(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the request that merges these pairs, given by external_id."""
    return {
        "merge_updates": [
            {"identifier_to_merge": {"external_id": orphan}, "identifier_to_keep": {"external_id": survivor}}
            for orphan, survivor in pairs
        ]
    }


def post_until_accepted(client: Client, pairs: Sequence[tuple[str, str]], begun: Event) -> str:
    """Send the request until it is accepted; every other response must be a 503 with Retry-After."""

    def accepted() -> str | None:
        try:
            response = client.post("/users/merge", request_body(pairs))
        except requests.ConnectionError:
            return None
        begun.set()

        assert response.status_code == 202 or (response.status_code, "Retry-After" in response.headers) == (503, True)
        return response.json()["batch_id"] if response.status_code == 202 else None

    return wait_until(accepted, what="the request to be accepted") or ""


@pytest.mark.parametrize("victim", [0, 1])
def test_a_worker_killed_under_load_loses_nothing_and_doubles_nothing(
    fragile: Fragile, client: Client, victim: int
) -> None:
    pairs = write_pairs(client, 150)
    batch_ids = merge_in_batches(client, pairs, 20)
    wait_until(lambda: "merged" in client.batch(batch_ids[0])["counts"], every=0.001, what="the first merge")
    fragile.workers[victim].kill()
    try:
        assert_merged_exactly_once(client, pairs, batch_ids)
    finally:
        restart(fragile, victim)


def test_a_worker_that_gets_sigterm_finishes_its_jobs(fragile: Fragile, client: Client) -> None:
    pairs = write_pairs(client, 150)
    batch_ids = merge_in_batches(client, pairs, 20)
    wait_until(lambda: "merged" in client.batch(batch_ids[0])["counts"], every=0.001, what="the first merge")
    fragile.workers[0].send(signal.SIGTERM)
    try:
        status = fragile.workers[0].ended(seconds=15)
        jobs = all_jobs(client, batch_ids)

        assert status == 0
        assert {(job["outcome"], job["attempts"]) for job in jobs} == {("merged", 1)}
        assert_merged_exactly_once(client, pairs, batch_ids)
    finally:
        restart(fragile, 0)


def restart(fragile: Fragile, number: int) -> None:
    """Start a worker that has ended."""
    worker = fragile.workers[number]
    before = len(worker.log)
    worker.start().says("ready.", after=before)


def test_flower_shows_the_task_of_a_job_with_ids_only(fragile: Fragile, client: Client) -> None:
    flower = f"http://127.0.0.1:{fragile.flower_port}"
    client.track(attributes=[{"external_id": "secret-orphan", "email": "secret@example.com"}, {"external_id": "b"}])
    by_email = {"email": "secret@example.com", "prioritization": ["identified"]}
    (job,) = client.finished(client.merge([(by_email, "b")]))["jobs"]

    def found() -> dict[str, Any] | None:
        answer = requests.get(f"{flower}/api/task/info/{job['task_id']}", auth=FLOWER_LOGIN, timeout=10)
        return answer.json() if answer.status_code == 200 and answer.json()["state"] == "SUCCESS" else None

    task = wait_until(found, every=0.2, what="Flower to show the task") or {}
    listed = requests.get(f"{flower}/api/tasks", auth=FLOWER_LOGIN, timeout=10)
    page = requests.get(f"{flower}/task/{job['task_id']}", auth=FLOWER_LOGIN, timeout=10)

    assert job["outcome"] == "merged"
    assert job["job_id"] in task["args"]
    assert page.status_code == listed.status_code == 200
    assert job["job_id"] in page.text
    assert "secret" not in str(task) + listed.text + page.text
