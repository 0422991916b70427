"""Proxies that speak the protocols of Redis and PostgreSQL, and reply with an error that the test chooses.

The real server is behind them. A refused command or statement does not reach it; it executes all others.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from chaos.proxy import Proxy

#: Commands of Redis that a server without memory, or a replica, still executes.
READS = frozenset(
    b"AUTH CLIENT DISCARD ECHO EXEC EXISTS GET HELLO INFO LLEN MULTI PING PSUBSCRIBE PUNSUBSCRIBE QUIT SCAN SELECT"
    b" SMEMBERS SUBSCRIBE TTL TYPE UNSUBSCRIBE UNWATCH WATCH ZRANGE ZREVRANGEBYSCORE".split()
)
SUBSCRIBE = (b"SUBSCRIBE", b"PSUBSCRIBE")
#: Commands that end a transaction.
ENDS = (b"EXEC", b"DISCARD")
PING, DISCARD = b"*1\r\n$4\r\nPING\r\n", b"*1\r\n$7\r\nDISCARD\r\n"
ABORTED = b"-EXECABORT Transaction discarded because of previous errors.\r\n"
#: A name that no statement has: the real server's syntax error about it becomes the chosen error.
TOKEN = b"refused_by_the_proxy"
#: The replacement of a refused message: of a statement, its preparation, or its execution.
SPOILED = {b"Q": (b"Q", TOKEN + b"\0")} | dict.fromkeys((b"P", b"B"), (b"P", b"\0" + TOKEN + b"\0\0\0"))
STARTUP_CODES = {80877103: "SSLRequest", 80877104: "GSSENCRequest", 80877102: "CancelRequest"}


class RedisRefuser(Proxy):
    """Refuses all commands, or only writes, with one line such as `OOM command not allowed`."""

    def __init__(self, upstream: Callable[[], Path]) -> None:
        super().__init__(upstream)
        self.line = b""
        self._writes_alone = False

    def begin(self, line: str, *, writes_alone: bool) -> None:
        """Refuse with the error *line*. Commands that wait in the server, such as BRPOP, keep waiting there."""
        self._writes_alone, self.line = writes_alone, f"-{line}\r\n".encode()

    def end(self) -> None:
        """Refuse nothing."""
        self.line = b""

    def refusal_of(self, name: bytes) -> bytes:
        """Return the reply to the command *name*, or nothing if the server answers."""
        return b"" if self._writes_alone and name in READS else self.line

    async def _join(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        session = _RedisSession(self, writer, far_writer)
        await self._run(session.serve(reader), session.answer(far_reader), writers={writer, far_writer})


@dataclass(eq=False)
class _RedisSession:
    """One client's connection. Each pending command has an entry: the reply to send, or None for the server's."""

    proxy: RedisRefuser
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    _pending: deque[bytes | None] = field(default_factory=deque)
    _in_transaction: bool = False
    _is_spoiled: bool = False
    _subscribes: bool = False

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Forward or refuse each command of the client."""
        while True:
            command = await _read_value(reader)
            name = command.split(b"\r\n", 3)[2].upper()
            refusal = self.proxy.refusal_of(name)
            self._subscribes |= name in SUBSCRIBE and not refusal
            if not refusal or (name in ENDS and self._in_transaction):
                self._forward(name, command)
            elif self._subscribes:
                self.client.write(refusal)
            else:
                # PING replaces the command, so that the refusal follows the replies to earlier commands.
                self._is_spoiled |= self._in_transaction
                self._pending.append(refusal)
                self.server.write(PING)

    async def answer(self, reader: asyncio.StreamReader) -> None:
        """Send the client each reply of the server, or its replacement."""
        while True:
            reply = await _read_value(reader)
            # A subscriber also gets messages, which are no replies to commands.
            other = None if self._subscribes or not self._pending else self._pending.popleft()
            if reply.startswith(b"-UNBLOCKED"):
                other = self.proxy.line
            self.client.write(other or reply)

    def _forward(self, name: bytes, command: bytes) -> None:
        """Forward *command*. If a command of its transaction was refused, discard the transaction, as Redis does."""
        other = None
        if name == b"MULTI":
            self._in_transaction, self._is_spoiled = True, False
        elif name in ENDS:
            if self._is_spoiled:
                command, other = DISCARD, ABORTED
            self._in_transaction = self._is_spoiled = False
        self._pending.append(other)
        self.server.write(command)


