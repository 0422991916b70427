"""PostgreSQL restarted, cut off or stalled: clients get a Retry-After, and every request answered 202 is carried out.

tests/e2e/test_merge_faults.py tests a PostgreSQL that is killed or stopped under load.
"""

import pytest

from tests.chaos.harness import BOUND_S, MACHINE_S, Harness


@pytest.mark.parametrize(
    "fault", ["restart_postgres_fast", "restart_postgres_immediate", "cut_postgres", "stall_postgres"]
)
def test_every_request_answered_202_is_carried_out(harness: Harness, fault: str) -> None:
    took = harness.strike(fault, seed=2)

    assert took < 2 * BOUND_S + MACHINE_S


def test_requests_get_503_with_retry_after_while_no_process_can_reach_postgresql(harness: Harness) -> None:
    harness.installation.postgres_proxy.refuse(refusing=True)
    client = harness.client()
    try:
        refused = client.post("/users/merge", {"merge_updates": []})
    finally:
        harness.installation.postgres_proxy.refuse(refusing=False)
    harness.installation.wait_for_web()
    accepted = client.post("/users/merge", {"merge_updates": []})
    client.close()
    harness.promise(accepted.json()["batch_id"])

    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    assert accepted.status_code == 202
