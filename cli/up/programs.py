"""The processes of the product that `mergelane up` runs beside the embedded servers, and their environment."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.environment import child_environ
from app.setting_sources import FILE_SUFFIX
from cli.up import commands
from cli.up.data_dir import DataDir
from cli.up.processes import Program
from workers.node_names import unique_name


@dataclass(frozen=True, kw_only=True)
class UpOptions:
    """The options of `mergelane up`."""

    home: Path
    host: str
    port: int
    flower_port: int
    workers: int
    #: The port of the relay's metrics; the workers use the next ports. None: no metrics.
    metrics_port: int | None = None

    @property
    def metrics_ports(self) -> Sequence[int]:
        """The ports of the metrics of the relay and of each worker; empty without metrics."""
        return () if self.metrics_port is None else range(self.metrics_port, self.metrics_port + self.workers + 1)


@dataclass(frozen=True, kw_only=True)
class ProductPrograms:
    """The processes of the product."""

    web: Program
    relay: Program
    sender: Program
    workers: tuple[Program, ...]
    flower: Program


def product_environ(
    *, database_url: str, broker_url: str, flower_port: int, flower_basic_auth: str = ""
) -> dict[str, str]:
    """Return the environment of the processes.

    By default, logs are text for people, and the console links to the Flower on *flower_port*. FLOWER_BASIC_AUTH is
    Flower's own variable for its password, which stays out of its command line.
    """
    own = {
        "DATABASE_URL": database_url,
        "BROKER_URL": broker_url,
        # Read already; with the variables above they would be one value too many.
        f"DATABASE_URL{FILE_SUFFIX}": "",
        f"BROKER_URL{FILE_SUFFIX}": "",
        # There is no load balancer that needs time to notice the stop.
        "MERGELANE_DRAIN_S": "0",
        "PYTHONUNBUFFERED": "1",
        # Only one process could listen on a common address; processes with metrics get their own below.
        "MERGELANE_METRICS_ADDRESS": "",
    }
    if flower_basic_auth:
        own["FLOWER_BASIC_AUTH"] = flower_basic_auth
    defaults = {"MERGELANE_LOG_FORMAT": "text", "MERGELANE_FLOWER_URL": f"http://127.0.0.1:{flower_port}"}
    return defaults | child_environ(**own)


def product_programs(options: UpOptions, data_dir: DataDir, environ: Mapping[str, str]) -> ProductPrograms:
    """Return the processes for *options*."""

    def program(
        name: str,
        command: list[str],
        orphan_signal: signal.Signals = signal.SIGKILL,
        *,
        metrics_index: int | None = None,
    ) -> Program:
        return Program(
            name=name,
            command=command,
            environ={**environ, **_metrics_environ(options, metrics_index)},
            log=data_dir.log_file(name),
            orphan_signal=orphan_signal,
            directory=commands.DIRECTORY,
        )

    names = [f"worker{number}" for number in range(1, options.workers + 1)]
    return ProductPrograms(
        # SIGTERM, so that gunicorn's master has time to stop its own children.
        web=program("web", commands.web(host=options.host, port=options.port), signal.SIGTERM),
        relay=program("relay", commands.relay(), metrics_index=0),
        sender=program("sender", commands.sender()),
        workers=tuple(
            # Another `mergelane up` on this machine may use the same broker.
            program(name, commands.worker(unique_name(name)), metrics_index=index)
            for index, name in enumerate(names, start=1)
        ),
        flower=program("flower", commands.flower(port=options.flower_port)),
    )


def _metrics_environ(options: UpOptions, index: int | None) -> dict[str, str]:
    """Return the variable with the metrics address of the process that uses the port *index* of `metrics_ports`."""
    if index is None or not options.metrics_ports:
        return {}
    return {"MERGELANE_METRICS_ADDRESS": f"127.0.0.1:{options.metrics_ports[index]}"}
