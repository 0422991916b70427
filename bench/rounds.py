"""One measured round: a fresh copy of the database, a warm-up, the merges, and a check of their effects."""

from dataclasses import dataclass
from typing import Any

from bench.contenders import Contender, running
from bench.usage import Memory, cpu_seconds, memory, spent
from bench.world import check, stock

MILLISECONDS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The result of one round."""

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
        """Return it as JSON for the results."""
        return {
            "merges": self.merges,
            "seconds": self.seconds,
            "merges_per_s": self.rate,
            "cpu_ms_per_merge": self.cpu_ms_by_program,
            "memory": {name: used.to_json() for name, used in self.memory.items()},
        }


def measure(contender: Contender, *, warm: int, count: int) -> Round:
    """Start *contender*, merge *warm* pairs as a warm-up and then *count* measured pairs, and check the effects.

    Raises BenchError when a merge was lost or doubled, or has a wrong outcome.
    """
    with running(contender) as connection:
        contender.ground.empty_broker()
        before = stock(connection)
        contender.prepare(connection, warm=warm, count=count)
        # Every contender starts with up-to-date table statistics. The product's relay runs ANALYZE itself. The results
        # of the others would otherwise depend on the time of autovacuum.
        connection.execute("ANALYZE")
        contender.ground.checkpoint()
        ours = {connection.info.backend_pid}
        used = cpu_seconds(contender.everything, without=ours)
        seconds = contender.merge()
        cpu_s = spent(used, cpu_seconds(contender.everything, without=ours))
        held = memory(contender.everything)
        check(before, stock(connection), merged=warm + count)
    return Round(merges=count, seconds=seconds, cpu_s=cpu_s, memory=held)
