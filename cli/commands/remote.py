"""The API that a command uses: its URL and key, from options or the environment."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from app.errors import SetupError
from app.setting_sources import read_text_file
from cli.commands.output import print_status

if TYPE_CHECKING:
    from cli.client import Client

Command = Callable[..., None]

NO_KEY = (
    "No API key. Set MERGELANE_API_KEY, or name a file with the key by --key-file. There is no option for the key"
    " itself: other users of this machine could read it in the list of processes."
)
#: Seconds for which short commands retry while the server is unavailable.
SHORT_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """The URL of a Mergelane and an API key for it."""

    url: str
    key: str

    def new_client(self, *, patience_s: float, stop: Event | None = None) -> "Client":
        """Return a client; the caller closes it."""
        from cli.client import Client

        return Client(self.url, self.key, patience_s=patience_s, report=print_status, stop=stop)

    @contextmanager
    def connect(self, *, patience_s: float = SHORT_PATIENCE_S) -> "Iterator[Client]":
        """Open a client and close it at the end."""
        client = self.new_client(patience_s=patience_s)
        try:
            yield client
        finally:
            client.close()

    def get(self, path: str, **query: Any) -> Any:
        """Return the body of one GET."""
        with self.connect() as client:
            return client.get(path, **query)

    def send(self, method: str, path: str, status: int, *, body: Any = None, repeatable: bool = True) -> Any:
        """Return the body of the response to one request; raise Refused unless it has *status*."""
        from cli.client import require_status

        with self.connect() as client:
            response = client.request(method, path, body=body, repeatable=repeatable)
            return require_status(response, status).body


def remote_options(command: Command) -> Command:
    """Add `--url` and `--key-file` to *command*, which receives them as `remote`. A key is required."""
    return _with_options(command, required=True)


def optional_remote_options(command: Command) -> Command:
    """Add `--url` and `--key-file` to *command*; its `remote` is None when there is no key."""
    return _with_options(command, required=False)


def _with_options(command: Command, *, required: bool) -> Command:
    @wraps(command)
    def with_remote(*args: Any, url: str | None, key_file: Path | None, **given: Any) -> None:
        remote = find_remote(url, key_file)
        if required and remote is None:
            raise SetupError(NO_KEY)
        command(*args, **given, remote=remote)

    key_file = click.option(
        "--key-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A file with the API key in its first line. Default: the key in MERGELANE_API_KEY.",
    )
    url = click.option("--url", help="The URL of Mergelane. Default: MERGELANE_URL, else http://127.0.0.1:8000.")
    return url(key_file(with_remote))


def find_remote(url: str | None, key_file: Path | None) -> Remote | None:
    """Return the API that the options or the environment name; None when there is no key."""
    from app.config import Settings

    settings = Settings.from_environ()
    if key_file is not None:
        key, where = _read_key(key_file), str(key_file)
    else:
        key, where = settings.api_key or "", "MERGELANE_API_KEY"
    return Remote(url=url or settings.url, key=_check_key(key.strip(), where)) if key.strip() else None


def _read_key(key_file: Path) -> str:
    """Return the first line of *key_file*; raise SetupError, which quotes nothing of it, when there is none."""
    try:
        text = read_text_file(key_file)
    except OSError as error:
        raise SetupError(f"{key_file} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise SetupError(f"{key_file} is not text in UTF-8. Write an API key in its first line.") from None
    key = next(iter(text.splitlines()), "").strip()
    if not key:
        raise SetupError(f"The first line of {key_file} is empty. Write an API key there.")
    return key


def _check_key(key: str, where: str) -> str:
    """Return *key*; raise SetupError, which does not quote it, when a header of HTTP cannot hold it."""
    if key.isascii() and key.isprintable() and " " not in key:
        return key
    raise SetupError(
        f"The API key in {where} has a blank, a line break or another character that no API key has. Copy it again."
    )
