"""What the processes of one server know of each other: which workspaces are active, and which requests have a turn.

Create a group before the processes fork. A killed process leaves nothing behind: the kernel frees its turns, and a
workspace is active for a bounded time.
"""

import mmap
import os
from collections.abc import Callable
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, lockf
from threading import Event
from time import monotonic, monotonic_ns
from weakref import finalize

#: Seconds for which a workspace counts as active after its last request.
ACTIVE_S = 10
NANOSECONDS = 1_000_000_000
BYTES_PER_NUMBER = 8
#: Seconds between two tries to take a turn that another process has.
TRY_EVERY_S = 0.002
#: The most turns of a workspace at one resource, and the most resources.
MOST_TURNS = 62
MOST_RESOURCES = 16
#: Workspaces whose ids differ by a multiple of this share their turns: files have no larger offsets.
LARGEST_ID = 2**48


class ProcessGroup:
    """The two workspaces that were active last, and the file of the turns."""

    def __init__(self) -> None:
        # Two pairs of a workspace and a time. Two are enough to know for each workspace whether another one is active.
        # Processes write without a lock: the next request repeats an update that was lost.
        self._active = memoryview(mmap.mmap(-1, 4 * BYTES_PER_NUMBER)).cast("B").cast("q")
        self._file = os.memfd_create("mergelane-turns")
        finalize(self, os.close, self._file)

    def note_active(self, workspace_id: int) -> None:
        active, now = self._active, monotonic_ns()
        if active[0] == workspace_id:
            active[1] = now
        elif active[2] == workspace_id or active[3] <= active[1]:
            active[2], active[3] = workspace_id, now
        else:
            active[0], active[1] = workspace_id, now

    def is_alone(self, workspace_id: int) -> bool:
        """Return whether no other workspace has been active in the last ACTIVE_S seconds."""
        since = monotonic_ns() - ACTIVE_S * NANOSECONDS
        first, first_at, second, second_at = self._active
        return (first in {0, workspace_id} or first_at < since) and (second in {0, workspace_id} or second_at < since)

    def lock(self, byte: int) -> bool:
        """Return whether this process has the lock on a byte of the file now; its threads share the lock."""
        try:
            lockf(self._file, LOCK_EX | LOCK_NB, 1, byte)
        except OSError:
            return False
        return True

    def unlock(self, byte: int) -> None:
        lockf(self._file, LOCK_UN, 1, byte)


class Turns:
    """A number of turns that all processes of a group together have for each workspace; a process has one at most."""

    def __init__(self, group: ProcessGroup, *, resource: int, turns: int) -> None:
        """Count the turns at a *resource*, a number below MOST_RESOURCES."""
        self._group, self._resource, self._turns = group, resource, min(turns, MOST_TURNS)
        self._taken: dict[int, int] = {}

    def take(self, workspace_id: int, *, deadline: float) -> bool:
        """Return whether this process got a turn until *deadline*, a time of monotonic().

        One thread at a time calls it for a workspace.
        """
        next_one = ((workspace_id % LARGEST_ID) * MOST_RESOURCES + self._resource) * (MOST_TURNS + 1)
        # Processes that wait do so one after another, so that none takes turn upon turn while others wait.
        if not _repeat(lambda: self._group.lock(next_one), deadline=deadline):
            return False
        try:
            return _repeat(lambda: self._take_any(workspace_id, next_one + 1), deadline=deadline)
        finally:
            self._group.unlock(next_one)

    def give_back(self, workspace_id: int) -> None:
        """End the turn of this process, if it has one."""
        turn = self._taken.pop(workspace_id, None)
        if turn is not None:
            self._group.unlock(turn)

    def _take_any(self, workspace_id: int, first: int) -> bool:
        turn = next(filter(self._group.lock, range(first, first + self._turns)), None)
        if turn is not None:
            self._taken[workspace_id] = turn
        return turn is not None


def _repeat(succeeds: Callable[[], bool], *, deadline: float) -> bool:
    """Call *succeeds* until it returns True or *deadline* is over; return what it returned last."""
    while not (success := succeeds()) and monotonic() < deadline:
        Event().wait(TRY_EVERY_S)
    return success
