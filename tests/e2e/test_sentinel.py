"""The whole product on Redis behind Sentinel: before, during and after a failover."""

from collections.abc import Callable

import pytest
import requests

from app.config import Settings
from cli.doctor import broker
from tests.support.sentinel import SentinelSet
from tests.support.system import System
from tests.support.waiting import wait_until

AUTH = ("ada", "lovelace")


def test_merges_continue_after_a_failover(
    sentinels: SentinelSet, start_system: Callable[..., System], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "PING_S", 3.0)
    environ = {"FLOWER_BASIC_AUTH": ":".join(AUTH)}
    system = start_system(broker_url=sentinels.url, environ=environ, flower=True)
    processes = [system.web, system.relay, system.flower, *system.workers]
    pids = [process.pid for process in processes]
    people = [f"person-{number}" for number in range(40)]
    system.client.track(attributes=[{"external_id": each} for each in people])
    pairs = list(zip(people[::2], people[1::2], strict=True))

    assert system.client.merged(pairs[:5]) == ["merged"] * 5
    assert _counts(sentinels, sentinels.master_port()) > 0
    wait_until(lambda: _flower_shows_our_queue(system), what="Flower to show the queue")
    findings, workers = broker.check_broker(Settings(broker_url=sentinels.url))
    assert {finding.check: finding.level for finding in findings}["broker"] == "fine"
    assert len(workers) == 1

    waiting = system.client.merge(pairs[5:10])
    new = sentinels.kill_master()
    assert system.client.finished(waiting)["counts"] == {"merged": 5}
    assert system.client.merged(pairs[10:]) == ["merged"] * 10

    wait_until(lambda: system.client.get("/health/ready") and _counts(sentinels, new) > 0, what="requests to count")
    wait_until(lambda: _flower_shows_our_queue(system), what="Flower to follow")
    assert [process.pid for process in processes] == pids
    assert all(process.running for process in processes)
    for process in processes:
        assert not any(part in process.log for part in ("p@ss", "p%40ss", "w/ord", "of the sentinel", "of%20the"))


def _counts(sentinels: SentinelSet, port: int) -> int:
    """Return how many rate limits the Redis on *port* counts."""
    with sentinels.client(port) as client:
        return len(list(client.scan_iter("LIMITS:mergelane:*")))


def _flower_shows_our_queue(system: System) -> bool:
    """Return whether Flower reaches the broker and lists our queue, or the default one before it knows it."""
    address = f"http://127.0.0.1:{system.flower_port}/api/queues/length"
    try:
        response = requests.get(address, auth=AUTH, timeout=10)
    except requests.RequestException:
        return False
    return response.ok and any(queue["name"].startswith("mergelane") for queue in response.json()["active_queues"])
