"""Processor time and memory of processes. Each is counted once, including processes that exited meanwhile."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil

from bench.running import Running


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one program with all its processes: resident, shared pages in each; and shared pages split."""

    rss: int
    pss: int
    processes: int

    def to_json(self) -> dict[str, float]:
        """Return it as the results hold it, in mebibytes."""
        return {"rss_mib": self.rss / 2**20, "pss_mib": self.pss / 2**20, "processes": self.processes}


def cpu_seconds(programs: Sequence[Running], *, without: Collection[int] = ()) -> dict[str, float]:
    """Return the processor time that each of *programs* has used since its start, in seconds, by name.

    The time of a process includes its exited children that it has waited for, and theirs. So the sum over all living
    processes of a program counts everything once. It leaves out the processes *without*, which serve the benchmark
    itself; they must live until the last measurement.
    """
    return {
        program.name: sum(_cpu(each) for each in program.processes() if each.pid not in without) for program in programs
    }


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return what was used between two looks, by name."""
    return {name: after[name] - before.get(name, 0.0) for name in after}


def memory(programs: Sequence[Running]) -> dict[str, Memory]:
    """Return the memory of each of *programs* at this moment, by name."""
    return {program.name: _memory(program.processes()) for program in programs}


def _cpu(process: psutil.Process) -> float:
    """Return what *process* accounts for; nothing when it has just ended, since its parent then does."""
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0


def _memory(processes: Sequence[psutil.Process]) -> Memory:
    """Return the memory of *processes* together."""
    rss = pss = count = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            told = process.memory_full_info()
            rss, pss, count = rss + told.rss, pss + told.pss, count + 1
    return Memory(rss=rss, pss=pss, processes=count)
