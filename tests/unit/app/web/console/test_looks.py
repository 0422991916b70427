"""What was read of throughput is told again for a while: longer when reading took long."""

from datetime import datetime

import pytest

from app.ledger.throughput import ChartPeriod, TimeBucket
from app.web.console.throughput import LEAST_PAUSE_S, LONGEST_PAUSE_S, Looks


class Ledger:
    """A ledger whose reading takes *seconds* of a clock that only it moves."""

    def __init__(self, seconds: float) -> None:
        self.now = 100.0
        self.read_times = 0
        self._seconds = seconds

    def clock(self) -> float:
        """Return the time."""
        return self.now

    def read(self, _: datetime) -> list[TimeBucket]:
        """Return nothing, after a while."""
        self.now += self._seconds
        self.read_times += 1
        return []


@pytest.mark.parametrize(("seconds", "pause"), [(0.001, LEAST_PAUSE_S), (0.2, 10.0), (9.0, LONGEST_PAUSE_S)])
def test_a_look_holds_for_fifty_times_as_long_as_it_took(seconds: float, pause: float) -> None:
    ledger = Ledger(seconds)
    looks = Looks(ledger.clock)
    looks.get(1, ChartPeriod.HOUR, ledger.read)
    ledger.now += pause - 0.01
    looks.get(1, ChartPeriod.HOUR, ledger.read)
    before = ledger.read_times
    ledger.now += 0.02
    looks.get(1, ChartPeriod.HOUR, ledger.read)

    assert (before, ledger.read_times) == (1, 2)


def test_each_workspace_and_each_period_is_looked_at_by_itself() -> None:
    ledger = Ledger(0.2)
    looks = Looks(ledger.clock)
    for workspace_id in (1, 2):
        for period in ChartPeriod:
            looks.get(workspace_id, period, ledger.read)

    assert ledger.read_times == 4
