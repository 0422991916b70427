"""The whole product, Flower included, with TLS to PostgreSQL and Redis. Only the URLs configure it."""

from collections.abc import Callable

import requests

from tests.support.system import System
from tests.support.tls import Encrypted
from tests.support.waiting import wait_until

AUTH = ("ada", "lovelace")


def test_a_merge_succeeds_with_tls_to_both_servers(encrypted: Encrypted, start_system: Callable[..., System]) -> None:
    system = start_system(
        database_url=encrypted.database_url(),
        broker_url=encrypted.broker_url(),
        environ={"FLOWER_BASIC_AUTH": ":".join(AUTH)},
        flower=True,
    )
    client = system.client
    client.track(attributes=[{"external_id": "orphan"}, {"external_id": "survivor"}])

    assert client.merged([("orphan", "survivor")]) == ["merged"]
    assert encrypted.postgres.encrypted > 0
    assert encrypted.redis.encrypted > 0

    def queues() -> list[str]:
        address = f"http://127.0.0.1:{system.flower_port}/api/queues/length"
        try:
            response = requests.get(address, auth=AUTH, timeout=10)
        except requests.ConnectionError:
            return []
        return [queue["name"] for queue in response.json()["active_queues"]] if response.ok else []

    wait_until(lambda: "mergelane" in queues(), seconds=90, what="Flower to show the broker's queue")
    assert "Traceback" not in system.flower.log