async def _read_value(reader: asyncio.StreamReader) -> bytes:
    """Return the bytes of one value of RESP, versions 2 and 3."""
    line = await reader.readuntil(b"\r\n")
    kind = line[:1]
    if kind in b"$=!":
        size = int(line[1:])
        return line if size < 0 else line + await reader.readexactly(size + 2)
    if kind in b"*~>%|":
        values = max(0, int(line[1:])) * (2 if kind in b"%|" else 1)
        return b"".join([line, *[await _read_value(reader) for _ in range(values)]])
    return line


class PostgresRefuser(Proxy):
    """Refuses every statement, or every new connection, with one SQLSTATE."""

    def __init__(self, upstream: Callable[[], Path]) -> None:
        super().__init__(upstream)
        self.sqlstate = ""
        self._at_connect = False

    def begin(self, sqlstate: str, *, at_connect: bool) -> None:
        """Refuse statements with *sqlstate*; *at_connect* cuts all connections, and refuses new ones instead."""
        self.sqlstate, self._at_connect = sqlstate, at_connect
        if at_connect:
            self.cut()

    def end(self) -> None:
        """Refuse nothing."""
        self.sqlstate = ""

    async def _join(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        await self._run(
            self._forward(reader, writer, far_writer), self._answer(far_reader, writer), writers={writer, far_writer}
        )

    async def _forward(
        self, reader: asyncio.StreamReader, client: asyncio.StreamWriter, server: asyncio.StreamWriter
    ) -> None:
        """Forward the client's messages; replace a refused one by a statement that is not SQL."""
        startup = await _read_startup(reader, client)
        if self.sqlstate and self._at_connect:
            client.write(_error_response(self.sqlstate, severity=b"FATAL"))
            return
        server.write(startup)
        empty: set[bytes] = set()
        while True:
            kind, body = await _read_message(reader)
            _note_empty(empty, kind, body)
            if self.sqlstate and not self._at_connect and not _passes(empty, kind, body):
                kind, body = SPOILED[kind]
            server.write(_message(kind, body))
            await server.drain()

    async def _answer(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """Forward the server's messages; replace its error about a refused statement by the chosen one."""
        while True:
            kind, body = await _read_message(reader)
            is_refused = kind == b"E" and TOKEN in body
            client.write(_error_response(self.sqlstate or "57P03") if is_refused else _message(kind, body))
            await client.drain()


async def _read_startup(reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> bytes:
    """Return the first message of a connection; decline encryption before it."""
    while True:
        head = await reader.readexactly(8)
        size, code = struct.unpack("!II", head)
        message = head + await reader.readexactly(size - 8)
        if STARTUP_CODES.get(code) not in {"SSLRequest", "GSSENCRequest"}:
            return message
        client.write(b"N")


async def _read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return the type and the body of one message."""
    head = await reader.readexactly(5)
    (size,) = struct.unpack("!I", head[1:])
    return head[:1], await reader.readexactly(size - 4)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _note_empty(empty: set[bytes], kind: bytes, body: bytes) -> None:
    """Remember the names of prepared statements without a text, with which a pool checks a connection."""
    if kind == b"P":
        name, text, _ = body.split(b"\0", 2)
        (empty.discard if text else empty.add)(name)


def _passes(empty: set[bytes], kind: bytes, body: bytes) -> bool:
    """Return whether a server that refuses statements accepts this message: an empty statement, or a rollback."""
    if kind == b"P":
        return body.split(b"\0", 1)[0] in empty
    if kind == b"B":
        return body.split(b"\0", 2)[1] in empty
    return kind not in SPOILED or body == b"\0" or body.upper().startswith(b"ROLLBACK")


def _error_response(sqlstate: str, *, severity: bytes = b"ERROR") -> bytes:
    text = b"the proxy of the test refuses this"
    fields = {b"S": severity, b"V": severity, b"C": sqlstate.encode(), b"M": text}
    return _message(b"E", b"".join(code + value + b"\0" for code, value in fields.items()) + b"\0")
