"""Metrics of the services of a process, the loops that `workers.loop` runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.metrics.instruments import Counter, Instrument, Latest, label_combinations


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceMetrics:
    """Four metrics of one process, with a series for each of its services."""

    rounds: Counter
    failed_rounds: Counter
    crashed_rounds: Counter
    last_round: Latest

    @classmethod
    def of_process(cls, process: str, services: Sequence[str]) -> "ServiceMetrics":
        """Define the metrics of *process*, such as `relay`, with one series for each of *services*."""
        series = label_combinations(services)
        return cls(
            rounds=Counter(
                f"mergelane_{process}_rounds",
                f"Rounds of the {process}'s services.",
                labels=("service",),
                series=series,
            ),
            failed_rounds=Counter(
                f"mergelane_{process}_rounds_failed",
                f"Rounds of the {process}'s services that failed because PostgreSQL or the broker was unavailable.",
                labels=("service",),
                series=series,
            ),
            crashed_rounds=Counter(
                f"mergelane_{process}_rounds_crashed",
                f"Rounds of the {process}'s services that an error of Mergelane ended.",
                labels=("service",),
                series=series,
            ),
            last_round=Latest(
                f"mergelane_{process}_last_round_timestamp_seconds",
                f"When a service of the {process} last completed a round, in seconds since the epoch.",
                labels=("service",),
                series=series,
            ),
        )

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """All four, to be served."""
        return self.rounds, self.failed_rounds, self.crashed_rounds, self.last_round
