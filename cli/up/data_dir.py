"""The data folder of one `mergelane up` (the option --home): data, logs, and the state of its processes."""

import fcntl
import os
from pathlib import Path
from typing import IO

from app.errors import SetupError


class DataDir:
    """The folder *path*: `postgres` has the database, `logs` the logs, `run` the state while `mergelane up` runs."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.postgres = self.path / "postgres"
        self.logs = self.path / "logs"
        self.run = self.path / "run"
        self._database_url_file = self.run / "database_url"
        self._broker_url_file = self.run / "broker_url"
        self._lock_file: IO[str] | None = None

    def lock(self) -> None:
        """Create the folder if it does not exist, and lock it until this process ends.

        Raises SetupError when the folder is not writable or another `mergelane up` has the lock.
        """
        try:
            # Other users may pass through but not list it: under root, PostgreSQL runs as another user.
            self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
            for folder in (self.logs, self.run):
                folder.mkdir(mode=0o700, exist_ok=True)
            lock_file = (self.run / "lock").open("a+", encoding="ascii")
        except OSError as error:
            message = f"The home folder {self.path} is not usable: {error.strerror}. Choose another with --home."
            raise SetupError(message) from None
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with lock_file:
                raise SetupError(self._locked_message(lock_file)) from None
        lock_file.truncate(0)
        lock_file.write(str(os.getpid()))
        lock_file.flush()
        self._lock_file = lock_file

    def unlock(self) -> None:
        """Release the lock, and delete the URLs of the servers."""
        self._database_url_file.unlink(missing_ok=True)
        self._broker_url_file.unlink(missing_ok=True)
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None

    def save_database_url(self, url: str) -> None:
        """Store the URL of the embedded database for the other commands of `mergelane`."""
        self._database_url_file.write_text(url, encoding="utf-8")

    def database_url(self) -> str | None:
        """Return the URL of the embedded database; None when no `mergelane up` runs on this folder."""
        return _read_if_exists(self._database_url_file)

    def save_broker_url(self, url: str) -> None:
        """Store the URL of the embedded broker."""
        self._broker_url_file.write_text(url, encoding="utf-8")

    def broker_url(self) -> str | None:
        """Return the URL of the embedded broker; None when no `mergelane up` runs on this folder."""
        return _read_if_exists(self._broker_url_file)

    def log_file(self, name: str) -> Path:
        """Return the log file of the process *name*."""
        return self.logs / f"{name}.log"

    def _locked_message(self, lock_file: IO[str]) -> str:
        lock_file.seek(0)
        holder = lock_file.read().strip()
        who = f" (process {holder})" if holder else ""
        return f"Another `mergelane up`{who} uses the home folder {self.path}. Stop it, or choose another with --home."


def _read_if_exists(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.exists() else None
