"""Numbers in memory that a server's processes inherit from their parent, so that each can report the sum of all.

Each process writes to a row of its own: there is no lock that a killed process could keep. Counts outlive their
process; live-only numbers, such as those of gauges, end with it.
"""

import mmap
import os
from threading import Lock

from app.errors import SetupError

#: Rows: processes of one server that live at the same time.
ROWS = 128
#: Numbers in a row. Pages that are never written to use no memory.
CELLS = 24_576
BYTES_PER_NUMBER = 8


class SharedMemory:
    """Rows of numbers, one row for each process. Create it before processes fork."""

    def __init__(self, *, rows: int = ROWS, cells: int = CELLS) -> None:
        self._rows, self._cells = rows, cells
        self._numbers = memoryview(mmap.mmap(-1, rows * cells * BYTES_PER_NUMBER)).cast("B").cast("d")
        self._owners = memoryview(mmap.mmap(-1, rows * BYTES_PER_NUMBER)).cast("B").cast("q")
        self._reserved = 0
        self._live_only: set[int] = set()
        self._lock = Lock()
        #: The process for which the row was found, and the row's first cell.
        self._pid, self._base = 0, 0

    def reserve(self, cells: int, *, live_only: bool = False) -> int:
        """Reserve a number of *cells* and return the first one; *live_only* cells end with their process.

        Raises SetupError when the memory is full.
        """
        first, self._reserved = self._reserved, self._reserved + cells
        if self._reserved > self._cells:
            raise SetupError(f"The memory of the metrics is full; raise CELLS above {self._reserved:,}.")
        if live_only:
            self._live_only.update(range(first, self._reserved))
        return first

    def inc(self, cell: int, amount: float) -> None:
        """Add *amount* to this process's number."""
        with self._lock:
            self._numbers[self._own_row() + cell] += amount

    def set(self, cell: int, value: float) -> None:
        """Set this process's number."""
        with self._lock:
            self._numbers[self._own_row() + cell] = value

    def total(self, cell: int) -> float:
        """Return the sum over all processes; of a live-only cell, over the processes that run."""
        return sum(self._numbers[row * self._cells + cell] for row in self._counted_rows(cell))

    def greatest(self, cell: int) -> float:
        """Return the greatest number of all processes."""
        return max((self._numbers[row * self._cells + cell] for row in self._counted_rows(cell)), default=0.0)

    def _counted_rows(self, cell: int) -> list[int]:
        used = [row for row, owner in enumerate(self._owners) if owner]
        return [row for row in used if _is_running(self._owners[row])] if cell in self._live_only else used

    def _own_row(self) -> int:
        """Return the first cell of this process's row, which the first use finds."""
        pid = os.getpid()
        if pid != self._pid:
            row = self._find_row(pid)
            self._owners[row] = pid
            self._pid, self._base = pid, row * self._cells
            for cell in self._live_only:
                self._numbers[self._base + cell] = 0
        return self._base

    def _find_row(self, pid: int) -> int:
        """Return a row without a running owner. The search starts at a row that depends on *pid*."""
        rows = [(pid + offset) % self._rows for offset in range(self._rows)]
        return next((row for row in rows if not self._owners[row] or not _is_running(self._owners[row])), rows[0])


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


SHARED_MEMORY = SharedMemory()
