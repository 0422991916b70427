"""Progress of a run: the part, its number, the elapsed time, and the remaining time, estimated from earlier runs."""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from types import MappingProxyType

MINUTE = 60
#: Minimum seconds of a part: it starts the product and creates profiles.
LEAST_S = 20.0
#: Seconds of each part at scale 1 on two cores, for the remaining time.
EXPECTED_S: Mapping[str, float] = MappingProxyType(
    {
        "throughput": 320,
        "latency": 120,
        "counts": 10,
        "idle": 170,
        "events": 15,
        "addresses": 10,
        "hub": 60,
        "fresh": 100,
        "workers": 110,
        "import": 150,
        "large": 300,
        "urgency": 140,
        "cancel": 140,
        "plan": 130,
        "xmin": 1_700,
        "soak": 3_800,
        "growth-workers": 120,
        "growth-profiles": 330,
        "growth-history": 60,
        "growth-workspaces": 260,
        "growth-batch": 180,
    }
)


class Progress:
    """Logs the lines of a run, each with its part and the time."""

    def __init__(
        self,
        parts: Sequence[str],
        scale: float,
        log: Callable[[str], None],
        *,
        expected_s: Mapping[str, float] = EXPECTED_S,
    ) -> None:
        self._parts = parts
        self._log = log
        self._expected_s = {part: max(LEAST_S, expected_s.get(part, MINUTE) * scale) for part in parts}
        self._place = 0
        self._began = monotonic()
        self._part_began = self._began

    def begin(self, part: str) -> None:
        """Begin *part*; the parts before it have ended."""
        self._place = self._parts.index(part)
        self._part_began = monotonic()
        self._log(f"== {part} ({self._place + 1} of {len(self._parts)}), {self._times()}")

    def log(self, sentence: str) -> None:
        """Log a line of the current part."""
        self._log(f"{self._parts[self._place]}: {sentence} [{self._times()}]")

    def _times(self) -> str:
        return f"{_minutes(monotonic() - self._began)} passed, about {_minutes(self.left_s())} left"

    def left_s(self) -> float:
        """Return the expected seconds of the rest of the current part and of the parts after it.

        The duration of the parts that have ended corrects the expectation for this machine.
        """
        present, *rest = self._parts[self._place :]
        ended = sum(self._expected_s[part] for part in self._parts[: self._place])
        pace = (self._part_began - self._began) / ended if ended else 1.0
        own = max(0.0, self._expected_s[present] * pace - (monotonic() - self._part_began))
        return own + sum(self._expected_s[part] for part in rest) * pace


def _minutes(seconds: float) -> str:
    return f"{int(seconds // MINUTE)}:{int(seconds % MINUTE):02}"
