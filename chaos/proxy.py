"""A TCP proxy in front of a server. It can cut, stall, delay and silence connections."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

CHUNK = 65_536
#: Receives the bytes of one direction of one connection.
Watch = Callable[[bytes], None]
#: Seconds that give the event loop time for its next steps.
CLOSING_S = 0.05
Result = TypeVar("Result")


class Proxy:
    """Listens on a local port and forwards connections to the unix socket or local port that *upstream* returns.

    It runs in its own thread; its methods may be called from any thread. *watch*, called for each connection, returns
    two functions that receive the bytes to the server and from it.
    """

    def __init__(
        self, upstream: Callable[[], Path | int], watch: Callable[[], tuple[Watch, Watch]] | None = None
    ) -> None:
        self._watch = watch or (lambda: (_overlook, _overlook))
        self.port = 0
        self._upstream = upstream
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._silent: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._delay_s = 0.0
        self._refusing = False

    def start(self) -> None:
        """Start to listen; sets the port."""
        self._flowing.set()
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> int:
        """Reset every connection; return their number."""
        return self._do(self._cut())

    def silence(self) -> None:
        """Drop all bytes of the current connections without closing them, as a firewall that forgets them does."""
        self._loop.call_soon_threadsafe(lambda: self._silent.update(self._writers))

    def refuse(self, *, refusing: bool) -> None:
        """Reset and refuse every connection, or accept connections again."""
        self._refusing = refusing
        if refusing:
            self.cut()

    def stall(self, *, stalled: bool) -> None:
        """Stop all traffic while connections stay open, or resume it."""
        self._loop.call_soon_threadsafe(self._flowing.clear if stalled else self._flowing.set)

    def delay(self, seconds: float) -> None:
        """Delay each chunk by *seconds*."""
        self._delay_s = seconds

    def stop(self) -> None:
        """Reset every connection and stop."""
        if not self._thread.is_alive():
            self._loop.close()
            return
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run *work* in the proxy's thread and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _end(self) -> None:
        """Close the listener, reset every connection, and wait for their tasks."""
        self._refusing = True
        self._flowing.set()
        # Accept pending connections first, to reset them: a closed server leaves them open.
        await asyncio.sleep(CLOSING_S)
        if self._server is not None:
            self._server.close()
        await self._cut()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)
        await asyncio.sleep(CLOSING_S)

    async def _cut(self) -> int:
        writers = list(self._writers)
        for writer in writers:
            writer.transport.abort()
        return len(writers) // 2

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection in both directions until either side closes it."""
        try:
            if not self._refusing:
                far_reader, far_writer = await self._connect()
                # A connection that was accepted just before refuse() was not yet in _writers.
                if self._refusing:
                    far_writer.transport.abort()
                else:
                    await self._join(reader, writer, far_reader, far_writer)
        except OSError:
            return  # the server is unavailable; the client gets a reset
        finally:
            writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        place = self._upstream()
        if isinstance(place, int):
            return await asyncio.open_connection("127.0.0.1", place)
        return await asyncio.open_unix_connection(str(place))

    async def _join(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        """Forward both directions until either side closes, then close the other."""
        there, back = self._watch()
        await self._run(
            self._pass(reader, far_writer, there), self._pass(far_reader, writer, back), writers={writer, far_writer}
        )

    async def _run(self, *ways: Coroutine[Any, Any, None], writers: set[asyncio.StreamWriter]) -> None:
        """Run both directions until either ends, then close both connections."""
        self._writers |= writers
        tasks = [asyncio.ensure_future(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._writers -= writers
            self._silent -= writers
            for each in writers:
                each.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, watch: Watch) -> None:
        """Forward chunks, after *watch* has received them."""
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                watch(chunk)
                if writer in self._silent:
                    continue
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                await self._flowing.wait()
                writer.write(chunk)
                await writer.drain()


def _overlook(_: bytes) -> None:
    """Ignore the bytes."""
