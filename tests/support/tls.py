"""TLS in front of servers that have none: the embedded PostgreSQL and Redis are built without it.

What a client sees is what it would see of a server with TLS: its protocol's own opening, a certificate, encryption.
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
"""How a client of PostgreSQL asks for encryption, before anything else."""


@dataclass(frozen=True)
class Certificates:
    """A certificate authority, a server's certificate from it, and another authority that has nothing to do with it."""

    server: ssl.SSLContext
    authority: Path
    stranger: Path

    @classmethod
    def make(cls, folder: Path) -> "Certificates":
        """Return new ones, their files in *folder*."""
        ours, theirs = trustme.CA(), trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ours.issue_cert(HOST).configure_cert(context)
        paths = folder / "authority.pem", folder / "stranger.pem"
        for authority, path in zip((ours, theirs), paths, strict=True):
            authority.cert_pem.write_to_path(path)
        return cls(context, *paths)


class TlsProxy:
    """Takes TLS connections on a port of this machine and hands what they say to the unix socket at *upstream*."""

    def __init__(self, upstream: str, context: ssl.SSLContext, *, postgres: bool) -> None:
        self._upstream = upstream
        self._context = context
        self._postgres = postgres
        self._loop = asyncio.new_event_loop()
        #: Who is served, and by what each is answered.
        self._tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.port = 0
        #: Connections that were taken up, encrypted.
        self.encrypted = 0

    @contextmanager
    def running(self) -> Iterator["TlsProxy"]:
        """Run it for the time of the block."""
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
        """Listen."""
        context = None if self._postgres else self._context
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        """Stop listening and hang up on everybody."""
        self._server.close()
        served = dict(self._tasks)
        for task in served:
            task.cancel()
        await asyncio.gather(*served, return_exceptions=True)
        # Whoever was cancelled before it began has closed nothing.
        await asyncio.gather(*map(_hang_up, served.values()))

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one connection, so that it is known from now on."""
        task = self._loop.create_task(self._serve(reader, writer))
        self._tasks[task] = writer
        task.add_done_callback(self._tasks.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side hangs up."""
        with suppress(OSError, EOFError, asyncio.CancelledError):
            if not self._postgres or await self._open(reader, writer):
                self.encrypted += 1
                await self._join(reader, writer)
        await _hang_up(writer)

    async def _open(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Do what PostgreSQL does before it speaks TLS; return whether the client wants it."""
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
        """Pass on what either side says."""
        server_reader, server_writer = await asyncio.open_unix_connection(self._upstream)
        both = (_pass_on(reader, server_writer), _pass_on(server_reader, writer))
        tasks = [asyncio.ensure_future(each) for each in both]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            # Closed before anything is waited for: we may be cancelled once more.
            await _hang_up(server_writer)
            await asyncio.gather(*tasks, return_exceptions=True)


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    """Close *writer* and wait until it is."""
    writer.close()
    with suppress(OSError, ssl.SSLError, asyncio.CancelledError):
        await writer.wait_closed()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Write to *writer* what *reader* reads, to its end."""
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


@dataclass(frozen=True)
class Encrypted:
    """PostgreSQL and Redis behind TLS, and how they are reached by whom."""

    certificates: Certificates
    postgres: TlsProxy
    redis: TlsProxy
    database: str

    def database_url(self, authority: Path | None = None, *, mode: str = "verify-full") -> str:
        """Return a DATABASE_URL that trusts *authority*, by default the right one."""
        trusted = quote(str(authority or self.certificates.authority), safe="")
        return f"postgresql://postgres@{HOST}:{self.postgres.port}/{self.database}?sslmode={mode}&sslrootcert={trusted}"

    def broker_url(self, authority: Path | None = None) -> str:
        """Return a BROKER_URL that trusts *authority*, by default the right one."""
        trusted = quote(str(authority or self.certificates.authority), safe="")
        return f"rediss://{HOST}:{self.redis.port}/0?ssl_ca_certs={trusted}"


@pytest.fixture
def encrypted(database_url: str, broker_url: str, tmp_path: Path) -> Iterator[Encrypted]:
    """The test's fresh database and the session's emptied Redis, behind TLS."""
    known = conninfo_to_dict(database_url)
    folder, database = str(known["host"]), str(known["dbname"])
    if not folder.startswith("/"):
        pytest.skip("TEST_DATABASE_URL names a server that is not reached by a unix socket.")
    certificates = Certificates.make(tmp_path)
    socket_of_redis = unquote(urlsplit(broker_url).path)
    postgres = TlsProxy(f"{folder}/.s.PGSQL.5432", certificates.server, postgres=True)
    redis = TlsProxy(socket_of_redis, certificates.server, postgres=False)
    with postgres.running(), redis.running():
        yield Encrypted(certificates, postgres, redis, database)
