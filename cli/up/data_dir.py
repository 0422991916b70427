"""The data folder of one `mergelane up` (the option --home): data, logs, and the state of its processes."""

import fcntl
import os
from pathlib import Path
from typing import IO

from app.errors import SetupError
from cli.up.safe_folders import create_home, create_private_folder

#: The default of --home. Root's is outside of its home, which the system users of the processes may not enter.
DEFAULT_HOME = Path("~/.mergelane")
DEFAULT_HOME_OF_ROOT = Path("/var/lib/mergelane")


def default_home() -> Path:
    """Return the default of --home for the user of this process."""
    return DEFAULT_HOME_OF_ROOT if os.geteuid() == 0 else DEFAULT_HOME


def require_moved_home(home: Path) -> None:
    """Raise SetupError when *home* is root's default and does not exist, and root's former default has a database."""
    former = DEFAULT_HOME.expanduser()
    if os.geteuid() == 0 and home == DEFAULT_HOME_OF_ROOT and not home.exists() and (former / "postgres").exists():
        raise SetupError(
            f"The default home folder of root is {home} now, and {former} has the data of an earlier version. Move it:"
            f" mv {former} {home}"
        )


class DataDir:
    """The folder *path*: `postgres` has the database, `logs` the logs, `run` the state while `mergelane up` runs."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.postgres = self.path / "postgres"
        self.logs = self.path / "logs"
        self.run = self.path / "run"
        self.redis = self.path / "redis"
        self._database_url_file = self.run / "database_url"
        self._broker_url_file = self.run / "broker_url"
        self._lock_file: IO[str] | None = None

    def lock(self) -> None:
        """Create the folder if it does not exist, and lock it until this process ends.

        Raises SetupError when the folder is not writable, another `mergelane up` has the lock, or this process is root
        and another user could change something in the folder.
        """
        try:
            create_home(self.path)
            for folder in (self.logs, self.run):
                create_private_folder(folder, None)
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
    try:
        return file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SetupError(
            f"The file {file} of `mergelane up` cannot be read: {error.strerror}. Run this command as the user who"
            " started it."
        ) from None
