"""The processes of the product that `mergelane up` runs beside the embedded servers, and their environment."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.environment import child_environ
from cli.up import commands
from cli.up.data_dir import DataDir
from cli.up.process_environ import process_environ
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

    @property
    def listeners(self) -> Sequence[tuple[str, int, str]]:
        """The address and port of each process that listens, and the option that changes it."""
        metrics = [("127.0.0.1", port, "--metrics-port") for port in self.metrics_ports]
        return [(self.host, self.port, "--port"), ("127.0.0.1", self.flower_port, "--flower-port"), *metrics]


@dataclass(frozen=True, kw_only=True)
class ProductPrograms:
    """The processes of the product."""

    web: Program
    relay: Program
    sender: Program
    workers: tuple[Program, ...]
    flower: Program


def product_programs(
    options: UpOptions, data_dir: DataDir, secrets: Mapping[str, str], *, user: str | None = None
) -> ProductPrograms:
    """Return the processes for *options*, run by the system user *user*, each with its part of *secrets*."""
    own = _product_environ(options)

    def program(
        name: str,
        command: list[str],
        orphan_signal: signal.Signals = signal.SIGKILL,
        *,
        process: str | None = None,
        metrics_index: int | None = None,
    ) -> Program:
        return Program(
            name=name,
            command=command,
            environ=process_environ(process or name, secrets, **own, **_metrics_environ(options, metrics_index)),
            log=data_dir.log_file(name),
            user=user,
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
            program(name, commands.worker(unique_name(name)), process="worker", metrics_index=index)
            for index, name in enumerate(names, start=1)
        ),
        flower=program("flower", commands.flower(port=options.flower_port)),
    )


def _product_environ(options: UpOptions) -> dict[str, str]:
    """Return the variables of all processes. By default, logs are text for people, and the console links to Flower."""
    given = child_environ()
    return {
        "MERGELANE_LOG_FORMAT": given.get("MERGELANE_LOG_FORMAT") or "text",
        "MERGELANE_FLOWER_URL": given.get("MERGELANE_FLOWER_URL") or f"http://127.0.0.1:{options.flower_port}",
        # There is no load balancer that needs time to notice the stop.
        "MERGELANE_DRAIN_S": "0",
        "PYTHONUNBUFFERED": "1",
    }


def _metrics_environ(options: UpOptions, index: int | None) -> dict[str, str]:
    """Return the variable with the metrics address of the process that uses the port *index* of `metrics_ports`.

    Only one process could listen on a common address.
    """
    address = f"127.0.0.1:{options.metrics_ports[index]}" if index is not None and options.metrics_ports else ""
    return {"MERGELANE_METRICS_ADDRESS": address}
