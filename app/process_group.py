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
ACTIVE_S = 10.0
NANOSECONDS = 1_000_000_000
BYTES_PER_NUMBER = 8
#: Seconds between two tries to take a turn that another process has.
TRY_EVERY_S = 0.002
#: The most turns of a workspace at one resource, and the most resources.
MOST_TURNS = 62
MOST_RESOURCES = 16
#: Workspaces whose ids differ by a multiple of this share their turns: files have no larger offsets.
LARGEST_ID = 2**48
#: Seconds after its last request for which a workspace makes another one pause between turns. It is short, so that rare
#: requests cost another workspace little.
RECENT_S = 0.5
#: The longest pause in seconds after a turn, which may have waited for a lock instead of using a processor.
LONGEST_PAUSE_S = 0.1
#: Workspaces whose ids differ by a multiple of this share their pauses.
MOST_PAUSES = 1024


class ProcessGroup:
    """The two workspaces that were active last, and the file of the turns."""

    def __init__(self) -> None:
        # Two pairs of a workspace and a time. Two are enough to know for each workspace whether another one is active.
        # Processes write without a lock: the next request repeats an update that was lost.
        self._active = memoryview(mmap.mmap(-1, 4 * BYTES_PER_NUMBER)).cast("B").cast("q")
        #: For each workspace, the time of monotonic_ns() at which the pause after its last turn ends.
        self._pauses = memoryview(mmap.mmap(-1, MOST_PAUSES * BYTES_PER_NUMBER)).cast("B").cast("q")
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

    def is_alone(self, workspace_id: int, *, in_last_s: float = ACTIVE_S) -> bool:
        """Return whether no other workspace has been active in the last *in_last_s* seconds."""
        since = monotonic_ns() - round(in_last_s * NANOSECONDS)
        first, first_at, second, second_at = self._active
        return (first in {0, workspace_id} or first_at < since) and (second in {0, workspace_id} or second_at < since)

    def begin_pause(self, workspace_id: int, *, pause_s: float) -> None:
        """Begin a pause of the workspace between two turns; at most LONGEST_PAUSE_S are taken."""
        pause_ns = round(min(pause_s, LONGEST_PAUSE_S) * NANOSECONDS)
        self._pauses[workspace_id % MOST_PAUSES] = monotonic_ns() + pause_ns

    def pause_left_s(self, workspace_id: int) -> float:
        """Return the seconds until the pause of the workspace ends; 0 if it has ended."""
        return max(0.0, (self._pauses[workspace_id % MOST_PAUSES] - monotonic_ns()) / NANOSECONDS)

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
    """A number of turns that all processes of a group together have for each workspace; a process has one at most.

    With *pauses*, and while another workspace sends requests, a request that waited for its turn begins only when as
    much time has passed as the turn before it took.
    """

    def __init__(self, group: ProcessGroup, *, resource: int, turns: int, pauses: bool = False) -> None:
        """Count the turns at a *resource*, a number below MOST_RESOURCES."""
        self._group, self._resource, self._turns = group, resource, min(turns, MOST_TURNS)
        self._pauses = pauses
        #: By workspace, the turn that this process has, and the time of monotonic() at which it began.
        self._taken: dict[int, tuple[int, float]] = {}

    def take(self, workspace_id: int, *, deadline: float, waited: bool = False) -> bool:
        """Return whether this process got a turn until *deadline*, a time of monotonic().

        One thread at a time calls it for a workspace; *waited* if it had to wait for that.
        """
        next_one = ((workspace_id % LARGEST_ID) * MOST_RESOURCES + self._resource) * (MOST_TURNS + 1)
        # Processes that wait do so one after another, so that none takes turn upon turn while others wait.
        waits = _waits_until(lambda: self._group.lock(next_one), deadline=deadline)
        if waits is None:
            return False
        try:
            waits_here = _waits_until(lambda: self._take_any(workspace_id, next_one + 1), deadline=deadline)
        finally:
            self._group.unlock(next_one)
        if waits_here is None:
            return False
        if self._pauses and (waited or waits or waits_here):
            self._pause(workspace_id, deadline=deadline)
        return True

    def _pause(self, workspace_id: int, *, deadline: float) -> None:
        """Let the pause after the last turn pass, unless no other workspace sends requests."""
        pause_s = min(self._group.pause_left_s(workspace_id), deadline - monotonic())
        if pause_s > 0 and not self._group.is_alone(workspace_id, in_last_s=RECENT_S):
            Event().wait(pause_s)
        self._taken[workspace_id] = (self._taken[workspace_id][0], monotonic())

    def give_back(self, workspace_id: int) -> None:
        """End the turn of this process, if it has one."""
        taken = self._taken.pop(workspace_id, None)
        if taken is not None:
            turn, began = taken
            self._group.begin_pause(workspace_id, pause_s=monotonic() - began)
            self._group.unlock(turn)

    def _take_any(self, workspace_id: int, first: int) -> bool:
        turn = next(filter(self._group.lock, range(first, first + self._turns)), None)
        if turn is not None:
            self._taken[workspace_id] = (turn, monotonic())
        return turn is not None


def _waits_until(succeeds: Callable[[], bool], *, deadline: float) -> bool | None:
    """Call *succeeds* until it returns True. Return whether that was not at once; None if *deadline* is over before."""
    waits = False
    while not succeeds():
        if monotonic() >= deadline:
            return None
        waits = True
        Event().wait(TRY_EVERY_S)
    return waits
