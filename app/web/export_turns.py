"""Turns of exports: streamed responses hold a thread until their client has read them, so few may run at once."""

from collections import Counter
from contextlib import ExitStack
from threading import Lock

from flask import current_app, g

from app.errors import Overloaded

#: Exports that one process streams at once, and those of one workspace among them.
MAX_EXPORTS = 4
MAX_OF_A_WORKSPACE = 2
EXTENSION = "mergelane-exports"
BUSY = "Too many exports are running; try again when one of them has ended."
BUSY_S = 10


class _Turns:
    def __init__(self) -> None:
        self._taken: Counter[int] = Counter()
        self._lock = Lock()

    def take(self, workspace_id: int) -> bool:
        """Return whether a turn was free; the caller gives it back."""
        with self._lock:
            free = self._taken[workspace_id] < MAX_OF_A_WORKSPACE and self._taken.total() < MAX_EXPORTS
            self._taken[workspace_id] += free
            return free

    def give_back(self, workspace_id: int) -> None:
        with self._lock:
            self._taken[workspace_id] -= 1
            self._taken += Counter()  # removes zeros


def take_export_turn(stack: ExitStack) -> None:
    """Count this request's export until *stack* ends; raise Overloaded if too many run already."""
    turns: _Turns = current_app.extensions.setdefault(EXTENSION, _Turns())
    workspace_id = g.workspace_id
    if not turns.take(workspace_id):
        raise Overloaded(BUSY, retry_after_s=BUSY_S)
    stack.callback(turns.give_back, workspace_id)
