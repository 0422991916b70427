"""Adds TLS to the embedded PostgreSQL and Redis, which are built without it.

To a client, the proxy looks like a server with TLS: it implements the start of the protocol and sends a certificate.
"""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from struct import unpack
from urllib.parse import quote, unquote, urlsplit

import pytest
import trustme
from psycopg.conninfo import conninfo_to_dict

HOST = "localhost"
SSL_REQUEST, GSS_REQUEST = 80_877_103, 80_877_104
"""The codes with which a PostgreSQL client requests encryption at the start of a connection."""


@dataclass(frozen=True)
class Certificates:
    """A certificate authority, a server certificate from it, and an unrelated authority."""

    server: ssl.SSLContext
    authority: Path
    stranger: Path

    @classmethod
    def make(cls, folder: Path) -> "Certificates":
        """Create the certificates, with their files in *folder*."""
        ours, theirs = trustme.CA(), trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ours.issue_cert(HOST).configure_cert(context)
        paths = folder / "authority.pem", folder / "stranger.pem"
        for authority, path in zip((ours, theirs), paths, strict=True):
            authority.cert_pem.write_to_path(path)
        return cls(context, *paths)


class TlsProxy:
    """Accepts TLS connections on a local port and forwards their data to the unix socket at *upstream*."""

    def __init__(self, upstream: str, context: ssl.SSLContext, *, postgres: bool) -> None:
        self._upstream = upstream
        self._context = context
        self._postgres = postgres
        self._loop = asyncio.new_event_loop()
        #: The task of each open connection, with the writer to its client.
        self._tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.port = 0
        #: The number of encrypted connections so far.
        self.encrypted = 0

    @contextmanager
    def running(self) -> Iterator["TlsProxy"]:
        """Run the proxy during the block."""
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    async def _start(self) -> None:
        context = None if self._postgres else self._context
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        """Stop listening and close all connections."""
        self._server.close()
        served = dict(self._tasks)
        for task in served:
            task.cancel()
        await asyncio.gather(*served, return_exceptions=True)
        # A task that was cancelled before it began has not closed its connection.
        await asyncio.gather(*map(_hang_up, served.values()))

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Record a new connection and serve it in a task."""
        task = self._loop.create_task(self._serve(reader, writer))
        self._tasks[task] = writer
        task.add_done_callback(self._tasks.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side closes it."""
        with suppress(OSError, EOFError, asyncio.CancelledError):
            if not self._postgres or await self._open(reader, writer):
                self.encrypted += 1
                await self._join(reader, writer)
        await _hang_up(writer)

    async def _open(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer the requests of a PostgreSQL client before TLS; return whether it requests TLS."""
        while True:
            _, request = unpack("!ii", await reader.readexactly(8))
            if request == SSL_REQUEST:
                writer.write(b"S")
                await writer.drain()
                await writer.start_tls(self._context)
                return True
            if request != GSS_REQUEST:
                return False
            writer.write(b"N")

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward data in both directions."""
        server_reader, server_writer = await asyncio.open_unix_connection(self._upstream)
        both = (_pass_on(reader, server_writer), _pass_on(server_reader, writer))
        tasks = [asyncio.ensure_future(each) for each in both]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            # Close it before any other wait: this task may be cancelled again.
            await _hang_up(server_writer)
            await asyncio.gather(*tasks, return_exceptions=True)


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    """Close *writer* and wait until it is closed."""
    writer.close()
    with suppress(OSError, ssl.SSLError, asyncio.CancelledError):
        await writer.wait_closed()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy data from *reader* to *writer* until the end of the stream."""
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


@dataclass(frozen=True)
class Encrypted:
    """PostgreSQL and Redis behind TLS, and their URLs."""

    certificates: Certificates
    postgres: TlsProxy
    redis: TlsProxy
    database: str

    def database_url(self, authority: Path | None = None, *, mode: str = "verify-full") -> str:
        """Return a DATABASE_URL that trusts *authority*, by default the one that signed the server's certificate."""
        trusted = quote(str(authority or self.certificates.authority), safe="")
        return f"postgresql://postgres@{HOST}:{self.postgres.port}/{self.database}?sslmode={mode}&sslrootcert={trusted}"

    def broker_url(self, authority: Path | None = None) -> str:
        """Return a BROKER_URL that trusts *authority*, by default the one that signed the server's certificate."""
        trusted = quote(str(authority or self.certificates.authority), safe="")
        return f"rediss://{HOST}:{self.redis.port}/0?ssl_ca_certs={trusted}"


@pytest.fixture
def encrypted(database_url: str, broker_url: str, tmp_path: Path) -> Iterator[Encrypted]:
    """The test's fresh database and the session's emptied Redis, behind TLS."""
    known = conninfo_to_dict(database_url)
    folder, database = str(known["host"]), str(known["dbname"])
    if not folder.startswith("/"):
        pytest.skip("TEST_DATABASE_URL does not name a unix socket.")
    certificates = Certificates.make(tmp_path)
    socket_of_redis = unquote(urlsplit(broker_url).path)
    postgres = TlsProxy(f"{folder}/.s.PGSQL.5432", certificates.server, postgres=True)
    redis = TlsProxy(socket_of_redis, certificates.server, postgres=False)
    with postgres.running(), redis.running():
        yield Encrypted(certificates, postgres, redis, database)
