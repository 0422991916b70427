"""The programs that `mergelane up` runs beside the embedded servers, with the settings they are given."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.config import child_environ
from cli.up import commands
from cli.up.home import Home
from cli.up.processes import Program


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the operator asked for: where the data lies, where to listen, and how many workers to run."""

    home: Path
    host: str
    port: int
    flower_port: int
    workers: int
    #: Where the relay shows its metrics, and the workers at the ports after it; None shows none.
    metrics_port: int | None = None

    @property
    def metrics_ports(self) -> Sequence[int]:
        """The ports of the relay's metrics and of each worker's, none when they show none."""
        return () if self.metrics_port is None else range(self.metrics_port, self.metrics_port + self.workers + 1)


@dataclass(frozen=True, kw_only=True)
class Programs:
    """The product's processes."""

    web: Program
    relay: Program
    sender: Program
    workers: tuple[Program, ...]
    flower: Program


def environment(*, database_url: str, broker_url: str, flower_port: int, flower_basic_auth: str = "") -> dict[str, str]:
    """Return the environment of the children.

    Unless the operator says otherwise, their logs are for people, and the console leads to the Flower on *flower_port*.

    FLOWER_BASIC_AUTH is Flower's own variable for the password that it asks for, kept out of its command line.
    """
    own = {
        "DATABASE_URL": database_url,
        "BROKER_URL": broker_url,
        # No balancer stands before it that would have to be told.
        "MERGELANE_DRAIN_S": "0",
        "PYTHONUNBUFFERED": "1",
        # One address for all of them would be the first one's; who is to show any is given its own.
        "MERGELANE_METRICS_ADDRESS": "",
    }
    if flower_basic_auth:
        own["FLOWER_BASIC_AUTH"] = flower_basic_auth
    usual = {"MERGELANE_LOG_FORMAT": "text", "MERGELANE_FLOWER_URL": f"http://127.0.0.1:{flower_port}"}
    return usual | child_environ(**own)


def programs(options: Options, home: Home, environ: Mapping[str, str]) -> Programs:
    """Return the processes that *options* ask for."""

    def program(
        name: str, command: list[str], orphan_signal: signal.Signals = signal.SIGKILL, *, place: int | None = None
    ) -> Program:
        return Program(
            name=name,
            command=command,
            environ={**environ, **_metrics(options, place)},
            log=home.log(name),
            orphan_signal=orphan_signal,
            directory=commands.DIRECTORY,
        )

    names = [f"worker{number}" for number in range(1, options.workers + 1)]
    return Programs(
        # The master has children of its own, which it must be given the time to end.
        web=program("web", commands.web(host=options.host, port=options.port), signal.SIGTERM),
        relay=program("relay", commands.relay(), place=0),
        sender=program("sender", commands.sender()),
        workers=tuple(program(name, commands.worker(name), place=place) for place, name in enumerate(names, start=1)),
        flower=program("flower", commands.flower(port=options.flower_port)),
    )


def _metrics(options: Options, place: int | None) -> dict[str, str]:
    """Return what says where the process at *place* among those without HTTP shows its metrics."""
    if place is None or not options.metrics_ports:
        return {}
    return {"MERGELANE_METRICS_ADDRESS": f"127.0.0.1:{options.metrics_ports[place]}"}
