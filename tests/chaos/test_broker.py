"""Redis: frozen, parted from everybody, killed. Requests are accepted as ever, and every merge is done afterwards.

That it may be stopped or wiped is shown in tests/e2e/test_merge_faults.py.
"""

import pytest

from tests.chaos.room import BOUND_S, MACHINE_S, Room


@pytest.mark.parametrize("fault", ["kill_redis", "cut_redis", "stall_redis"])
def test_every_merge_is_done_once_it_is_back(room: Room, fault: str) -> None:
    took = room.strike(fault, seed=3)

    assert took < 2 * BOUND_S + MACHINE_S


def test_requests_are_accepted_while_nobody_can_reach_it(room: Room) -> None:
    room.installation.redis_proxy.refuse(refusing=True)
    client = room.client()
    room.write(client, ["parted-a", "parted-b"])
    batch_id = client.merge([("parted-a", "parted-b")])
    room.promise(batch_id, ("parted-a", "parted-b"))
    waiting = client.batch(batch_id)
    room.installation.redis_proxy.refuse(refusing=False)
    batch = client.finished(batch_id, seconds=BOUND_S + MACHINE_S)
    client.close()

    assert waiting["state"] == "queued"
    assert batch["counts"] == {"merged": 1}
