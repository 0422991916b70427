"""One measured round: a fresh copy of the world, a warm-up, the merges, and a check of what they did."""

from dataclasses import dataclass
from typing import Any

from bench.contenders import Contender, running
from bench.usage import Memory, cpu_seconds, memory, spent
from bench.world import check, stock

MILLISECONDS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round came to."""

    merges: int
    seconds: float
    #: Processor seconds that the merges cost, by program.
    cpu_s: dict[str, float]
    memory: dict[str, Memory]

    @property
    def rate(self) -> float:
        """Merges per second."""
        return self.merges / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Processor milliseconds per merge, over all processes."""
        return sum(self.cpu_s.values()) * MILLISECONDS / self.merges

    @property
    def cpu_ms_by_program(self) -> dict[str, float]:
        """Processor milliseconds per merge, by program."""
        return {name: used * MILLISECONDS / self.merges for name, used in self.cpu_s.items()}

    def to_json(self) -> dict[str, Any]:
        """Return it as the results hold it."""
        return {
            "merges": self.merges,
            "seconds": self.seconds,
            "merges_per_s": self.rate,
            "cpu_ms_per_merge": self.cpu_ms_by_program,
            "memory": {name: used.to_json() for name, used in self.memory.items()},
        }


def measure(contender: Contender, *, warm: int, count: int) -> Round:
    """Start *contender*, let it merge *warm* pairs that do not count and then *count* that do, and check what it did.

    Raises BenchError when a merge was lost, doubled or told wrongly.
    """
    with running(contender) as connection:
        contender.ground.empty_broker()
        before = stock(connection)
        contender.prepare(connection, warm=warm, count=count)
        # Each begins with statistics of the tables as they are after a minute of work. The product's relay sees to that
        # by itself; the others would depend on when autovacuum comes round.
        connection.execute("ANALYZE")
        contender.ground.checkpoint()
        ours = {connection.info.backend_pid}
        used = cpu_seconds(contender.everything, without=ours)
        seconds = contender.merge()
        cpu_s = spent(used, cpu_seconds(contender.everything, without=ours))
        held = memory(contender.everything)
        check(before, stock(connection), merged=warm + count)
    return Round(merges=count, seconds=seconds, cpu_s=cpu_s, memory=held)
