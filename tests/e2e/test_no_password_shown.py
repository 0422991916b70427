"""No process and no command prints a password of DATABASE_URL or BROKER_URL, or a part of one."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.up import commands
from tests.support.processes import Process, free_port
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until

#: Parts of every password below.
PARTS = ("Tr0ub4", "d0r&3", "b4tt3ry", "st4pl3")
CHATTY = {"MERGELANE_LOG_LEVEL": "DEBUG", "MERGELANE_LOG_ERROR_TEXTS": "true"}
CLI = [sys.executable, "-m", "cli"]
#: Commands end. Processes keep running if they can parse their URLs.
COMMANDS = {"doctor": [*CLI, "doctor"], "migrate": [*CLI, "migrate"], "keys": [*CLI, "keys", "list"]}


def programs(folder: Path, environ: dict[str, str]) -> dict[str, Process]:
    """Return all processes and commands that read the URLs, without starting them."""
    found = {
        **COMMANDS,
        "web": commands.web(host="127.0.0.1", port=free_port()),
        "relay": commands.relay(),
        "sender": commands.sender(),
        "worker": commands.worker("worker"),
        "flower": commands.flower(port=free_port()),
    }
    own = {"BROKER_URL": "redis://127.0.0.1:1/0", "DATABASE_URL": "postgresql://127.0.0.1:1/none", **CHATTY, **environ}
    return {name: Process.of(name, command, folder=folder, environ=own) for name, command in found.items()}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[dict[str, str]], dict[str, Process]]]:
    """A function that starts all processes and commands with an environment."""
    started: list[Process] = []

    def start(environ: dict[str, str]) -> dict[str, Process]:
        found = programs(tmp_path, environ)
        started.extend(process.start() for process in found.values())
        return found

    try:
        yield start
    finally:
        for process in started:
            process.ask()
        for process in started:
            process.stop(seconds=15)


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("DATABASE_URL", "postgresql+psycopg2://ml:Tr0ub4d0r&3@127.0.0.1:1/db"),
        ("BROKER_URL", "rediss://ml:Tr0ub4d0r&3#b4tt3ry@127.0.0.1:1/0"),
    ],
)
def test_a_url_that_cannot_be_parsed_ends_every_process_with_one_sentence(
    run: Callable[[dict[str, str]], dict[str, Process]], variable: str, url: str
) -> None:
    for name, process in run({variable: url}).items():
        assert process.ended(seconds=60) == 1, name
        assert f"{variable}: It" in process.log, name
        assert "Traceback" not in process.log, name
        assert not [part for part in PARTS if part in process.log], name


def test_errors_of_servers_that_refuse_the_password_do_not_contain_it(
    run: Callable[[dict[str, str]], dict[str, Process]], own_redis: RedisServer
) -> None:
    port = free_port()
    with own_redis.client() as client:
        client.config_set("port", str(port))
        client.config_set("requirepass", "another")
    encoded = "Tr0ub4%40d0r%263%2Fb4tt3ry%23st4pl3"
    found = run(
        {
            "DATABASE_URL": f"postgresql://ml:{encoded}@127.0.0.1:1,127.0.0.1:2/db?connect_timeout=2",
            "BROKER_URL": f"redis://ml:{encoded}@127.0.0.1:{port}/0",
        }
    )
    for name, process in found.items():
        # A worker reads the name of its queue from PostgreSQL before it connects to the broker.
        sentence = "invalid username-password pair" if name == "flower" else "port 2 failed: Connection refused"
        wait_until(lambda process=process, sentence=sentence: sentence in process.log, what=f"{name} to log why")
        if name in COMMANDS:
            assert process.ended(seconds=60) == 1, name
        assert not [part for part in PARTS if part in process.log], name
