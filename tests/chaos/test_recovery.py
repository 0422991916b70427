"""How long a job waits whose worker or message is gone: no longer than the setting says; and a backlog is no loss."""

import signal
from collections.abc import Callable
from time import monotonic

import pytest

from chaos.keeper import thaw
from chaos.queues import queues
from tests.chaos.room import BOUND_S, MACHINE_S, Room
from tests.support.waiting import wait_until

#: Seconds that the work itself may take on a busy machine once the job is on its way again.
WORK_S = 8.0


def waiting(room: Room) -> int:
    """Return how many messages wait in Redis."""
    with room.installation.redis_client() as redis:
        return sum(redis.llen(queue) for queue in queues(redis))


def test_jobs_whose_messages_are_lost_go_on_within_the_bound(
    room: Room, record_property: Callable[[str, object], None]
) -> None:
    pairs = [(f"lost-{number}", f"lost-{number}-survivor") for number in range(8)]
    client = room.client()
    room.write(client, [name for pair in pairs for name in pair])
    frozen = [process for name in room.installation.workers for process in room.installation.processes[name].freeze()]
    batch_id = client.merge(pairs)
    room.promise(batch_id, *pairs)
    wait_until(lambda: waiting(room) >= len(pairs) - len(frozen), what="the relay to publish")
    with room.installation.redis_client() as redis:
        redis.flushall()
    began = monotonic()
    thaw(frozen)
    jobs = client.finished(batch_id, seconds=BOUND_S + WORK_S)["jobs"]
    record_property("recovered_s", monotonic() - began)
    client.close()

    assert {(job["outcome"], job["attempts"]) for job in jobs} == {("merged", 1)}


def test_a_job_whose_worker_died_in_it_goes_on_within_the_bound(
    room: Room, record_property: Callable[[str, object], None]
) -> None:
    client = room.client()
    room.write(client, ["died-a", "died-b"])
    with room.installation.connect() as holder, holder.transaction():
        holder.execute("SELECT 1 FROM profile WHERE external_id = 'died-b' FOR UPDATE")
        batch_id = client.merge([("died-a", "died-b")])
        room.promise(batch_id, ("died-a", "died-b"))
        wait_until(lambda: client.batch(batch_id)["state"] == "running", what="a worker to begin")
        for name in room.installation.workers:
            room.installation.processes[name].send(signal.SIGKILL)
        began = monotonic()
        # On a busy machine the first attempt may have given up waiting for the lock before the worker was killed.
        attempts = room.rows("SELECT attempts FROM job WHERE batch_id = %s", batch_id)[0]["attempts"]
    batch = client.finished(batch_id, seconds=BOUND_S + WORK_S)
    record_property("recovered_s", monotonic() - began)
    client.close()

    (job,) = batch["jobs"]
    assert job["outcome"] == "merged"
    # The broker and the rescue may each have put it back on its way: the second to begin finds it done.
    assert attempts < job["attempts"] <= attempts + 2


def test_a_backlog_that_merely_waits_is_not_published_again(room: Room) -> None:
    # Few enough for the relay to publish all of them, each in a message of its own, while no worker takes any.
    names = [f"backlog-{number}" for number in range(40)]
    client = room.client()
    room.write(client, [*names, *(f"{name}-survivor" for name in names)])
    for name in room.installation.workers:
        room.installation.processes[name].hold_down(signal.SIGTERM)
    pairs = [[(name, f"{name}-survivor") for name in names[start::4]] for start in range(4)]
    batches = [client.merge(each) for each in pairs]
    for batch_id, each in zip(batches, pairs, strict=True):
        room.promise(batch_id, *each)
    wait_until(lambda: waiting(room) == len(names), what="the relay to publish all of them")
    age = "SELECT min(published_at) < clock_timestamp() - make_interval(secs => %s) AS old FROM job WHERE batch_id = %s"
    wait_until(lambda: room.rows(age, 2 * BOUND_S, batches[-1])[0]["old"], what="them to be old")
    messages = waiting(room)
    for name in room.installation.workers:
        room.installation.processes[name].let_up()
    jobs = [job for batch_id in batches for job in client.finished(batch_id, seconds=MACHINE_S)["jobs"]]
    client.close()

    assert messages == len(names)
    assert {(job["outcome"], job["attempts"]) for job in jobs} == {("merged", 1)}


@pytest.mark.parametrize("name", ["worker1", "relay", "web"])
def test_sigterm_under_load_loses_nothing(room: Room, name: str) -> None:
    with room.load():
        room.wait_until_busy()
        process = room.installation.processes[name]
        process.hold_down(signal.SIGTERM)
        status = process.returncode
        process.let_up()
        room.installation.wait_for_web()

    assert status == 0
