"""`mergelane up`: the whole product on this machine."""

import os
from pathlib import Path

import click

from app.config import Settings
from cli.commands.options import home_option
from cli.up.programs import Options
from cli.up.run import Up

PORT = click.IntRange(1, 65535)
FEWEST_WORKERS = 2


def default_workers() -> int:
    """Return a worker for each core, and at least two: one alone would leave the other to wait."""
    return max(FEWEST_WORKERS, os.cpu_count() or FEWEST_WORKERS)


@click.command()
@home_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the API listens.")
@click.option("--port", type=PORT, default=8000, show_default=True, help="The API's port.")
@click.option("--flower-port", type=PORT, default=5555, show_default=True, help="Flower's port, on this machine alone.")
@click.option(
    "--metrics-port",
    type=PORT,
    help="Where the relay shows its metrics, on this machine alone, and the workers at the ports after it.",
    show_default="they show none",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=default_workers,
    show_default="one for each core, at least 2",
    help="How many worker processes to run.",
)
def up(*, home: Path, host: str, port: int, flower_port: int, metrics_port: int | None, workers: int) -> None:
    """Run the whole product on this machine, until Ctrl-C.

    Starts an embedded PostgreSQL and an embedded Redis, brings the schema up to date, and keeps the API, the relay,
    the workers and Flower running. The data stays in the home folder. With DATABASE_URL or BROKER_URL set, that server
    is used and none of its kind is started. MERGELANE_DEV_API_KEY, when set, is a key with all permissions in the
    workspace "default".
    """
    options = Options(
        home=home, host=host, port=port, flower_port=flower_port, metrics_port=metrics_port, workers=workers
    )
    Up(options, Settings.from_environ(), announce=click.echo, tell=_tell).run()


def _tell(sentence: str) -> None:
    """Tell the operator what happens, apart from what was asked for."""
    click.echo(sentence, err=True)
