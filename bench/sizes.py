"""Sizes of all parts. They depend on one scale, so that a short run covers everything."""

from dataclasses import dataclass

#: Scales that have a name.
NAMED = {"full": 1.0, "small": 0.1, "tiny": 0.02}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The sizes of all measurements; scale 1 is the full run."""

    scale: float = 1.0
    #: Rounds of every contender; None for the number of the scale.
    requested_rounds: int | None = None

    @property
    def whole(self) -> bool:
        """Whether this is a full run, whose results may be kept."""
        return self.scale >= 1.0

    def rounds(self, full: int) -> int:
        """Return the number of rounds if a full run has *full*."""
        if self.requested_rounds is not None:
            return self.requested_rounds
        return full if self.whole else min(full, 2)

    def of(self, full: int, *, least: int = 50, step: int = 50) -> int:
        """Return *full* at this scale: at least *least*, in multiples of *step*."""
        return max(least, round(full * self.scale / step) * step)
