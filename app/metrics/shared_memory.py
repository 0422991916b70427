"""The board: numbers in memory that a server's processes inherit from their parent, so that any of them can tell all.

Each process writes in a row of its own: nobody holds a lock that a killed process could take with it. What a process
that has ended had counted still counts; what it had in hand does not.
"""

import mmap
import os
from threading import Lock

from app.errors import SetupError

#: Rows of the board: processes of one server that live at the same time.
ROWS = 128
#: Numbers that a row can hold. Memory that nobody writes to costs nothing.
CELLS = 16_384
WIDTH_OF_A_NUMBER = 8


class Board:
    """Rows of numbers, one row for each process. To be made before processes fork."""

    def __init__(self, *, rows: int = ROWS, cells: int = CELLS) -> None:
        self._rows, self._cells = rows, cells
        self._numbers = memoryview(mmap.mmap(-1, rows * cells * WIDTH_OF_A_NUMBER)).cast("B").cast("d")
        self._owners = memoryview(mmap.mmap(-1, rows * WIDTH_OF_A_NUMBER)).cast("B").cast("q")
        self._taken = 0
        self._fleeting: set[int] = set()
        self._lock = Lock()
        #: The process that this one's row was found for, and where that row begins.
        self._pid, self._base = 0, 0

    def reserve(self, cells: int, *, fleeting: bool = False) -> int:
        """Return the first of so many *cells* that belong to the caller; *fleeting* ones end with their process.

        Raises SetupError when the board is full.
        """
        first, self._taken = self._taken, self._taken + cells
        if self._taken > self._cells:
            raise SetupError(f"There are more metrics than the board has room for; raise CELLS above {self._taken:,}.")
        if fleeting:
            self._fleeting.update(range(first, self._taken))
        return first

    def add(self, cell: int, amount: float) -> None:
        """Add *amount* to this process's number."""
        with self._lock:
            self._numbers[self._own_row() + cell] += amount

    def put(self, cell: int, value: float) -> None:
        """Let this process's number be *value*."""
        with self._lock:
            self._numbers[self._own_row() + cell] = value

    def total(self, cell: int) -> float:
        """Return the sum of all processes' numbers; of a fleeting one, of those that live."""
        return sum(self._numbers[row * self._cells + cell] for row in self._counting(cell))

    def greatest(self, cell: int) -> float:
        """Return the greatest of all processes' numbers."""
        return max((self._numbers[row * self._cells + cell] for row in self._counting(cell)), default=0.0)

    def _counting(self, cell: int) -> list[int]:
        """Return the rows whose number in *cell* counts."""
        used = [row for row, owner in enumerate(self._owners) if owner]
        return [row for row in used if _lives(self._owners[row])] if cell in self._fleeting else used

    def _own_row(self) -> int:
        """Return where this process's row begins, found at its first use."""
        pid = os.getpid()
        if pid != self._pid:
            row = self._find_row(pid)
            self._owners[row] = pid
            self._pid, self._base = pid, row * self._cells
            for cell in self._fleeting:
                self._numbers[self._base + cell] = 0
        return self._base

    def _find_row(self, pid: int) -> int:
        """Return a row that no living process has, looked for from a place that others begin at elsewhere."""
        rows = [(pid + offset) % self._rows for offset in range(self._rows)]
        return next((row for row in rows if not self._owners[row] or not _lives(self._owners[row])), rows[0])


def _lives(pid: int) -> bool:
    """Return whether there is a process *pid*."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


BOARD = Board()
