"""The tests in several processes at once: which of them stay together, and which begin first.

A file stays in one process, so that what its tests share is started once. The rooms that wait longest begin, so that
the end of the run is made of small pieces and no process idles through it.
"""

import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

#: The rooms in the order in which they begin.
ROOMS = ("chaos", "e2e", "contract", "integration", "model", "project", "unit")
#: One house for all of the room: its files stay together.
TOGETHER = ("tests/chaos/",)
#: Processes for each core: a test mostly waits for the processes that it started.
FOR_A_CORE = 2
MOST = 8
#: Rooms that are through, by themselves, before further processes would have found the tests.
QUICK = ("model", "project", "unit")
TESTS = Path(__file__).parents[1]


class ByFile(LoadScopeScheduling):
    """Hands out whole files, and all files of a room in which everything is shared."""

    def _split_scope(self, nodeid: str) -> str:
        """Return what *nodeid* is handed out with."""
        return next((room for room in TOGETHER if nodeid.startswith(room)), nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Hand out the tests by file, in the order in which they were collected."""
    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes `-n auto` is, by the cores that this process may use; 0 is this one alone."""
    if _soon_done(config.args):
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST, FOR_A_CORE * cores)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the rooms begin in their order when the tests are handed out to several processes."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: ROOMS.index(_room(item.path)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without the garbage collector, which would look again and again at tests that all are kept.

    It leaves them alone from then on.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def _soon_done(arguments: list[str]) -> bool:
    """Tell whether what is asked for is one file, which stays together, or nothing but quick rooms."""
    paths = {Path(argument.partition("::")[0]).absolute() for argument in arguments}
    return (len(paths) == 1 and all(path.is_file() for path in paths)) or all(_room(path) in QUICK for path in paths)


def _room(path: Path) -> str:
    """Return the room of *path*, or "" when it is in none."""
    parts = path.relative_to(TESTS).parts if path.is_relative_to(TESTS) else ()
    return parts[0] if parts else ""
