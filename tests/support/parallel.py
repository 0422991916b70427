"""Divides the tests between processes: files stay together, and the suites start in a fixed order.

All tests of a file run in one process, so the servers that they share start once. The suites with the longest waits
start first. Short files then fill the end of the run, and no process idles.
"""

import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

#: The suites in the order in which they start.
SUITES = ("chaos", "e2e", "contract", "integration", "model", "project", "unit")
#: Suites whose files run in one process, because their tests share one system.
IN_ONE_PROCESS = ("tests/chaos/",)
#: Processes per core. A test mostly waits for the processes that it started.
PROCESSES_PER_CORE = 2
MAX_PROCESSES = 8
#: Suites that finish in one process before more processes would have collected the tests.
QUICK_SUITES = ("model", "project", "unit")
TESTS = Path(__file__).parents[1]


class ByFile(LoadScopeScheduling):
    """Assigns whole files to processes, and the suites in IN_ONE_PROCESS as if each were one file."""

    def _split_scope(self, nodeid: str) -> str:
        """Return the name of the group of tests that *nodeid* is assigned with: its suite or its file."""
        return next((suite for suite in IN_ONE_PROCESS if nodeid.startswith(suite)), nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Assign the tests by file, in the order of the collection."""
    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return the number of processes for `-n auto`, from the cores that this process may use; 0 starts no others."""
    if _needs_one_process(config.args):
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MAX_PROCESSES, PROCESSES_PER_CORE * cores)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort the tests by SUITES if they run in several processes."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: SUITES.index(_suite_of(item.path)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect the tests without the garbage collector: it would scan them many times, although all are kept.

    Afterwards, exclude them from its scans.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def _needs_one_process(arguments: list[str]) -> bool:
    """Return whether *arguments* name tests of one file, or of quick suites only."""
    paths = {Path(argument.partition("::")[0]).absolute() for argument in arguments}
    return (len(paths) == 1 and all(path.is_file() for path in paths)) or all(
        _suite_of(path) in QUICK_SUITES for path in paths
    )


def _suite_of(path: Path) -> str:
    """Return the suite of *path*, or "" if it is in none."""
    parts = path.relative_to(TESTS).parts if path.is_relative_to(TESTS) else ()
    return parts[0] if parts else ""
