"""The programs that `mergelane up` runs beside the embedded servers, with the settings they are given."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.config import child_environ
from workers.up import commands
from workers.up.home import Home
from workers.up.processes import Program


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the operator asked for: where the data lies, where to listen, and how many workers to run."""

    home: Path
    host: str
    port: int
    flower_port: int
    workers: int


@dataclass(frozen=True, kw_only=True)
class Programs:
    """The product's processes."""

    web: Program
    relay: Program
    workers: tuple[Program, ...]
    flower: Program


def environment(*, database_url: str, broker_url: str, flower_basic_auth: str = "") -> dict[str, str]:
    """Return the environment of the children; their logs are for people unless the operator says otherwise.

    FLOWER_BASIC_AUTH is Flower's own variable for the password that it asks for, kept out of its command line.
    """
    own = {
        "DATABASE_URL": database_url,
        "BROKER_URL": broker_url,
        # No balancer stands before it that would have to be told.
        "MERGELANE_DRAIN_S": "0",
        "PYTHONUNBUFFERED": "1",
    }
    if flower_basic_auth:
        own["FLOWER_BASIC_AUTH"] = flower_basic_auth
    return {"MERGELANE_LOG_FORMAT": "text", **child_environ(**own)}


def programs(options: Options, home: Home, environ: Mapping[str, str]) -> Programs:
    """Return the processes that *options* ask for."""

    def program(name: str, command: list[str], orphan_signal: signal.Signals = signal.SIGKILL) -> Program:
        return Program(
            name=name,
            command=command,
            environ=environ,
            log=home.log(name),
            orphan_signal=orphan_signal,
            directory=commands.DIRECTORY,
        )

    names = [f"worker{number}" for number in range(1, options.workers + 1)]
    return Programs(
        # The master has children of its own, which it must be given the time to end.
        web=program("web", commands.web(host=options.host, port=options.port), signal.SIGTERM),
        relay=program("relay", commands.relay()),
        workers=tuple(program(name, commands.worker(name)) for name in names),
        flower=program("flower", commands.flower(port=options.flower_port)),
    )
