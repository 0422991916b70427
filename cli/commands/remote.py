"""The Mergelane that a command asks: where it is, and the key that opens it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from threading import Event
from typing import Any

import click

from app.config import Settings
from app.errors import SetupError
from cli.client import Client

Command = Callable[..., None]

NO_KEY = (
    "There is no API key: set MERGELANE_API_KEY, or name a file that holds it by --key-file. A key is never given as an"
    " argument, where others on this machine could read it."
)
#: Seconds for which a command that shows something waits for a Mergelane that is away.
SHORT_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Where a Mergelane is, and the key that opens it."""

    url: str
    key: str

    def client(self, *, patience_s: float, stop: Event | None = None) -> Client:
        """Return a client; close it."""
        return Client(self.url, self.key, patience_s=patience_s, tell=tell, stop=stop)

    @contextmanager
    def asked(self, *, patience_s: float = SHORT_PATIENCE_S) -> Iterator[Client]:
        """Lend a client."""
        client = self.client(patience_s=patience_s)
        try:
            yield client
        finally:
            client.close()


def remote_options(command: Command) -> Command:
    """Give *command* the options by which it finds a Mergelane, and what they lead to as `remote`."""
    return _with_options(command, find)


def maybe_remote_options(command: Command) -> Command:
    """Do the same for a command that can do without: its `remote` is None when there is no key."""
    return _with_options(command, find_if_any)


def _with_options(command: Command, find: Callable[[str | None, Path | None], Remote | None]) -> Command:
    """Give *command* the options `--url` and `--key-file`, and what *find* makes of them as `remote`."""

    @wraps(command)
    def found(*args: Any, url: str | None, key_file: Path | None, **given: Any) -> None:
        command(*args, **given, remote=find(url, key_file))

    key_file = click.option(
        "--key-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="The file with the API key in its first line; MERGELANE_API_KEY by default.",
    )
    url = click.option("--url", help="Where Mergelane is; MERGELANE_URL by default, else http://127.0.0.1:8000.")
    return url(key_file(found))


def find(url: str | None, key_file: Path | None) -> Remote:
    """Return the Mergelane that the options, or else the environment, name. Raises SetupError when there is no key."""
    remote = find_if_any(url, key_file)
    if remote is None:
        raise SetupError(NO_KEY)
    return remote


def find_if_any(url: str | None, key_file: Path | None) -> Remote | None:
    """Return the Mergelane that the options, or else the environment, name; None when there is no key."""
    settings = Settings.from_environ()
    key = _key(settings, key_file)
    return None if key is None else Remote(url=url or settings.url, key=key)


def _key(settings: Settings, key_file: Path | None) -> str | None:
    """Return the key in the first line of *key_file*, else that of the *settings*, or None when there is none."""
    if key_file is None:
        return settings.api_key
    key = key_file.read_text(encoding="utf-8").partition("\n")[0].strip()
    if not key:
        raise SetupError(f"The first line of {key_file} is empty; it must hold an API key.")
    return key


def tell(sentence: str) -> None:
    """Tell whoever runs the command what happens, apart from what was asked for."""
    click.echo(sentence, err=True)
