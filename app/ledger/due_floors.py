"""Floors: due times from which on the relay looks for the lanes of a workspace, behind the dead entries of the index.

While an old transaction is open, PostgreSQL keeps the index entries of jobs that were published long ago, and each look
from the beginning reads past them. So a look begins where the last one found its first lane. New jobs are due later, in
the band of their urgency. A job may still appear behind a floor: its transaction was long, a clock was set back, or
another relay had locked it. So looks from the beginning continue, in a bounded part of the time.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

#: Bands of due times: one for each urgency, and one for the jobs that wait for a time of their own.
BANDS = 9
#: What reads every band from its beginning.
NO_FLOORS: tuple[float | None, ...] = (None,) * BANDS
#: A look from the beginning that takes less than these seconds needs no floors.
SLOW_S = 0.01
#: The next look from the beginning comes after this many times the seconds that the last one took: after about a second
#: behind 200,000 dead entries, and each takes at most 5 % of the time.
PAUSE_TO_LOOK = 20
#: A floor is at least these seconds behind the time of the look: most transactions that create jobs are shorter.
MARGIN_S = 1.0
#: Due times pass through floating-point numbers.
ROUNDING_S = 0.001

Floors = Sequence[float | None]


def floors_of(rows: Sequence[dict[str, Any]], *, limit: int, before: Floors) -> Floors | None:
    """Return the floors after a claim from the floors *before* on that found *rows*; None when it may have none.

    A lane that waits for an identification is passed over and may be free later, so there are none meanwhile.
    """
    ends = rows[0]["ends"] if rows else None
    if ends is None:
        return None
    first: dict[int, float] = {}
    heads: dict[bool, dict[tuple[object, int], int]] = {True: {}, False: {}}
    for row in rows:
        if (band := row["band"]) is not None:
            first[band] = min(row["head_due_at"], first.get(band, row["head_due_at"]))
            if band != BANDS:
                heads[row["urgent"]][row["batch_id"], row["lane"]] = band
    # A claim reads no further when it has enough; of lanes with a time of their own it takes as many again.
    read = min(max(found.values()) if len(found) >= limit else BANDS for found in heads.values())
    return [
        min(first.get(band, end) - ROUNDING_S, end - MARGIN_S) if band <= read or band == BANDS else floor
        for band, (floor, end) in enumerate(zip(before, ends, strict=True), start=1)
    ]


@dataclass(slots=True)
class _WorkspaceFloors:
    """The floors of a workspace, and when the next look from the beginning is due."""

    floors: Floors
    expires_at: float


class DueFloors:
    """The floors of the workspaces whose looks from the beginning are slow."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.clock = clock
        self._by_workspace: dict[int, _WorkspaceFloors] = {}

    def to_look(self) -> dict[int, Floors]:
        """Return the floors for a look at all workspaces."""
        return {workspace_id: kept.floors for workspace_id, kept in self._by_workspace.items()}

    def is_look_due(self, found: Collection[int]) -> bool:
        """Return whether a look from the beginning is due, after one from the floors on *found* these workspaces.

        A workspace that was found gets its look from the beginning by its claim.
        """
        now = self.clock()
        return any(kept.expires_at <= now for each, kept in self._by_workspace.items() if each not in found)

    def note_look(self, *, found: Collection[int], found_from_beginning: Collection[int], seconds: float) -> None:
        """Note a look from the beginning: what it alone has found is behind the floors."""
        for each in [each for each in self._by_workspace if each not in found]:
            if seconds < SLOW_S or each in found_from_beginning:
                del self._by_workspace[each]
            else:
                self._by_workspace[each].expires_at = self.clock() + PAUSE_TO_LOOK * seconds

    def to_claim(self, workspace_id: int) -> Floors:
        """Return the floors for a claim; none while there are none, or when a claim from the beginning is due."""
        kept = self._by_workspace.get(workspace_id)
        return NO_FLOORS if kept is None or kept.expires_at <= self.clock() else kept.floors

    def note_claim(self, workspace_id: int, *, before: Floors, after: Floors | None, seconds: float) -> None:
        """Note that a claim from the floors *before* on took *seconds*, and the floors *after* it."""
        if before is not NO_FLOORS:
            if after is not None and workspace_id in self._by_workspace:
                self._by_workspace[workspace_id].floors = after
        elif after is None or seconds < SLOW_S:
            self._by_workspace.pop(workspace_id, None)
        else:
            self._by_workspace[workspace_id] = _WorkspaceFloors(after, self.clock() + PAUSE_TO_LOOK * seconds)
