"""`python -m demo.move`: move a generated export of the vendor into a new Mergelane, and check the id map."""

import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import NoReturn

import click

from demo.errors import DemoError
from demo.move.journey import Moved, move
from demo.product import running_product


@click.command()
@click.option("--profiles", type=click.IntRange(1, 1_000_000), default=2_000, show_default=True, help="How many.")
@click.option("--seed", default=1, show_default=True, help="Seed of the random generator.")
def main(profiles: int, seed: int) -> None:
    """Import a generated segment export, merge its duplicates, export, and compare everything with a prediction."""
    signal.signal(signal.SIGTERM, _end)
    try:
        with TemporaryDirectory(prefix="mergelane-move-") as folder, running_product() as client:
            moved = move(client, Path(folder), profiles=profiles, seed=seed, on_step=_print_step)
    except DemoError as error:
        click.echo(f"The move failed. {error}", err=True)
        sys.exit(1)
    click.echo(_table(moved))


def _table(moved: Moved) -> str:
    rows = [f"| {name} | {seconds:.1f} |" for name, seconds in moved.seconds.items()]
    counts = f"{moved.profiles:,} profiles, {moved.merged:,} merged, {moved.survivors:,} left; {moved.ids:,} ids"
    return "\n".join([f"{counts}. All checks passed.", "", "| Step | s |", "|---|---|", *rows])


def _print_step(name: str) -> None:
    click.echo(name, err=True)


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    """Exit on SIGTERM through an exception, so that the servers are stopped."""
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main(prog_name="python -m demo.move")
