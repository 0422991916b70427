"""Notices are signed with PostgreSQL's time, so that receivers accept them if the clock of the sender is wrong."""

from dataclasses import replace
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from app.db.connections import Pool
from app.db.transaction import run_in_transaction
from app.webhooks import deliveries
from tests.integration.webhooks.notices import Notifier, a_webhook
from tests.support.flask_caller import Caller
from tests.support.receiver import Receiver


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_notice_is_signed_with_the_time_of_postgresql(
    caller: Caller, receiver: Receiver, notifier: Notifier, pool: Pool, hours: int
) -> None:
    webhook = a_webhook(caller, receiver)
    caller.post(f"/webhooks/{webhook['webhook_id']}/test")
    (leased,) = run_in_transaction(
        pool, caller.workspace_id, deliveries.lease_deliveries, lease_id=uuid7(), limit=9, lease_s=60.0
    )
    with pool.connection() as connection:
        (row,) = connection.execute("SELECT clock_timestamp() AS now").fetchall()
    # The clocks of PostgreSQL and of this machine differ by *hours*.
    at = leased.leased_at + timedelta(hours=hours)
    result = notifier.sender._attempt(replace(leased, leased_at=at))

    (request,) = receiver.received
    assert abs(leased.leased_at - row["now"]) < timedelta(seconds=30)
    assert abs(int(request.headers["webhook-timestamp"]) - at.timestamp()) < 30
    assert result.at is not None
    assert abs(result.at - at) < timedelta(seconds=30)
