"""`python -m chaos.fairness`: does one workspace's backlog keep another's few merges waiting, and for how long.

Ten merges of a small workspace are posted and timed, again and again: first by themselves, then while a great workspace
has hundreds of thousands waiting. Relay and workers are the product's own, with its default settings.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from statistics import median
from time import monotonic

import click

from app import keys
from app.config import Settings
from app.db.connections import Connection
from app.db.queries import load_queries
from chaos.client import Answers, Client
from chaos.errors import ChaosError
from chaos.house import FAST, WORKSPACE, House, house
from cli.database import connected

QUERIES = load_queries("chaos", "fairness.sql")

SMALL = "small"
SMALL_KEY = "key-of-the-small-workspace"
NUMBERS = count(1)
#: Seconds within which ten merges must be done, whatever else is to be done.
LONGEST_S = 300.0
LOOK_S = 0.02
#: The timeouts of a product that runs for real, instead of those by which faults are found within seconds.
USUAL = dict.fromkeys(FAST, "") | {"MERGELANE_LOG_LEVEL": "WARNING"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured."""

    backlog: int
    merges: int
    #: Seconds until the last of the ten was finished, each time they were posted.
    alone_s: Sequence[float]
    beside_s: Sequence[float]
    #: Jobs of the backlog that were finished in a second, meanwhile.
    per_second: float


def measure(*, backlog: int, merges: int, rounds: int, workers: int) -> Figures:
    """Return how long *merges* of a small workspace take by themselves, and beside a *backlog* of another."""
    with house(settings=USUAL) as home:
        home.run_product(workers=workers)
        with connected(Settings(), home.database_url, name="chaos") as connection:
            keys.ensure(connection, key=SMALL_KEY, workspace=SMALL, permissions=["*"])
        with home.connect() as connection, closing(Client(home.base_url, SMALL_KEY, Answers())) as client:
            alone = list(_rounds(home, connection, client, merges=merges, rounds=rounds))
            _make_backlog(connection, backlog)
            home.keeper.wait_until(lambda: _finished(connection) > 0, seconds=LONGEST_S, what="the backlog's first job")
            began, before = monotonic(), _finished(connection)
            beside = list(_rounds(home, connection, client, merges=merges, rounds=rounds))
            per_second = (_finished(connection) - before) / (monotonic() - began)
            if not _waiting(connection):
                raise ChaosError("The backlog was done before the ten were: try again with a longer one.")
    return Figures(backlog=backlog, merges=merges, alone_s=alone, beside_s=beside, per_second=per_second)


def _rounds(home: House, connection: Connection, client: Client, *, merges: int, rounds: int) -> Iterator[float]:
    """Yield the seconds that *merges* took, so many *rounds* of them, one after the other."""
    for _ in range(rounds):
        pairs = [(f"small-{number}", f"small-{number}-kept") for number in (next(NUMBERS) for _ in range(merges))]
        client.post("/users/track", {"attributes": [{"external_id": name} for pair in pairs for name in pair]})
        updates = [
            {"identifier_to_merge": {"external_id": orphan}, "identifier_to_keep": {"external_id": survivor}}
            for orphan, survivor in pairs
        ]
        batch_id = client.accept("/users/merge", {"merge_updates": updates}, status=202)["batch_id"]
        yield _took(home, connection, batch_id)


def _took(home: House, connection: Connection, batch_id: str) -> float:
    """Return how many seconds a batch took, once it is finished."""
    deadline = monotonic() + LONGEST_S
    while monotonic() < deadline:
        row = connection.execute(QUERIES["took"], {"batch_id": batch_id}).fetchone()
        if row is not None:
            return float(row["last_s"])
        home.keeper.pause(LOOK_S)
    raise ChaosError(f"Ten merges were not done after {LONGEST_S:g} s.")


def _make_backlog(connection: Connection, jobs: int) -> None:
    """Write so many jobs, and what they merge, into the great workspace."""
    parameters = {"workspace": WORKSPACE, "jobs": jobs}
    with connection.transaction():
        connection.execute(QUERIES["make_profiles"], parameters)
        connection.execute(QUERIES["make_backlog"], parameters)
    # A backlog grows more slowly in life, and PostgreSQL's own daemon looks at the tables meanwhile.
    connection.execute(QUERIES["look_at_the_tables"])


def _finished(connection: Connection) -> int:
    """Return how many jobs of the great workspace are finished."""
    (row,) = connection.execute(QUERIES["finished"], {"workspace": WORKSPACE}).fetchall()
    finished: int = row["finished"]
    return finished


def _waiting(connection: Connection) -> int:
    """Return how many jobs of the great workspace are not finished."""
    (row,) = connection.execute(QUERIES["finished"], {"workspace": WORKSPACE}).fetchall()
    waiting: int = row["waiting"]
    return waiting


def markdown(figures: Figures) -> str:
    """Return the figures as a table."""
    rows = [
        f"| {what} | {median(seconds):.2f} s | {max(seconds):.2f} s |"
        for what, seconds in (
            ("by themselves", figures.alone_s),
            (f"beside {figures.backlog:,} waiting jobs of another workspace", figures.beside_s),
        )
    ]
    head = [f"| {figures.merges} merges, posted {len(figures.alone_s)} times | median | slowest |", "|---|---|---|"]
    return "\n".join([*head, *rows, "", f"Meanwhile {figures.per_second:,.0f} jobs of the backlog were done a second."])


@click.command()
@click.option("--backlog", default=200_000, show_default=True, help="Jobs that wait in the great workspace.")
@click.option("--merges", default=10, show_default=True, help="Merges that the small workspace posts at once.")
@click.option("--rounds", default=7, show_default=True, help="Times that it does so.")
@click.option("--workers", default=2, show_default=True, help="Worker processes.")
def main(**options: int) -> None:
    """Time a few merges by themselves, and beside another workspace's backlog."""
    try:
        click.echo(markdown(measure(**options)))
    except ChaosError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main(prog_name="python -m chaos.fairness")
