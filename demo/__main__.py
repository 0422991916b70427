"""`python -m demo`: start everything, create profiles, merge the duplicates, print each outcome."""

import signal
import sys
from datetime import UTC, datetime
from time import monotonic
from types import FrameType
from typing import NoReturn

import click

from demo import report, steps
from demo.errors import DemoError
from demo.people import MOST_PEOPLE
from demo.product import running_product
from demo.world import PEOPLE, SEED, make_world

NEXT_STEPS = """\
The demo stopped its servers and removed their data. Next steps:
  make up                 start a server that keeps running on port 8000, with Flower on port 5555
  README.md               a first merge by hand, the processes, and what to read next
  docs/compatibility.md   every field, and the rule that merges it"""


@click.command()
@click.option(
    "--people",
    type=click.IntRange(50, MOST_PEOPLE),
    default=PEOPLE,
    show_default=True,
    help="Fictional people to create.",
)
@click.option("--seed", default=SEED, show_default=True, help="Seed of the random generator.")
def main(people: int, seed: int) -> None:
    """Start Mergelane in a temporary folder, merge the duplicates of fictional people, print every outcome."""
    signal.signal(signal.SIGTERM, _end)
    console, started = report.make_console(), monotonic()
    world = make_world(now=datetime.now(UTC), seed=seed, people=people)
    console.print("Starting PostgreSQL, Redis, web, relay, two workers and Flower in a temporary folder.")
    try:
        with running_product() as client:
            console.print(f"Ready on {client.base_url} after {monotonic() - started:.1f} s.")
            steps.run_demo(client, console, world)
    except DemoError as error:
        console.print(f"The demo failed. {error}", style="bold red", markup=False)
        sys.exit(1)
    console.print(f"\nAll checks passed. The demo took {monotonic() - started:.0f} s.\n")
    console.print(NEXT_STEPS)


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    """Exit on SIGTERM through an exception, so that the servers are stopped."""
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main(prog_name="python -m demo")
