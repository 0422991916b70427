"""Redis frozen, unreachable or killed: requests are still accepted, and every merge is applied afterwards.

tests/e2e/test_merge_faults.py tests a Redis that is stopped or wiped.
"""

import pytest

from tests.chaos.harness import BOUND_S, MACHINE_S, Harness


@pytest.mark.parametrize("fault", ["kill_redis", "cut_redis", "stall_redis"])
def test_every_merge_is_done_once_it_is_back(harness: Harness, fault: str) -> None:
    took = harness.strike(fault, seed=3)

    assert took < 2 * BOUND_S + MACHINE_S


def test_requests_are_accepted_while_no_process_can_reach_redis(harness: Harness) -> None:
    harness.installation.redis_proxy.refuse(refusing=True)
    client = harness.client()
    harness.write(client, ["parted-a", "parted-b"])
    batch_id = client.merge([("parted-a", "parted-b")])
    harness.promise(batch_id, ("parted-a", "parted-b"))
    waiting = client.batch(batch_id)
    harness.installation.redis_proxy.refuse(refusing=False)
    batch = client.finished(batch_id, seconds=BOUND_S + MACHINE_S)
    client.close()

    assert waiting["state"] == "queued"
    assert batch["counts"] == {"merged": 1}
