"""Processor time and memory of processes. Each process counts once, including processes that exited meanwhile."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil

from bench.running import Running


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one program with all its processes: with shared pages counted in each, and with shared pages divided."""

    rss: int
    pss: int
    processes: int

    def to_json(self) -> dict[str, float]:
        """Return it as JSON for the results, in MiB."""
        return {"rss_mib": self.rss / 2**20, "pss_mib": self.pss / 2**20, "processes": self.processes}


def cpu_seconds(programs: Sequence[Running], *, without: Collection[int] = ()) -> dict[str, float]:
    """Return the processor time that each of *programs* has used since its start, in seconds, by name.

    The time of a process includes its exited children that it has waited for, and theirs. So the sum over all living
    processes of a program counts everything once. It leaves out the processes *without*, which serve the benchmark
    itself. They must live until the last measurement.
    """
    return {
        program.name: sum(_cpu(each) for each in program.processes() if each.pid not in without) for program in programs
    }


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return the difference of two measurements, by name."""
    return {name: after[name] - before.get(name, 0.0) for name in after}


def memory(programs: Sequence[Running]) -> dict[str, Memory]:
    """Return the memory of each of *programs* at this moment, by name."""
    return {program.name: _memory(program.processes()) for program in programs}


def _cpu(process: psutil.Process) -> float:
    """Return the processor time of *process*, or 0 if it has ended: its parent then includes it."""
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0


def _memory(processes: Sequence[psutil.Process]) -> Memory:
    """Return the memory of *processes* together."""
    rss = pss = count = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            info = process.memory_full_info()
            rss, pss, count = rss + info.rss, pss + info.pss, count + 1
    return Memory(rss=rss, pss=pss, processes=count)
