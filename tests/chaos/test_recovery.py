"""A job whose worker or message is lost waits no longer than its setting. Messages of a backlog are not lost ones."""

import signal
from collections.abc import Callable
from time import monotonic

import pytest

from chaos.keeper import thaw
from chaos.queues import queues
from tests.chaos.harness import BOUND_S, MACHINE_S, Harness
from tests.support.waiting import wait_until

#: Seconds that the merges may take on a busy machine after the job is sent again.
WORK_S = 8.0


def waiting(harness: Harness) -> int:
    """Return the number of messages in Redis."""
    with harness.installation.redis_client() as redis:
        return sum(redis.llen(queue) for queue in queues(redis))


def test_jobs_whose_messages_are_lost_finish_within_the_bound(
    harness: Harness, record_property: Callable[[str, object], None]
) -> None:
    pairs = [(f"lost-{number}", f"lost-{number}-survivor") for number in range(8)]
    client = harness.client()
    harness.write(client, [name for pair in pairs for name in pair])
    frozen = [
        process for name in harness.installation.workers for process in harness.installation.processes[name].freeze()
    ]
    batch_id = client.merge(pairs)
    harness.promise(batch_id, *pairs)
    wait_until(lambda: waiting(harness) >= len(pairs) - len(frozen), what="the relay to publish")
    with harness.installation.redis_client() as redis:
        redis.flushall()
    began = monotonic()
    thaw(frozen)
    jobs = client.finished(batch_id, seconds=BOUND_S + WORK_S)["jobs"]
    record_property("recovered_s", monotonic() - began)
    client.close()

    assert {(job["outcome"], job["attempts"]) for job in jobs} == {("merged", 1)}


def test_a_job_whose_worker_was_killed_finishes_within_the_bound(
    harness: Harness, record_property: Callable[[str, object], None]
) -> None:
    client = harness.client()
    harness.write(client, ["died-a", "died-b"])
    with harness.installation.connect() as holder, holder.transaction():
        holder.execute("SELECT 1 FROM profile WHERE external_id = 'died-b' FOR UPDATE")
        batch_id = client.merge([("died-a", "died-b")])
        harness.promise(batch_id, ("died-a", "died-b"))
        wait_until(lambda: client.batch(batch_id)["state"] == "running", what="a worker to begin")
        for name in harness.installation.workers:
            harness.installation.processes[name].send(signal.SIGKILL)
        began = monotonic()
        # On a busy machine the first attempt may have given up waiting for the lock before the worker was killed.
        attempts = harness.rows("SELECT attempts FROM job WHERE batch_id = %s", batch_id)[0]["attempts"]
    batch = client.finished(batch_id, seconds=BOUND_S + WORK_S)
    record_property("recovered_s", monotonic() - began)
    client.close()

    (job,) = batch["jobs"]
    assert job["outcome"] == "merged"
    # The broker and the rescue may each send it again. The second attempt finds it finished.
    assert attempts < job["attempts"] <= attempts + 2


def test_a_waiting_backlog_is_not_published_again(harness: Harness) -> None:
    # Few enough jobs for the relay to publish each in its own message while no worker takes any.
    names = [f"backlog-{number}" for number in range(40)]
    client = harness.client()
    harness.write(client, [*names, *(f"{name}-survivor" for name in names)])
    for name in harness.installation.workers:
        harness.installation.processes[name].hold_down(signal.SIGTERM)
    pairs = [[(name, f"{name}-survivor") for name in names[start::4]] for start in range(4)]
    batches = [client.merge(each) for each in pairs]
    for batch_id, each in zip(batches, pairs, strict=True):
        harness.promise(batch_id, *each)
    wait_until(lambda: waiting(harness) == len(names), what="the relay to publish all of them")
    age = "SELECT min(published_at) < clock_timestamp() - make_interval(secs => %s) AS old FROM job WHERE batch_id = %s"
    wait_until(lambda: harness.rows(age, 2 * BOUND_S, batches[-1])[0]["old"], what="them to be old")
    messages = waiting(harness)
    for name in harness.installation.workers:
        harness.installation.processes[name].let_up()
    jobs = [job for batch_id in batches for job in client.finished(batch_id, seconds=MACHINE_S)["jobs"]]
    client.close()

    assert messages == len(names)
    assert {(job["outcome"], job["attempts"]) for job in jobs} == {("merged", 1)}


@pytest.mark.parametrize("name", ["worker1", "relay", "web"])
def test_sigterm_under_load_loses_nothing(harness: Harness, name: str) -> None:
    with harness.load():
        harness.wait_until_busy()
        process = harness.installation.processes[name]
        process.hold_down(signal.SIGTERM)
        status = process.returncode
        process.let_up()
        harness.installation.wait_for_web()

    assert status == 0
