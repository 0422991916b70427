"""Sizes of all parts. They depend on one scale, so that a short run covers everything."""

from dataclasses import dataclass

#: Scales that have a name.
NAMED = {"full": 1.0, "small": 0.1, "tiny": 0.02}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of everything; at scale 1 the full run."""

    scale: float = 1.0
    #: Rounds that every contender goes through; the scale's own when None.
    rounds_asked: int | None = None

    @property
    def whole(self) -> bool:
        """Whether this is a full run, whose results may be kept."""
        return self.scale >= 1.0

    def rounds(self, full: int) -> int:
        """Return how many rounds are made where a full run makes *full*."""
        if self.rounds_asked is not None:
            return self.rounds_asked
        return full if self.whole else min(full, 2)

    def of(self, full: int, *, least: int = 50, step: int = 50) -> int:
        """Return what *full* is at this scale: at least *least*, in multiples of *step*."""
        return max(least, round(full * self.scale / step) * step)
