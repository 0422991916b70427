"""PostgreSQL on small disks that fill up: one with its data, one with its WAL."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event
from typing import cast

import psycopg

from app.environment import child_environ
from chaos.faults import make_fault, pause
from chaos.installation import POSTGRES, Installation
from chaos.scenarios.scenario import NotPossible, Scenario, find_program
from cli.up import system_user
from cli.up.embedded_postgres import EmbeddedPostgres

DATA_MB, WAL_MB = 400, 200
#: Little WAL is kept, so that a full disk takes effect at once.
SETTINGS = {**POSTGRES, "min_wal_size": "32MB", "max_wal_size": "64MB", "wal_recycle": "off"}
BALLAST = "ballast"
CHUNK = bytes(1024 * 1024)


class SmallDisksInstallation(Installation):
    """An installation whose PostgreSQL has a file system in memory for its data, and another one for its WAL."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str]) -> None:
        super().__init__(folder, settings=settings)
        self.data_disk, self.wal_disk = folder / "data-disk", folder / "wal-disk"
        self._postgres_server = EmbeddedPostgres(self.data_disk / "postgres", child_environ(), SETTINGS)

    def start_database(self) -> None:
        """Mount both disks, move the WAL to its own, and start PostgreSQL."""
        _mount(self.data_disk, DATA_MB)
        _mount(self.wal_disk, WAL_MB)
        self._postgres_server.prepare()
        wal = self._postgres_server.data / "pg_wal"
        moved = self.wal_disk / "pg_wal"
        shutil.move(wal, moved)
        wal.symlink_to(moved)
        if user := system_user.ensure_system_user():
            for path in (moved, *moved.rglob("*")):
                shutil.chown(path, user)
        super().start_database()

    def make_whole(self) -> None:
        """Repair all faults."""
        for disk in (self.data_disk, self.wal_disk):
            (disk / BALLAST).unlink(missing_ok=True)
        super().make_whole()

    def stop(self) -> None:
        """Stop everything and unmount the disks."""
        super().stop()
        for disk in (self.data_disk, self.wal_disk):
            _unmount(disk)


def fill_data_disk(installation: Installation, rng: Random, over: Event) -> None:
    """Fill the disk with the data: PostgreSQL refuses to extend tables (SQLSTATE 53100)."""
    disk = cast("SmallDisksInstallation", installation).data_disk
    _fill(disk)
    pause(rng, over, 3, 6)
    (disk / BALLAST).unlink()


def fill_wal_disk(installation: Installation, rng: Random, over: Event) -> None:
    """Fill the disk with the WAL: PostgreSQL panics and cannot start until there is space."""
    disk = cast("SmallDisksInstallation", installation).wal_disk
    _fill(disk)
    with suppress(psycopg.Error), installation.connect() as connection:
        connection.execute("SELECT pg_switch_wal()")
    pause(rng, over, 3, 6)
    (disk / BALLAST).unlink()


def _fill(disk: Path) -> None:
    """Write a file until the disk is full."""
    descriptor = os.open(disk / BALLAST, os.O_WRONLY | os.O_CREAT)
    try:
        for chunk in (CHUNK, bytes(4096)):
            with suppress(OSError):
                while os.write(descriptor, chunk):
                    pass
    finally:
        os.close(descriptor)


def _mount(folder: Path, megabytes: int) -> None:
    folder.mkdir(exist_ok=True)
    options = f"size={megabytes}m,mode=0755"
    command = [find_program("mount", "mount"), "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotPossible(f"This machine does not let this user mount a disk of limited size: {done.stderr.strip()}")


def _unmount(folder: Path) -> None:
    if folder.is_mount():
        subprocess.run([find_program("umount", "mount"), "--lazy", str(folder)], check=True)


def _require() -> None:
    with TemporaryDirectory(prefix="mergelane-chaos-") as folder:
        _mount(Path(folder), 1)
        _unmount(Path(folder))


FULL_DISK = Scenario(
    name="full-disk",
    prose="Full disks of PostgreSQL: data and WAL",
    build=SmallDisksInstallation,
    faults=[make_fault(harm) for harm in (fill_data_disk, fill_wal_disk)],
    require=_require,
)
