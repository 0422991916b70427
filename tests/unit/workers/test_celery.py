"""The Celery application: the settings that let lanes survive all failures of workers."""

from datetime import timedelta

import pytest
from celery import Celery

from app.config import Settings
from workers.celery import BROKER_TIMEOUT_S, QUEUE, make_celery, queue_name, transport_options
from workers.consumer import WaitingConsumer
from workers.messages import LANE_TASK
from workers.tasks import run_lane

SETTINGS = Settings(broker_url="redis://ours:6380/2", visibility_timeout_s=45)


@pytest.fixture
def celery() -> Celery:
    return make_celery(SETTINGS)


def test_a_message_is_acknowledged_after_its_lane(celery: Celery) -> None:
    assert celery.conf.task_acks_late is True
    assert celery.conf.task_reject_on_worker_lost is True


def test_a_worker_prefetches_at_most_two_messages(celery: Celery) -> None:
    assert 1 <= celery.conf.worker_prefetch_multiplier <= 2


def test_celery_stores_no_results(celery: Celery) -> None:
    assert celery.conf.result_backend is None
    assert celery.conf.task_ignore_result is True


def test_tasks_are_never_run_eagerly(celery: Celery) -> None:
    assert not celery.conf.task_always_eager


def test_messages_are_plain_json(celery: Celery) -> None:
    assert celery.conf.task_serializer == "json"
    assert celery.conf.accept_content == ["json"]


def test_all_lanes_go_through_one_queue(celery: Celery) -> None:
    assert celery.conf.task_default_queue == QUEUE
    assert run_lane.name == LANE_TASK


def test_workers_send_task_events_to_flower(celery: Celery) -> None:
    assert celery.conf.worker_send_task_events is True


def test_a_worker_waits_without_limit_for_an_unreachable_broker(celery: Celery) -> None:
    assert celery.conf.broker_connection_retry_on_startup is True
    assert celery.conf.broker_connection_max_retries is None


def test_every_connection_goes_to_the_configured_broker(celery: Celery) -> None:
    connections = [celery.connection(), celery.connection_for_read(), celery.connection_for_write()]

    assert {(each.hostname, each.port, each.virtual_host) for each in connections} == {("ours", 6380, "2")}


@pytest.mark.parametrize("url", ["redis://h/0", "rediss://h/0", "redis+socket:///run/redis.sock"])
def test_redis_delivers_again_soon_after_the_visibility_timeout(url: str) -> None:
    options = transport_options(Settings(broker_url=url, visibility_timeout_s=45))

    assert options["visibility_timeout"] == 45
    assert options["unacked_restore_interval"] == options["unacked_restore_throttle"] == 1
    assert options["unacked_mutex_expire"] < 10  # or a worker killed at the wrong moment stops all redelivery


def test_calls_to_redis_have_time_limits() -> None:
    options = transport_options(SETTINGS)

    assert options["socket_timeout"] == options["socket_connect_timeout"] == BROKER_TIMEOUT_S


@pytest.mark.parametrize("url", ["amqp://h//", "amqps://h//"])
def test_calls_to_rabbitmq_have_time_limits(url: str) -> None:
    options = transport_options(Settings(broker_url=url))

    assert options == {"read_timeout": BROKER_TIMEOUT_S, "write_timeout": BROKER_TIMEOUT_S}


def test_rabbitmq_replicates_the_queue_and_declares_no_queues_for_delayed_tasks() -> None:
    celery = make_celery(Settings(broker_url="amqp://h//", visibility_timeout_s=45))

    for name in (QUEUE, queue_name("a1b2")):
        assert celery.amqp.queues[name].queue_arguments == {"x-queue-type": "quorum"}
    assert celery.conf.broker_heartbeat == 45
    assert not any("delayed" in step for step in WaitingConsumer.Blueprint.default_steps)


def test_the_queue_of_redis_has_no_type(celery: Celery) -> None:
    for name in (QUEUE, queue_name("a1b2")):
        assert not celery.amqp.queues[name].queue_arguments


def test_redis_delivers_again_only_after_every_statement_of_a_lane_has_timed_out() -> None:
    defaults = Settings()
    longest_statement = timedelta(milliseconds=max(defaults.statement_timeout_ms, defaults.lock_timeout_ms))

    assert timedelta(seconds=defaults.visibility_timeout_s) > 2 * longest_statement
    assert defaults.visibility_timeout_s * 1000 > defaults.idle_timeout_ms


def test_a_retried_lane_returns_before_redis_would_deliver_it_again() -> None:
    assert run_lane.retry_backoff_max < Settings().visibility_timeout_s


def test_a_cold_shutdown_does_not_wait_for_the_lane_that_it_stops(celery: Celery) -> None:
    assert celery.conf.worker_soft_shutdown_timeout == 0


def test_creating_the_application_does_not_make_it_the_default() -> None:
    assert make_celery(SETTINGS).set_as_current is False
