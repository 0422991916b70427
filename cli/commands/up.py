"""`mergelane up`: the whole product on this machine."""

import os
from pathlib import Path

import click

from cli.commands.options import home_option
from cli.commands.output import print_status

PORT = click.IntRange(1, 65535)
FEWEST_WORKERS = 2
MAX_WORKERS = 1_000


def default_workers() -> int:
    """Return one worker per core and at least two, so that a long lane does not block all others."""
    return max(FEWEST_WORKERS, os.cpu_count() or FEWEST_WORKERS)


@click.command()
@home_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address on which the API listens.")
@click.option("--port", type=PORT, default=8000, show_default=True, help="The port of the API.")
@click.option("--flower-port", type=PORT, default=5555, show_default=True, help="The port of Flower, on 127.0.0.1.")
@click.option(
    "--metrics-port",
    type=PORT,
    help="The port of the relay's metrics, on 127.0.0.1; the workers use the next ports.",
    show_default="no metrics of relay and workers",
)
@click.option(
    "--workers",
    type=click.IntRange(1, MAX_WORKERS),
    default=default_workers,
    show_default="one per core, at least 2",
    help="The number of worker processes.",
)
def up(*, home: Path, host: str, port: int, flower_port: int, metrics_port: int | None, workers: int) -> None:
    """Run the whole product on this machine until Ctrl-C.

    Starts an embedded PostgreSQL and an embedded Redis, upgrades the schema, and keeps the API, the relay, the sender,
    the workers and Flower running. The data stays in the home folder. If DATABASE_URL or BROKER_URL is set, that server
    is used instead of the embedded one. MERGELANE_DEV_API_KEY, if set, becomes a key with all permissions in the
    workspace "default".
    """
    from app.config import Settings
    from cli.up.programs import UpOptions
    from cli.up.run import ProductRun

    options = UpOptions(
        home=home, host=host, port=port, flower_port=flower_port, metrics_port=metrics_port, workers=workers
    )
    ProductRun(options, Settings.from_environ(), announce=click.echo, report=print_status).run()
