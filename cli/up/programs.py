"""The processes of the product that `mergelane up` runs beside the embedded servers, and their environment."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
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
    #: The port of the relay's metrics; the workers and web use the next ports. None: no metrics.
    metrics_port: int | None = None

    @property
    def worker_names(self) -> Sequence[str]:
        """The name of each worker."""
        return [f"worker{number}" for number in range(1, self.workers + 1)]

    @property
    def metrics_ports(self) -> Mapping[str, int]:
        """The port of the metrics of the relay, of each worker and of web, by name; empty without metrics."""
        if self.metrics_port is None:
            return {}
        return dict(zip(("relay", *self.worker_names, "web"), count(self.metrics_port), strict=False))

    @property
    def listeners(self) -> Sequence[tuple[str, int, str]]:
        """The address and port of each process that listens, and the option that changes it."""
        metrics = [("127.0.0.1", port, "--metrics-port") for port in self.metrics_ports.values()]
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
    ) -> Program:
        return Program(
            name=name,
            command=command,
            environ=process_environ(process or name, secrets, **own, **_metrics_environ(options, name)),
            log=data_dir.log_file(name),
            user=user,
            orphan_signal=orphan_signal,
            directory=commands.DIRECTORY,
        )

    return ProductPrograms(
        # SIGTERM, so that gunicorn's master has time to stop its own children.
        web=program("web", commands.web(host=options.host, port=options.port), signal.SIGTERM),
        relay=program("relay", commands.relay()),
        sender=program("sender", commands.sender()),
        workers=tuple(
            # Another `mergelane up` on this machine may use the same broker.
            program(name, commands.worker(unique_name(name)), process="worker")
            for name in options.worker_names
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


def _metrics_environ(options: UpOptions, name: str) -> dict[str, str]:
    """Return the variable with the metrics address of the process *name*; one of the environment has no effect.

    Only one process could listen on a common address.
    """
    port = options.metrics_ports.get(name)
    return {"MERGELANE_METRICS_ADDRESS": "" if port is None else f"127.0.0.1:{port}"}
