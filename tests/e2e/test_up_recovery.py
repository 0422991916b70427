"""`mergelane up` after the death of a child, of an embedded server, or of `up` itself."""

import signal
from collections.abc import Callable

import psutil
import psycopg
import pytest
import requests

from tests.support.up import Up
from tests.support.waiting import wait_until


def answers(up: Up) -> bool:
    """Return whether the web process responds and has its database."""
    try:
        return requests.get(f"{up.base_url}/health/ready", timeout=30).status_code == requests.codes.ok
    except requests.ConnectionError:
        return False


def merge_goes_through(up: Up, name: str) -> None:
    """Write two profiles and merge them."""
    client = up.client()
    try:
        client.track(attributes=[{"external_id": f"{name}-1", "first_name": "Ada"}, {"external_id": f"{name}-2"}])

        assert client.merged([(f"{name}-1", f"{name}-2")]) == ["merged"]
        assert client.profile(f"{name}-2")["first_name"] == "Ada"
    finally:
        client.close()


def replaced(up: Up, name: str, former: psutil.Process) -> bool:
    """Return whether another process runs as the child *name*."""
    child = up.look().get(name)
    return child is not None and child.pid != former.pid


@pytest.mark.parametrize("name", ["web", "relay", "sender", "worker1", "flower", "redis", "postgres"])
def test_a_child_that_dies_is_started_again(shared_up: Up, name: str) -> None:
    child = shared_up.look()[name]
    child.kill()

    wait_until(lambda: replaced(shared_up, name, child), what=f"{name} to be started again")
    assert f"{name} was killed by signal 9; restarting in " in shared_up.output
    wait_until(lambda: answers(shared_up), what="the web process to be ready")


def test_a_merge_succeeds_after_every_child_has_died(shared_up: Up) -> None:
    for name, child in shared_up.look().items():
        child.kill()
        wait_until(lambda name=name, child=child: replaced(shared_up, name, child), what=f"{name} to be started again")
    wait_until(lambda: answers(shared_up), what="the web process to be ready")

    merge_goes_through(shared_up, "revived")


def test_a_killed_up_leaves_no_process_and_the_next_start_recovers(make_up: Callable[..., Up]) -> None:
    up = make_up().start()
    merge_goes_through(up, "before")
    up.look()
    up.process.send(signal.SIGKILL)
    up.process.ended()
    up.wait_for_nothing_left()
    up.start()

    merge_goes_through(up, "after")
    client = up.client()
    assert client.profile("before-2")["first_name"] == "Ada"
    client.close()
    assert up.stop() == 0
    assert up.left_over() == []


def test_the_next_start_ends_the_processes_that_a_killed_up_left(make_up: Callable[..., Up]) -> None:
    up = make_up().start()
    web = up.look()["web"]
    for process in (web, *web.children()):
        process.suspend()  # so that it cannot react to the signal of its parent's death
    up.process.send(signal.SIGKILL)
    up.process.ended()
    wait_until(lambda: set(up.left_over()) <= {"web"}, what="all but web to end")

    assert web.is_running()
    up.start()
    assert "Stopped processes of an earlier run: web." in up.output
    assert not web.is_running() or web.status() == psutil.STATUS_ZOMBIE


def test_up_finishes_a_running_lane_before_it_stops(make_up: Callable[..., Up]) -> None:
    up = make_up().start()
    client = up.client()
    client.track(attributes=[{"external_id": "running-1", "first_name": "Ada"}, {"external_id": "running-2"}])
    with psycopg.connect((up.home / "run" / "database_url").read_text()) as conn:
        conn.execute("SELECT 1 FROM profile WHERE external_id = 'running-2' FOR UPDATE")
        batch_id = client.merge([("running-1", "running-2")])
        wait_until(lambda: client.batch(batch_id)["state"] == "running", what="a worker to begin")
        up.process.send(signal.SIGTERM)
        wait_until(lambda: "Warm shutdown" in up.log("worker1") + up.log("worker2"), what="the workers to shut down")
    status = up.process.ended(seconds=60)
    up.start()
    (job,) = client.batch(batch_id)["jobs"]
    client.close()

    assert status == 0
    assert (job["outcome"], job["attempts"]) == ("merged", 1)


def test_a_second_sigterm_stops_up_at_once(make_up: Callable[..., Up]) -> None:
    up = make_up().start()
    up.look()["worker1"].suspend()
    up.process.send(signal.SIGTERM)
    wait_until(lambda: "worker2" not in up.look(), what="worker2 to end")
    up.process.send(signal.SIGTERM)

    assert up.process.ended(seconds=20) == 0
    assert up.left_over() == []
