"""The folder in which one `mergelane up` keeps its data, its logs and what it knows of its processes."""

import fcntl
import os
from pathlib import Path
from typing import IO

from app.errors import SetupError


class Home:
    """The folder *path*: `postgres` for the data, `logs` for what processes write, `run` for what is true meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.postgres = self.path / "postgres"
        self.logs = self.path / "logs"
        self.run = self.path / "run"
        self._lock: IO[str] | None = None

    def claim(self) -> None:
        """Make the folder if need be and take it for this process, until it ends, however it ends.

        Raises SetupError when the folder cannot be written to, or when another `mergelane up` has it.
        """
        try:
            # Others may pass through but see nothing: under root, PostgreSQL runs as a user of its own.
            self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
            for folder in (self.logs, self.run):
                folder.mkdir(mode=0o700, exist_ok=True)
            lock = (self.run / "lock").open("a+", encoding="ascii")
        except OSError as error:
            message = f"The home folder {self.path} cannot be used: {error.strerror}. Choose another with --home."
            raise SetupError(message) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with lock:
                raise SetupError(self._taken(lock)) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def release(self) -> None:
        """Let another `mergelane up` have the folder, and forget where the servers were."""
        self._database_note.unlink(missing_ok=True)
        self._broker_note.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def note_database(self, url: str) -> None:
        """Write down where the embedded database is, for the other commands of `mergelane`."""
        self._database_note.write_text(url, encoding="utf-8")

    def database_url(self) -> str | None:
        """Return where the embedded database is, or None when no `mergelane up` runs on this folder."""
        return self._database_note.read_text(encoding="utf-8") if self._database_note.exists() else None

    def note_broker(self, url: str) -> None:
        """Write down where the embedded broker is."""
        self._broker_note.write_text(url, encoding="utf-8")

    def broker_url(self) -> str | None:
        """Return where the embedded broker is, or None when no `mergelane up` runs on this folder."""
        return self._broker_note.read_text(encoding="utf-8") if self._broker_note.exists() else None

    def log(self, name: str) -> Path:
        """Return the log file of the process *name*."""
        return self.logs / f"{name}.log"

    @property
    def _database_note(self) -> Path:
        """The file that says where the embedded database is."""
        return self.run / "database_url"

    @property
    def _broker_note(self) -> Path:
        """The file that says where the embedded broker is."""
        return self.run / "broker_url"

    def _taken(self, lock: IO[str]) -> str:
        """Return the sentence that says who has this folder."""
        lock.seek(0)
        holder = lock.read().strip()
        who = f" (process {holder})" if holder else ""
        return f"Another `mergelane up`{who} uses the home folder {self.path}. Stop it, or choose another with --home."
