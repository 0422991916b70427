"""PostgreSQL: restarted, cut off, stalled. Clients are asked to come back, and every 202 that left is honoured.

That it may be killed and stopped under load is shown in tests/e2e/test_merge_faults.py.
"""

import pytest

from tests.chaos.room import BOUND_S, MACHINE_S, Room


@pytest.mark.parametrize(
    "fault", ["restart_postgres_fast", "restart_postgres_immediate", "cut_postgres", "stall_postgres"]
)
def test_every_202_is_honoured(room: Room, fault: str) -> None:
    took = room.strike(fault, seed=2)

    assert took < 2 * BOUND_S + MACHINE_S


def test_while_nobody_can_reach_it_clients_are_asked_to_come_back(room: Room) -> None:
    room.installation.postgres_proxy.refuse(refusing=True)
    client = room.client()
    try:
        refused = client.post("/users/merge", {"merge_updates": []})
    finally:
        room.installation.postgres_proxy.refuse(refusing=False)
    room.installation.wait_for_web()
    accepted = client.post("/users/merge", {"merge_updates": []})
    client.close()
    room.promise(accepted.json()["batch_id"])

    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    assert accepted.status_code == 202
