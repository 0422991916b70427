"""Machines whose clocks are an hour off: a worker's, the relay's or web's, forward and back."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from threading import Event
from typing import cast

from chaos.errors import ChaosError
from chaos.faults import Fault, pause
from chaos.installation import Installation
from chaos.keeper import KeptProcess
from chaos.scenarios.scenario import MissingProgram, Scenario

SOURCE = Path(__file__).with_name("clock.c")
HOUR_S = 3600
WIDTH = 8
PROCESSES = ("worker1", "relay", "web")


class ShiftedInstallation(Installation):
    """An installation with a preloaded library that can shift the clock of each process."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str]) -> None:
        super().__init__(folder, settings=settings)
        self._library = folder / "clock.so"

    def start_servers(self) -> None:
        """Compile the library and start the servers, which have the correct time."""
        command = [_compiler(), "-shared", "-fPIC", "-O1", "-o", str(self._library), str(SOURCE)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ChaosError(f"{SOURCE.name} cannot be compiled: {done.stderr.strip()}")
        super().start_servers()

    def run(self, name: str, command: Sequence[str], **settings: str) -> KeptProcess:
        """Keep a process running that has its own clock."""
        self.shift(name, 0)
        own = {"LD_PRELOAD": str(self._library), "CHAOS_CLOCK": str(self._clock_of(name))}
        return super().run(name, command, **{**settings, **own})

    def shift(self, name: str, seconds: int) -> None:
        """Shift the clock of the process *name*."""
        with self._clock_of(name).open("r+b" if self._clock_of(name).exists() else "wb") as clock:
            clock.write(seconds.to_bytes(WIDTH, "little", signed=True))

    def make_whole(self) -> None:
        """Repair all faults."""
        for name in self.processes:
            self.shift(name, 0)
        super().make_whole()

    def _clock_of(self, name: str) -> Path:
        return self.folder / f"{name}.clock"


def _shift_clock(process: str, seconds: int) -> Fault:
    """Return the fault of a *process* whose clock is *seconds* off for a while."""
    direction = "ahead" if seconds > 0 else "behind"

    def shift_clock(installation: Installation, rng: Random, over: Event) -> None:
        home = cast("ShiftedInstallation", installation)
        home.shift(process, seconds)
        pause(rng, over, 4, 8)
        home.shift(process, 0)

    prose = f"The clock of {process} is an hour {direction} for a while."
    return Fault(name=f"{process}_clock_{direction}", prose=prose, weight=1, harm=shift_clock)


def _compiler() -> str:
    found = shutil.which("cc") or shutil.which("gcc")
    if found is None:
        raise MissingProgram("There is no C compiler. On Debian: apt-get install --no-install-recommends gcc libc6-dev")
    return found


def _require() -> None:
    _compiler()


CLOCK = Scenario(
    name="clock",
    prose="One machine's clock an hour off, forward and back",
    build=ShiftedInstallation,
    faults=[_shift_clock(process, seconds) for process in PROCESSES for seconds in (HOUR_S, -HOUR_S)],
    require=_require,
)
