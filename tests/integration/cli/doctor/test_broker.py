"""The doctor on a real Redis."""

import pytest
from celery import Celery

from app.config import Settings
from app.rates.buckets import Bucket, Limit
from app.rates.windows import FixedWindowLimiter
from cli.doctor import broker
from cli.doctor.findings import Finding
from tests.support.redis import RedisServer


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for workers only a moment, because none runs."""
    monkeypatch.setattr(broker, "PING_S", 0.1)


def found(url: str) -> dict[str, Finding]:
    """Return the findings about the broker by their checks."""
    return {finding.check: finding for finding in broker.check_broker(Settings(broker_url=url))[0]}


def test_a_sound_redis_without_workers_is_fine(redis_server: RedisServer) -> None:
    findings = found(redis_server.url)
    levels = {check: finding.level.value for check, finding in findings.items()}

    assert levels.pop("workers") == "wrong"
    assert set(levels.values()) == {"fine"}
    assert "is not persistent" in findings["broker persistence"].sentence


def test_the_keys_of_mergelane_are_not_reported_as_foreign(redis_server: RedisServer) -> None:
    FixedWindowLimiter(redis_server.url).count_request(Limit(Bucket.OTHER, 10, 60), workspace_id=1)
    with redis_server.client() as client:
        client.lpush("mergelane", "message")
        client.sadd("_kombu.binding.mergelane", "x")
        client.hset("unacked", "tag", "message")

    assert found(redis_server.url)["broker database"].level == "fine"


@pytest.mark.parametrize("key", ["celery", "_kombu.binding.celery", "session:jane@example.com"])
def test_foreign_keys_are_a_finding_without_all_of_their_names(redis_server: RedisServer, key: str) -> None:
    with redis_server.client() as client:
        client.set(key, "x")

    finding = found(redis_server.url)["broker database"]

    assert finding.level == "wrong"
    assert key.partition(":")[0] in finding.sentence
    assert "jane" not in finding.sentence


def test_a_redis_that_drops_messages_or_writes_to_its_disk_is_a_finding(own_redis: RedisServer) -> None:
    with own_redis.client() as client:
        client.config_set("maxmemory", "50mb")
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("save", "900 1")
    findings = found(own_redis.url)

    assert findings["broker memory"].level == "wrong"
    assert "noeviction" in findings["broker memory"].remedy
    assert findings["broker persistence"].level == "fine"
    assert "is persistent" in findings["broker persistence"].sentence


def test_an_unreachable_redis_is_wrong() -> None:
    findings, workers = broker.check_broker(Settings(broker_url="redis://127.0.0.1:1/0"))

    assert [(finding.check, finding.level) for finding in findings] == [("broker", "wrong")]
    assert workers == []


def test_a_broker_other_than_redis_is_checked_only_for_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "make_celery", lambda _: Celery(broker="memory://", set_as_current=False))
    findings, _ = broker.check_broker(Settings(broker_url="amqp://127.0.0.1//"))

    assert [(finding.check, finding.level) for finding in findings] == [("broker", "fine"), ("workers", "wrong")]
