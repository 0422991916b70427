"""Counts of the traffic between processes and PostgreSQL: statements by name, and round trips.

A message of the protocol starts with a letter and its length. A client's Query is a statement. A Bind is a statement
too: it runs the prepared statement whose text a Parse contains. The server answers each Sync and each Query with
ReadyForQuery: each of these is a round trip, regardless of its number of statements. A Flush is a round trip too: a
client in a pipeline sends it to request the responses so far, and waits for them.
"""

import struct
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import app
from app.db.queries import HEADING

LENGTH = struct.Struct("!I")
#: The folder of the package app; its folders `sql` contain the queries.
APP = Path(app.__file__).parent


@dataclass
class WireCounter:
    """Statements and round trips, by application name of the connection and first line of the statement.

    A round trip counts under the first line of its last statement.
    """

    statements: Counter[tuple[str, str]] = field(default_factory=Counter)
    round_trips: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def watch(self) -> tuple[Callable[[bytes], None], Callable[[bytes], None]]:
        """Return two functions that receive the bytes of one connection: to the server, and from it."""
        client = _Client(self)
        return client.see, _Server(self, client).see

    def count_statement(self, who: str, line: str) -> None:
        """Count a statement."""
        with self._lock:
            self.statements[who, line] += 1

    def count_round_trip(self, who: str, line: str) -> None:
        """Count a response that ends a round trip."""
        with self._lock:
            self.round_trips[who, line] += 1

    def copy(self) -> "WireCounter":
        """Return a copy of the current counts."""
        with self._lock:
            return WireCounter(self.statements.copy(), self.round_trips.copy())


class _Client:
    """Reads the messages of a client."""

    def __init__(self, counter: WireCounter) -> None:
        self.name = ""
        self._counter = counter
        self._rest = b""
        self._texts: dict[bytes, str] = {}
        self._last = ""
        #: The last statement of each round trip that is not answered yet.
        self.unanswered: deque[str] = deque()

    def see(self, chunk: bytes) -> None:
        """Read the next bytes from the client."""
        self._rest += chunk
        if not self.name and not self._see_start():
            return
        for kind, body in _messages(self):
            self._count(kind, body)

    def take(self) -> bytes:
        """Return the bytes that were not parsed yet."""
        return self._rest

    def leave(self, rest: bytes) -> None:
        """Keep the bytes of an incomplete message."""
        self._rest = rest

    def _see_start(self) -> bool:
        """Read the start-up message, which contains the application name; return whether it is complete."""
        if len(self._rest) < LENGTH.size or len(self._rest) < LENGTH.unpack_from(self._rest)[0]:
            return False
        (size,) = LENGTH.unpack_from(self._rest)
        words = self._rest[2 * LENGTH.size : size].split(b"\0")
        self._rest = self._rest[size:]
        named = dict(zip(words[::2], words[1::2], strict=False))
        # The number of the comparison rules follows the slash.
        self.name = named.get(b"application_name", b"nobody").decode().partition("/")[0]
        return True

    def _count(self, kind: bytes, body: bytes) -> None:
        """Count a message if it is a statement."""
        if kind == b"P":
            name, text, _ = body.split(b"\0", 2)
            self._texts[name] = text.decode().strip().partition("\n")[0]
        elif kind == b"B":
            _, name, _ = body.split(b"\0", 2)
            self._count_statement(self._texts.get(name, "?"))
        elif kind == b"Q":
            self._count_statement(body.rstrip(b"\0").decode().strip().partition("\n")[0])
        if kind == b"H":
            self._counter.count_round_trip(self.name, self._last)
        if kind in {b"Q", b"S"}:
            self.unanswered.append(self._last)
            self._last = ""

    def _count_statement(self, line: str) -> None:
        """Count a statement that begins with *line*."""
        self._last = line
        self._counter.count_statement(self.name, line)


class _Server:
    """Reads the messages of the server."""

    def __init__(self, counter: WireCounter, client: _Client) -> None:
        self._counter = counter
        self._client = client
        self._rest = b""

    def see(self, chunk: bytes) -> None:
        """Read the next bytes from the server."""
        self._rest += chunk
        for kind, _ in _messages(self):
            # The first response ends the start-up and belongs to no statement.
            if kind == b"Z" and self._client.unanswered:
                self._counter.count_round_trip(self._client.name, self._client.unanswered.popleft())

    def take(self) -> bytes:
        """Return the bytes that were not parsed yet."""
        return self._rest

    def leave(self, rest: bytes) -> None:
        """Keep the bytes of an incomplete message."""
        self._rest = rest


def _messages(speaker: _Client | _Server) -> list[tuple[bytes, bytes]]:
    """Return the complete messages of *speaker*, each as its letter and its body."""
    said, place, found = speaker.take(), 0, []
    while len(said) >= place + 1 + LENGTH.size:
        (size,) = LENGTH.unpack_from(said, place + 1)
        if len(said) < place + 1 + size:
            break
        found.append((said[place : place + 1], said[place + 1 + LENGTH.size : place + 1 + size]))
        place += 1 + size
    speaker.leave(said[place:])
    return found


def names() -> dict[str, str]:
    """Return the names of the product's queries by their first lines, which describe them."""
    found: dict[str, str] = {}
    for file in APP.glob("*/sql/*.sql"):
        _, *parts = HEADING.split(file.read_text(encoding="utf-8"))
        lines = [body.strip().partition("\n")[0] for body in parts[1::2]]
        found |= dict(zip(lines, parts[::2], strict=True))
    return found
