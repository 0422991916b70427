"""`python -m bench.capacity`: the resources that an installation needs for a load.

The processor time and the WAL of a merge are from bench/results/latest.json, the last whole run of the benchmark, or
from a run on your own machine. The bytes of rows are from the profiles of the benchmark, which a test measures. For
other machines and profiles these are estimates.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import orjson

from bench.documents import RESULTS

#: Bytes on disk, with indexes: of a profile with 16 attributes, a device, a push token and summaries of its history; of
#: a custom event with a short property; and of the job, record, redirect and origin of a merge, until they are pruned.
PROFILE_BYTES, EVENT_BYTES, MERGE_BYTES = 3_400, 175, 6_500
#: The share of a core that may be busy on average: short peaks and the loss of a machine then delay no merges.
BUSY = 0.6
#: Connections of a process: web opens up to MERGELANE_POOL_SIZE, a worker and the sender one or two.
WEB_CONNECTIONS, WORKER_CONNECTIONS, RELAY_CONNECTIONS, SENDER_CONNECTIONS = 8, 1, 12, 2
#: Decimal gigabytes and megabytes.
GB, MB = 10**9, 10**6
MS = 1_000
WORKERS = "workers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The load of an installation."""

    #: Merges per second at the busiest time, and in a day.
    merges_per_second: float
    merges_per_day: float
    profiles: float
    #: Rows of history: events, purchases, sessions and engagements.
    history: float
    #: Days for which jobs and records of merges are kept.
    kept_days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The resources that a load needs."""

    #: Busy cores at the busiest time, by program; `workers` are all workers.
    busy_cores: Mapping[str, float]
    #: Processes at which no worker and no web process is busier than BUSY.
    workers: int
    web_processes: int
    connections: int
    disk_gb: float
    wal_mb_per_second: float

    @property
    def database_cores(self) -> int:
        """Cores of the server of PostgreSQL."""
        return max(2, math.ceil(self.busy_cores["postgres"] / BUSY))


def needed(load: Load, measured: Mapping[str, Any]) -> Capacity:
    """Return the resources for *load*, computed from the results *measured* of a whole run."""
    cost_ms = _cost_by_program(measured["parts"]["throughput"]["contenders"]["mergelane"])
    busy = {name: load.merges_per_second * each / MS for name, each in cost_ms.items()}
    workers = max(1, math.ceil(busy[WORKERS] / BUSY))
    web = max(2, math.ceil(busy["web"] / BUSY))
    kept = load.merges_per_day * load.kept_days * MERGE_BYTES
    return Capacity(
        busy_cores=busy,
        workers=workers,
        web_processes=web,
        connections=web * WEB_CONNECTIONS + workers * WORKER_CONNECTIONS + RELAY_CONNECTIONS + SENDER_CONNECTIONS,
        disk_gb=(load.profiles * PROFILE_BYTES + load.history * EVENT_BYTES + kept) / GB,
        wal_mb_per_second=load.merges_per_second
        * measured["parts"]["counts"]["per_thousand"]["wal_bytes"]
        / 1_000
        / MB,
    )


def _cost_by_program(contender: Mapping[str, Any]) -> dict[str, float]:
    """Return the milliseconds of processor time of a merge by program, with all workers as one program."""
    costs: dict[str, float] = {}
    for name, cost in contender["cpu_ms_per_merge_by_program"].items():
        program = WORKERS if name.startswith("worker") else name
        costs[program] = costs.get(program, 0.0) + cost
    return costs


@click.command()
@click.option("--merges-per-second", type=click.FloatRange(min=0), required=True, help="At the busiest time.")
@click.option("--merges-per-day", type=click.FloatRange(min=0), help="Default: the busiest time for an hour.")
@click.option("--profiles", type=click.FloatRange(min=0), default=1e6, show_default=True)
@click.option("--history", type=click.FloatRange(min=0), default=1e7, show_default=True, help="Events, purchases, …")
@click.option("--kept-days", type=click.FloatRange(min=1), default=90, show_default=True, help="Days of audit.")
@click.option(
    "--results",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=RESULTS / "latest.json",
    help="A run with the parts throughput and counts; default: the last whole run in the repository.",
)
def main(*, merges_per_second: float, merges_per_day: float | None, results: Path, **sizes: float) -> None:
    """Print the cores, processes, connections, disk and WAL that a load needs."""
    load = Load(
        merges_per_second=merges_per_second,
        merges_per_day=merges_per_second * 3_600 if merges_per_day is None else merges_per_day,
        **sizes,
    )
    measured = orjson.loads(results.read_bytes())
    found = needed(load, measured)
    for name, cores in found.busy_cores.items():
        click.echo(f"{name:12} {cores:10.2f} busy cores at the busiest time")
    click.echo(f"{'PostgreSQL':12} {found.database_cores:10} cores of its server, {BUSY:.0%} busy at the busiest time")
    click.echo(f"{'workers':12} {found.workers:10} processes")
    click.echo(f"{'web':12} {found.web_processes:10} processes")
    click.echo(f"{'connections':12} {found.connections:10} of PostgreSQL at most")
    click.echo(f"{'disk':12} {found.disk_gb:10,.0f} GB of tables and indexes")
    click.echo(f"{'WAL':12} {found.wal_mb_per_second:10.1f} MB a second at the busiest time")
    click.echo(f"Measured on {measured['machine']['processor']} with {measured['machine']['cores']} cores.")


if __name__ == "__main__":
    main()
