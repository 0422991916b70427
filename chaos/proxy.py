"""A TCP proxy before a server's unix socket, by which connections are cut, stalled and slowed down."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

CHUNK = 65_536
#: Sees what passes one way of one connection.
Watch = Callable[[bytes], None]
#: Seconds in which the loop takes the next step of whatever it has begun.
CLOSING_S = 0.05
Result = TypeVar("Result")


class Proxy:
    """Listens on a port of this machine and passes everything on to the socket that *upstream* names at the time.

    It works in a thread of its own; its methods may be called from any other. *watch*, called for each connection,
    returns who sees what passes: to the server, and back from it.
    """

    def __init__(self, upstream: Callable[[], Path], watch: Callable[[], tuple[Watch, Watch]] | None = None) -> None:
        self._watch = watch or (lambda: (_overlook, _overlook))
        self.port = 0
        self._upstream = upstream
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._delay_s = 0.0
        self._refusing = False

    def start(self) -> None:
        """Begin to listen; the port is known from then on."""
        self._flowing.set()
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> int:
        """Reset every connection; return how many there were."""
        return self._do(self._cut())

    def refuse(self, *, refusing: bool) -> None:
        """Cut every connection and let nobody in, or let them in again."""
        self._refusing = refusing
        if refusing:
            self.cut()

    def stall(self, *, stalled: bool) -> None:
        """Let nothing through while connections stay open, or let it flow again."""
        self._loop.call_soon_threadsafe(self._flowing.clear if stalled else self._flowing.set)

    def delay(self, seconds: float) -> None:
        """Hold everything that passes back for so long."""
        self._delay_s = seconds

    def stop(self) -> None:
        """Cut every connection and end."""
        if not self._thread.is_alive():
            return
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Return what *work* returns, done in the proxy's own thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _end(self) -> None:
        """Close the door, reset every connection, and wait until nothing is left of them."""
        self._refusing = True
        self._flowing.set()
        # What knocked before is let in first, to be sent away: a closed server leaves it lying about.
        await asyncio.sleep(CLOSING_S)
        if self._server is not None:
            self._server.close()
        await self._cut()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)
        await asyncio.sleep(CLOSING_S)

    async def _cut(self) -> int:
        """Reset every connection."""
        writers = list(self._writers)
        for writer in writers:
            writer.transport.abort()
        return len(writers) // 2

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on, both ways, until either side ends it."""
        try:
            if not self._refusing:
                far_reader, far_writer = await asyncio.open_unix_connection(str(self._upstream()))
                # Whoever came just before the door was closed was not there yet to be cut.
                if self._refusing:
                    far_writer.transport.abort()
                else:
                    await self._join(reader, writer, far_reader, far_writer)
        except OSError:
            return  # the server is away, and its client is to see just that
        finally:
            writer.transport.abort()

    async def _join(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        """Pass everything on, both ways, until either side ends it; then end the other."""
        pair = {writer, far_writer}
        self._writers |= pair
        there, back = self._watch()
        ways = [
            asyncio.ensure_future(self._pass(*way)) for way in ((reader, far_writer, there), (far_reader, writer, back))
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            self._writers -= pair
            for each in pair:
                each.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, watch: Watch) -> None:
        """Pass on what comes, chunk by chunk, after *watch* has seen it."""
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                watch(chunk)
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                await self._flowing.wait()
                writer.write(chunk)
                await writer.drain()


def _overlook(_: bytes) -> None:
    """Take no notice."""
