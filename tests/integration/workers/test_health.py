"""The health file of relay, sender and worker, and the check that reads it."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from cli.up import commands
from tests.support.health import check_health
from tests.support.processes import Process, free_port
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until

COMMANDS = {"relay": commands.relay(), "sender": commands.sender(), "worker": commands.worker("health")}
#: Processor time that a check may cost.
MOST_MS = 50
A_LOOP_HANGS = """
from threading import Event

from workers import health
from workers.relay.prune import Pruner

health.LONGEST_ROUND_S = 1.0
health.WRITE_EVERY_S = 0.1
Pruner.run_once = lambda self: Event().wait()

from workers.relay.__main__ import run_relay

run_relay()
"""
"""A relay with a service whose round never ends."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "health"


@pytest.fixture
def start(tmp_path: Path, file: Path, database_url: str, own_redis: RedisServer) -> Iterator[Callable[..., Process]]:
    """A function that starts a command as a process, with the test's servers unless *environ* names others."""
    started: list[Process] = []

    def start(name: str, command: list[str], environ: Mapping[str, str] | None = None) -> Process:
        own = {
            "DATABASE_URL": database_url,
            "BROKER_URL": own_redis.url,
            "MERGELANE_HEALTH_FILE": str(file),
            "MERGELANE_PRUNE_EVERY_S": "0.1",
            "MERGELANE_LOG_FORMAT": "text",
        }
        process = Process.of(name, command, folder=tmp_path, environ={**own, **(environ or {})})
        started.append(process)
        return process.start()

    yield start
    for process in started:
        process.stop(seconds=15)


def is_healthy(file: Path) -> bool:
    return check_health("file", file=file).healthy


def age(file: Path) -> None:
    """Set the time of the file back, as if the process had written nothing for a minute."""
    past = time.time() - 61
    os.utime(file, (past, past))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_process_is_healthy_until_it_is_frozen(start: Callable[..., Process], file: Path, name: str) -> None:
    process = start(name, COMMANDS[name])
    wait_until(lambda: is_healthy(file), what=f"the {name} to be healthy")
    age(file)
    wait_until(lambda: is_healthy(file), what=f"the {name} to write its file again")
    process.freeze()
    age(file)
    frozen = check_health("file", file=file)
    process.thaw()

    assert not frozen.healthy
    assert f"{file} was not written within the last minute" in frozen.said
    wait_until(lambda: is_healthy(file), what=f"the {name} to be healthy again")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_process_that_waits_for_its_servers_is_healthy(start: Callable[..., Process], file: Path, name: str) -> None:
    away = {
        "DATABASE_URL": f"postgresql://127.0.0.1:{free_port()}/away",
        "BROKER_URL": f"redis://127.0.0.1:{free_port()}/0",
    }
    process = start(name, COMMANDS[name], away)
    wait_until(lambda: is_healthy(file), what=f"the {name} to be healthy")
    age(file)

    wait_until(lambda: is_healthy(file), what=f"the {name} to write its file again")
    assert process.running


def test_a_process_with_a_stuck_service_is_unhealthy(start: Callable[..., Process], file: Path) -> None:
    python = commands.relay()[0]
    process = start("relay", [python, "-c", A_LOOP_HANGS])

    process.says("process_stuck")
    age(file)

    assert "services=['prune']" in process.log
    assert not is_healthy(file)
    process.kill()  # a signal to end waits for the service


def test_a_check_uses_little_processor_time(file: Path) -> None:
    file.touch()

    costs = sorted(check_health("file", file=file).processor_ms for _ in range(9))

    assert costs[4] < MOST_MS


def test_a_file_that_cannot_be_written_does_not_end_the_process(start: Callable[..., Process], tmp_path: Path) -> None:
    process = start("sender", COMMANDS["sender"], {"MERGELANE_HEALTH_FILE": str(tmp_path / "missing" / "health")})

    process.says("health_not_written")
    assert process.running


def test_a_check_of_a_missing_file_fails(file: Path) -> None:
    assert not is_healthy(file)
