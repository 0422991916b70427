"""`python -m fuzz`: send hostile requests, run the jobs that they ask for, and tell what was not as it should be."""

import logging
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RLIMIT_AS, setrlimit
from time import monotonic

import click

from chaos.errors import ChaosError
from chaos.house import House, house
from cli.up import commands
from fuzz.product import WORKSPACE, new_key, product
from fuzz.report import markdown, save
from fuzz.run import QUERIES, Result, ask_all, ask_over_sockets, check_log, check_state

RESULTS = Path(__file__).with_name("results")
#: One request in so many goes over a socket, to a front door that really runs.
SOCKETS = 20
#: Requests after which a run tells how far it is.
TELL_EVERY = 5_000
#: Bytes that this process may come to have: a request that takes more is told, before the machine suffers from it.
MEMORY = 4 * 1024**3


@click.command()
@click.option("--requests", "count", default=2_000, show_default=True, help="How many requests are sent.")
@click.option("--seed", default="", help="What they grow from; a random one by default.")
@click.option("--first", default=0, show_default=True, help="The number of the first of them.")
@click.option("--results", default=RESULTS, type=click.Path(path_type=Path), help="Where the report is written.")
def main(*, count: int, seed: str, first: int, results: Path) -> None:
    """Send hostile requests to every endpoint, most of them in this process, the rest as broken HTTP over sockets."""
    # What the product logs about hostile requests is what it should; a run tells what should not be.
    logging.disable(logging.CRITICAL)
    setrlimit(RLIMIT_AS, (MEMORY, MEMORY))
    result = Result(seed=seed or str(secrets.randbelow(10**6)))
    began = monotonic()
    try:
        with _front_door() as home:
            _run(home, result, range(first, first + count))
    except ChaosError as error:
        raise click.ClickException(str(error)) from None
    result.seconds = monotonic() - began
    told = markdown(result)
    click.echo(told)
    click.echo(f"Written to {save(result, told, results)}.", err=True)
    sys.exit(0 if result.clean else 1)


@contextmanager
def _front_door() -> Iterator[House]:
    """Lend a house with servers and a front door that really runs."""
    unlimited = ",".join(
        f"{bucket}=2000000000/1" for bucket in ("users", "track", "export", "rename", "remove", "other")
    )
    with house(settings={"MERGELANE_RATE_LIMITS": unlimited}) as home:
        home.run("web", commands.web(host="127.0.0.1", port=home.port))
        home.wait_for_web()
        yield home


def _run(home: House, result: Result, numbers: range) -> None:
    """Send the requests *numbers*, and look at what they left behind."""
    key = new_key(home.database_url, workspace=WORKSPACE)
    with home.connect() as connection:
        connection.execute(QUERIES["tell_errors"])
    with product(home.database_url) as ours:
        for start in range(numbers.start, numbers.stop, TELL_EVERY):
            some = range(start, min(start + TELL_EVERY, numbers.stop))
            ask_all(ours.door, ours.worker, result, (each for each in some if each % SOCKETS))
            ask_over_sockets(home.port, key, result, (each for each in some if not each % SOCKETS))
            click.echo(f"{result.requests + result.over_sockets} requests, {len(result.found)} found.", err=True)
        home.wait_for_web()
        ours.worker.work()
        with home.connect() as connection:
            check_state(connection, result)
    check_log((home.folder / "postgres.log").read_text(errors="replace"), result)
    if home.processes["web"].starts != 1:
        result.broken.append(f"The front door was started {home.processes['web'].starts} times.")
    if "Traceback" in (home.folder / "web.log").read_text(errors="replace"):
        result.broken.append(f"The front door's log has a traceback; it is kept in {home.keep_logs()}.")


if __name__ == "__main__":
    main(prog_name="python -m fuzz")
