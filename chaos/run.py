"""One run: a house, a driver and a monkey of the same seed, then rest, then the audit."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psycopg
import redis

from chaos.audit import Findings, audit, messages, unsettled
from chaos.driver import PACE, Driver, FrontDoor
from chaos.house import House, house
from chaos.monkey import GAP_S, Strike, plans, strike_all
from chaos.recovery import Recovery, recoveries

#: Seconds within which everything must have come to rest once nothing is struck any more.
REST_S = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a run is made of."""

    seed: str
    seconds: float
    workers: int = 2
    #: The faults to strike with; all of them when empty.
    only: Sequence[str] = ()
    pace: float = PACE
    #: Seconds between two strikes, on average.
    gap_s: float = GAP_S
    #: Whether to keep the logs of a run that has nothing to tell.
    keep_logs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run came to."""

    options: Options
    strikes: Sequence[Strike]
    recoveries: Mapping[str, Recovery]
    findings: Findings
    answers: Mapping[str, int]
    starts: Mapping[str, int]
    #: Families of which nobody could tell whether they were written.
    uncertain: int
    #: Seconds from the last strike until everything had come to rest.
    rest_s: float


def run(options: Options, *, tell: Callable[[str], None]) -> Result:
    """Run the product under the monkey's hands and return what the auditor found."""
    with house() as home:
        home.run_product(workers=options.workers)
        driver = Driver(home, FrontDoor(home), seed=options.seed, pace=options.pace)
        driver.prepare()
        planned = plans(options.seed, seconds=options.seconds, gap_s=options.gap_s, only=options.only)
        tell(f"{len(planned)} strikes in {options.seconds:g} s; the logs are in {home.folder}.")
        driver.start()
        strikes = strike_all(home, planned, seed=options.seed, seconds=options.seconds)
        home.make_whole()
        home.wait_for_web()
        driver.finish()
        tell(f"{sum(each.jobs for each in driver.promises.batches)} jobs were accepted; waiting for the last of them.")
        rest_s, restless = come_to_rest(home)
        with home.connect() as connection:
            findings = audit(connection, driver.promises)
            times = recoveries(connection, strikes)
        findings.broken.extend([*restless, *dict.fromkeys(driver.answers.faults)])
        if options.keep_logs or not findings.clean:
            tell(f"The logs are kept in {home.keep_logs()}.")
        return Result(
            options=options,
            strikes=strikes,
            recoveries=times,
            findings=findings,
            answers=dict(driver.answers.by_status),
            starts={name: kept.starts for name, kept in home.processes.items()},
            uncertain=driver.promises.uncertain,
            rest_s=rest_s,
        )


def come_to_rest(home: House) -> tuple[float, list[str]]:
    """Wait until no job and no message is left; return how long it took, and what is left when it took too long."""
    began = time.monotonic()
    while time.monotonic() - began < REST_S:
        jobs, waiting = _left(home)
        if jobs == waiting == 0:
            return time.monotonic() - began, []
        home.keeper.pause(0.1)
    jobs, waiting = _left(home)
    return REST_S, [f"{jobs} jobs and {waiting} messages are left {REST_S:g} s after the last strike."]


def _left(home: House) -> tuple[int, int]:
    """Return how many jobs and messages are left."""
    try:
        with home.connect() as connection, home.redis_client() as client:
            return unsettled(connection), messages(client)
    except (psycopg.OperationalError, redis.RedisError):
        return 1, 1
