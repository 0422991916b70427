"""The body of a request that the application reads while it arrives, in bounded memory.

The server's loop adds what the client sends, and reads no more from the client while the pipe is full. A thread reads.
"""

from collections import deque
from collections.abc import Callable
from threading import Condition
from time import monotonic
from typing import Any

#: Bytes from which on the loop reads nothing more from the client.
FULL = 524_288
#: Bytes that the client must send in each `wait_s` seconds in which the thread waits for it.
LEAST_RECEIVED = 65_536
GONE = "The client closed the connection before the end of the body."
TOO_SLOW = "The client sent too few bytes in time."


class BodyPipe:
    """A buffer of waitress's receivers, and the `wsgi.input` of a request.

    Reading waits for the client. It raises OSError when the client is gone, is too slow, or sends invalid chunks.
    """

    def __init__(self, *, wake_up: Callable[[], None], wait_s: float) -> None:
        self._wake_up = wake_up
        self._wait_s = self._left_s = wait_s
        self._changed = Condition()
        self._parts: deque[bytes] = deque()
        self._size = 0
        #: Bytes read since the client had its whole time to send more.
        self._read = 0
        self._is_complete = False
        self._failure = ""

    # The loop calls these.

    def append(self, data: bytes) -> None:
        with self._changed:
            if not self._failure:
                self._parts.append(data)
                self._size += len(data)
                self._changed.notify()

    def __len__(self) -> int:
        return self._size

    @property
    def is_full(self) -> bool:
        return self._size >= FULL

    def end(self) -> None:
        """The body is complete."""
        with self._changed:
            self._is_complete = True
            self._changed.notify()

    def fail(self, reason: str) -> None:
        """Nothing more will come; reading raises OSError with *reason*."""
        with self._changed:
            if not self._is_complete and not self._failure:
                self._failure = reason
                self._drop()

    def close(self) -> None:
        """Drop what was not read: the response is complete."""
        with self._changed:
            self._failure = self._failure or GONE
            self._drop()

    # The thread of the request calls these.

    def read(self, size: int = -1) -> bytes:
        """Return up to *size* bytes as soon as there are any, and nothing at the end of the body; -1: any number."""
        with self._changed:
            while not self._parts:
                if self._failure:
                    raise OSError(self._failure)
                if self._is_complete:
                    return b""
                self._wait()
            was_full = self.is_full
            part = self._parts.popleft()
            if 0 <= size < len(part):
                self._parts.appendleft(part[size:])
                part = part[:size]
            self._size -= len(part)
            self._note_read(len(part))
            has_room_again = was_full and not self.is_full
        if has_room_again:
            self._wake_up()
        return part

    def _wait(self) -> None:
        began = monotonic()
        self._changed.wait(max(0.0, self._left_s))
        self._left_s -= monotonic() - began
        if self._left_s <= 0 and not self._parts and not self._is_complete:
            self._failure = self._failure or TOO_SLOW

    def _note_read(self, size: int) -> None:
        self._read += size
        if self._read >= LEAST_RECEIVED:
            self._read, self._left_s = 0, self._wait_s

    def _drop(self) -> None:
        self._parts.clear()
        self._size = 0
        self._changed.notify()

    def getfile(self) -> Any:
        return self
