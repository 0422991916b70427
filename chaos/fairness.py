"""`python -m chaos.fairness`: measure how long one workspace's backlog delays another workspace's merges.

Posts ten merges of a small workspace several times and measures them: first alone, then while a large workspace has
hundreds of thousands of waiting jobs. Relay and workers run with their default settings.
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
from app.db.connections import Connection
from app.db.queries import load_queries
from chaos.client import Answers, Client
from chaos.errors import ChaosError
from chaos.installation import FAST, WORKSPACE, Installation, running_installation
from cli.database import connected

QUERIES = load_queries("chaos", "fairness.sql")

SMALL = "small"
SMALL_KEY = "key-of-the-small-workspace"
NUMBERS = count(1)
#: Maximum seconds for ten merges, with any backlog.
LONGEST_S = 300.0
LOOK_S = 0.02
#: The default timeouts, instead of the short ones of the chaos tests.
USUAL = dict.fromkeys(FAST, "") | {"MERGELANE_LOG_LEVEL": "WARNING"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The measured figures."""

    backlog: int
    merges: int
    #: Seconds until the last of the merges was finished, for each round.
    alone_s: Sequence[float]
    beside_s: Sequence[float]
    #: Finished jobs of the backlog per second during the merges.
    per_second: float


def measure(*, backlog: int, merges: int, rounds: int, workers: int) -> Figures:
    """Measure *merges* of a small workspace alone, and beside a *backlog* of another workspace."""
    with running_installation(settings=USUAL) as home:
        home.run_product(workers=workers)
        with connected(home.command_settings, home.database_url, name="chaos") as connection:
            keys.ensure_key(connection, key=SMALL_KEY, workspace=SMALL, permissions=["*"])
        with home.connect() as connection, closing(Client(home.base_url, SMALL_KEY, Answers())) as client:
            alone = list(_rounds(home, connection, client, merges=merges, rounds=rounds))
            _make_backlog(connection, backlog)
            home.keeper.wait_until(lambda: _finished(connection) > 0, seconds=LONGEST_S, what="the backlog's first job")
            began, before = monotonic(), _finished(connection)
            beside = list(_rounds(home, connection, client, merges=merges, rounds=rounds))
            per_second = (_finished(connection) - before) / (monotonic() - began)
            if not _waiting(connection):
                raise ChaosError("The backlog was finished before the merges. Try again with a larger --backlog.")
    return Figures(backlog=backlog, merges=merges, alone_s=alone, beside_s=beside, per_second=per_second)


def _rounds(home: Installation, connection: Connection, client: Client, *, merges: int, rounds: int) -> Iterator[float]:
    """Yield the seconds that *merges* took, once for each of *rounds*."""
    for _ in range(rounds):
        pairs = [(f"small-{number}", f"small-{number}-kept") for number in (next(NUMBERS) for _ in range(merges))]
        client.post("/users/track", {"attributes": [{"external_id": name} for pair in pairs for name in pair]})
        updates = [
            {"identifier_to_merge": {"external_id": orphan}, "identifier_to_keep": {"external_id": survivor}}
            for orphan, survivor in pairs
        ]
        batch_id = client.accept("/users/merge", {"merge_updates": updates}, status=202)["batch_id"]
        yield _took(home, connection, batch_id)


def _took(home: Installation, connection: Connection, batch_id: str) -> float:
    """Wait until a batch is finished and return its duration in seconds."""
    deadline = monotonic() + LONGEST_S
    while monotonic() < deadline:
        row = connection.execute(QUERIES["took"], {"batch_id": batch_id}).fetchone()
        if row is not None:
            return float(row["last_s"])
        home.keeper.pause(LOOK_S)
    raise ChaosError(f"Ten merges were not finished after {LONGEST_S:g} s.")


def _make_backlog(connection: Connection, jobs: int) -> None:
    """Write *jobs* jobs and their profiles into the large workspace."""
    parameters = {"workspace": WORKSPACE, "jobs": jobs}
    with connection.transaction():
        connection.execute(QUERIES["make_profiles"], parameters)
        connection.execute(QUERIES["make_backlog"], parameters)
    # In production a backlog grows more slowly, and autovacuum analyzes the tables meanwhile.
    connection.execute(QUERIES["analyze_tables"])


def _finished(connection: Connection) -> int:
    """Return the number of finished jobs of the large workspace."""
    (row,) = connection.execute(QUERIES["finished"], {"workspace": WORKSPACE}).fetchall()
    finished: int = row["finished"]
    return finished


def _waiting(connection: Connection) -> int:
    """Return the number of unfinished jobs of the large workspace."""
    (row,) = connection.execute(QUERIES["finished"], {"workspace": WORKSPACE}).fetchall()
    waiting: int = row["waiting"]
    return waiting


def markdown(figures: Figures) -> str:
    """Return the figures as a table."""
    rows = [
        f"| {what} | {median(seconds):.2f} s | {max(seconds):.2f} s |"
        for what, seconds in (
            ("alone", figures.alone_s),
            (f"beside {figures.backlog:,} waiting jobs of another workspace", figures.beside_s),
        )
    ]
    head = [f"| {figures.merges} merges, posted {len(figures.alone_s)} times | median | slowest |", "|---|---|---|"]
    return "\n".join(
        [*head, *rows, "", f"Meanwhile {figures.per_second:,.0f} jobs of the backlog were finished per second."]
    )


@click.command()
@click.option("--backlog", default=200_000, show_default=True, help="Waiting jobs of the large workspace.")
@click.option("--merges", default=10, show_default=True, help="Merges in one request of the small workspace.")
@click.option("--rounds", default=7, show_default=True, help="Number of requests.")
@click.option("--workers", default=2, show_default=True, help="Worker processes.")
def main(**options: int) -> None:
    """Measure a few merges alone, and beside another workspace's backlog."""
    try:
        click.echo(markdown(measure(**options)))
    except ChaosError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main(prog_name="python -m chaos.fairness")
