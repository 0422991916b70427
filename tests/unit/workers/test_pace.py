"""Flow control: the broker contains about half a second's work for workers of any speed."""

import pytest

from workers.relay.flow_control import AHEAD_S, MIN_JOBS, FlowControl


class Fleet:
    """Workers with a fixed rate of messages, and a relay that fills the queue up to the limit of the flow control."""

    def __init__(self, *, bound: int = 1_000, jobs_a_message: int = 1) -> None:
        self.now = 0.0
        self.queue = 0.0
        self.pace = FlowControl(bound, clock=lambda: self.now)
        self.jobs_a_message = jobs_a_message
        self.looks = 0

    def work(self, *, a_second: float, seconds: float, every: float = 0.01) -> float:
        """Simulate *seconds* at *a_second* messages per second; return the share of time in which workers had work."""
        busy = 0
        steps = round(seconds / every)
        for _ in range(steps):
            looks = not self.pace.is_full
            self.looks += looks
            room = self.pace.room(int(self.queue)) if looks else 0
            self.pace.record_published(messages=room, jobs=room * self.jobs_a_message)
            self.queue += room
            busy += self.queue >= a_second * every
            self.now += every
            self.queue = max(0.0, self.queue - a_second * every)
        return busy / steps


@pytest.mark.parametrize("a_second", [200, 400, 1_500])
def test_the_broker_contains_the_work_of_half_a_second(a_second: int) -> None:
    fleet = Fleet()
    fleet.work(a_second=a_second, seconds=10)

    assert 0.6 * AHEAD_S * a_second < fleet.queue < 1.2 * AHEAD_S * a_second


@pytest.mark.parametrize("jobs_a_message", [1, 10])
@pytest.mark.parametrize("a_second", [20, 400, 1_500])
def test_workers_always_have_messages(a_second: int, jobs_a_message: int) -> None:
    fleet = Fleet(jobs_a_message=jobs_a_message)
    fleet.work(a_second=a_second, seconds=1)

    assert fleet.work(a_second=a_second, seconds=5) == 1.0


def test_the_setting_bounds_the_queue() -> None:
    fleet = Fleet(bound=100)
    fleet.work(a_second=5_000, seconds=5)

    assert fleet.pace.room(0) == 100
    assert FlowControl(5).room(0) == 5
    assert FlowControl(5).room(5) == 0


def test_without_measurements_there_is_room_for_the_minimum_of_jobs() -> None:
    assert FlowControl(1_000).room(0) == MIN_JOBS


def test_packed_messages_count_by_their_jobs_until_nothing_waits() -> None:
    pace = FlowControl(1_000, clock=lambda: 0.0)
    for _ in range(10):
        pace.record_published(messages=1, jobs=10)
    packed = pace.room(10)
    pace.record_idle()
    single = pace.room(10)

    assert packed == 0
    assert single == MIN_JOBS - 10


def test_the_measured_rate_falls_when_workers_are_gone() -> None:
    fleet = Fleet()
    fleet.work(a_second=1_500, seconds=5)
    fleet.work(a_second=0, seconds=30)

    assert fleet.pace._rate < 1
    assert fleet.queue > MIN_JOBS


def test_a_small_amount_of_room_is_not_used() -> None:
    assert FlowControl(1_000).room(MIN_JOBS - 1) == 0
    assert FlowControl(1_000).room(MIN_JOBS - MIN_JOBS // 4) == MIN_JOBS // 4


def test_a_full_queue_is_checked_again_only_when_there_should_be_room() -> None:
    fleet = Fleet()
    fleet.work(a_second=400, seconds=5)
    fleet.looks = 0
    fleet.work(a_second=400, seconds=10)

    assert fleet.looks < 10 / 0.04


def test_workers_that_become_four_times_as_fast_almost_always_have_messages() -> None:
    fleet = Fleet()
    fleet.work(a_second=400, seconds=5)

    assert fleet.work(a_second=1_600, seconds=5) > 0.99


def test_without_measurements_a_full_queue_is_checked_each_time() -> None:
    fleet = Fleet()
    fleet.pace.room(MIN_JOBS)

    assert not fleet.pace.is_full
