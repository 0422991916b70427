"""`python -m demo`: start the product, load made-up people, merge their duplicates, show what became of each."""

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

WHERE_TO_LOOK = """\
The servers were this demonstration's own and are gone again. To keep one running and look around:
  make up                 the same on port 8000, Flower on port 5555, and a curl line to try
  README.md               a first merge by hand, the processes, and what to read next
  docs/compatibility.md   every field, and the rule that merges it"""


@click.command()
@click.option(
    "--people", type=click.IntRange(50, MOST_PEOPLE), default=PEOPLE, show_default=True, help="People to make up."
)
@click.option("--seed", default=SEED, show_default=True, help="The seed they grow from.")
def main(people: int, seed: int) -> None:
    """Start Mergelane in a throwaway home, merge the duplicates of made-up people, show what became of every pair."""
    signal.signal(signal.SIGTERM, _end)
    console, started = report.make_console(), monotonic()
    world = make_world(now=datetime.now(UTC), seed=seed, people=people)
    console.print("Starting Mergelane in a throwaway home: PostgreSQL, Redis, web, relay, two workers, Flower.")
    try:
        with running_product() as client:
            console.print(f"Ready on {client.base_url} after {monotonic() - started:.1f} s.")
            steps.show(client, console, world)
    except DemoError as error:
        console.print(f"The demonstration failed. {error}", style="bold red", markup=False)
        sys.exit(1)
    console.print(f"\nAll as it must be; {monotonic() - started:.0f} s from start to stop.\n")
    console.print(WHERE_TO_LOOK)


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    """End on SIGTERM as on an exception, so that what was started is stopped."""
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main(prog_name="python -m demo")
