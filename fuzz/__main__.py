"""`python -m fuzz`: send hostile requests, run the jobs that they create, and report every fault."""

import logging
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from resource import RLIMIT_AS, setrlimit
from time import monotonic

import click

from chaos.errors import ChaosError
from chaos.installation import Installation, running_installation
from cli.up import commands
from fuzz.described import make_described
from fuzz.product import WORKSPACE, new_key, product
from fuzz.report import markdown, save
from fuzz.run import QUERIES, Result, ask_all, ask_described, ask_over_sockets, check_log, check_state

RESULTS = Path(__file__).with_name("results")
#: Every SOCKETS-th request goes over a socket to a real web server.
SOCKETS = 20
#: Requests between two lines of progress.
PROGRESS_EVERY = 5_000
#: Memory limit of this process in bytes: a request that needs more fails and is reported.
MEMORY = 4 * 1024**3


@click.command()
@click.option("--requests", "count", default=2_000, show_default=True, help="Number of requests.")
@click.option("--described", default=0, show_default=True, help="Number of further requests by the OpenAPI document.")
@click.option("--seed", default="", help="Seed of the requests; default: random.")
@click.option("--first", default=0, show_default=True, help="Number of the first request.")
@click.option("--results", default=RESULTS, type=click.Path(path_type=Path), help="Folder for the report.")
def main(*, count: int, described: int, seed: str, first: int, results: Path) -> None:
    """Send hostile requests to every endpoint: most within this process, some as broken HTTP over sockets."""
    # The product's log entries about hostile requests are expected; the report contains the faults.
    logging.disable(logging.CRITICAL)
    setrlimit(RLIMIT_AS, (MEMORY, MEMORY))
    result = Result(seed=seed or str(secrets.randbelow(10**6)))
    began = monotonic()
    try:
        with _installation() as home:
            _run(home, result, range(first, first + count), described)
    except ChaosError as error:
        raise click.ClickException(str(error)) from None
    result.seconds = monotonic() - began
    report = markdown(result)
    click.echo(report)
    click.echo(f"Report: {save(result, report, results)}", err=True)
    sys.exit(0 if result.clean else 1)


@contextmanager
def _installation() -> Iterator[Installation]:
    """Yield an installation with a real web server and high rate limits."""
    unlimited = ",".join(
        f"{bucket}=2000000000/1" for bucket in ("users", "track", "export", "rename", "remove", "other")
    )
    with running_installation(settings={"MERGELANE_RATE_LIMITS": unlimited}) as home:
        home.run("web", commands.web(host="127.0.0.1", port=home.port))
        home.wait_for_web()
        yield home


def _run(home: Installation, result: Result, numbers: range, described: int) -> None:
    """Send the requests *numbers* and those by the document, and check the tables and logs."""
    key = new_key(home.database_url, workspace=WORKSPACE)
    with home.connect() as connection:
        connection.execute(QUERIES["log_errors"])
    with product(home.database_url) as ours:
        for start in range(numbers.start, numbers.stop, PROGRESS_EVERY):
            some = range(start, min(start + PROGRESS_EVERY, numbers.stop))
            ask_all(ours.application, ours.worker, result, (each for each in some if each % SOCKETS))
            ask_over_sockets(home.port, key, result, (each for each in some if not each % SOCKETS))
            click.echo(f"{result.requests + result.over_sockets} requests, {len(result.found)} with faults.", err=True)
        further = make_described(result.seed, described)
        while chunk := list(islice(further, PROGRESS_EVERY)):
            ask_described(ours.application, ours.worker, result, chunk)
            click.echo(f"{result.described} by the document, {len(result.found)} with faults.", err=True)
        home.wait_for_web()
        ours.worker.work()
        with home.connect() as connection:
            check_state(connection, result)
    check_log((home.folder / "postgres.log").read_text(errors="replace"), result)
    if home.processes["web"].starts != 1:
        result.broken.append(f"The web server was started {home.processes['web'].starts} times instead of once.")
    if "Traceback" in (home.folder / "web.log").read_text(errors="replace"):
        result.broken.append(f"The web server's log contains a traceback; the logs are in {home.keep_logs()}.")


if __name__ == "__main__":
    main(prog_name="python -m fuzz")
