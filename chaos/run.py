"""One run: driver and monkey work on an installation, then all jobs end, then the audit."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from chaos.audit import Findings, audit, unsettled
from chaos.driver import PACE, Driver, MergeApi
from chaos.installation import BROKER_ERRORS, Installation, running_installation
from chaos.monkey import GAP_S, Strike, plans, strike_all
from chaos.recovery import Recovery, recoveries
from chaos.steering import Steering
from chaos.steering_audit import audit_steering, groups_of, read_steered_jobs

#: Maximum seconds from the last strike until all jobs have ended.
REST_S = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The parameters of a run."""

    seed: str
    seconds: float
    workers: int = 2
    #: The faults to inject; all of them when empty.
    only: Sequence[str] = ()
    pace: float = PACE
    #: Average seconds between two strikes.
    gap_s: float = GAP_S
    #: Whether to keep the logs of a run without findings.
    keep_logs: bool = False
    #: The scenario of chaos/scenarios; empty for the faults of chaos/faults.py.
    scenario: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a run."""

    options: Options
    strikes: Sequence[Strike]
    recoveries: Mapping[str, Recovery]
    findings: Findings
    answers: Mapping[str, int]
    starts: Mapping[str, int]
    #: Families whose write got no response.
    uncertain: int
    #: Seconds from the last strike until all jobs had ended.
    rest_s: float
    #: Stories of operators by name, and the outcomes of the jobs that they steered.
    stories: Mapping[str, int] = field(default_factory=dict)
    steered: Mapping[str, int] = field(default_factory=dict)


def run_chaos(options: Options, *, log: Callable[[str], None]) -> Result:
    """Run the product while faults are injected, and audit it."""
    with running_installation() as home:
        home.run_product(workers=options.workers)
        planned = plans(options.seed, seconds=options.seconds, gap_s=options.gap_s, only=options.only)
        log(f"{len(planned)} strikes in {options.seconds:g} s; the logs are in {home.folder}.")
        return run_under_load(
            home,
            options,
            strike=lambda: strike_all(home, planned, seed=options.seed, seconds=options.seconds),
            log=log,
        )


def run_under_load(
    home: Installation, options: Options, *, strike: Callable[[], list[Strike]], log: Callable[[str], None]
) -> Result:
    """Post merges while *strike* injects faults, repair everything, wait until all jobs have ended, and audit."""
    driver = Driver(home, MergeApi(home), seed=options.seed, pace=options.pace)
    steering = Steering(home, driver.promises, driver.answers, seed=options.seed)
    driver.prepare()
    driver.start()
    try:
        steering.start()
        strikes = strike()
        home.make_whole()
        home.wait_for_web()
        steering.finish()
        driver.finish()
    except BaseException:
        driver.abandon()
        steering.abandon()
        raise
    log(f"{sum(each.jobs for each in driver.promises.batches)} jobs were accepted; waiting until all have ended.")
    rest_s, restless = come_to_rest(home)
    with home.connect_for_audit() as connection:
        steered = read_steered_jobs(connection)
        findings = audit(connection, driver.promises, steered=groups_of(steered, driver.promises.steered))
        audit_steering(connection, steered, driver.promises, findings)
        times = recoveries(connection, strikes)
    findings.broken.extend([*restless, *dict.fromkeys(driver.answers.faults)])
    if options.keep_logs or not findings.clean:
        log(f"The logs are in {home.keep_logs()}.")
    return Result(
        options=options,
        strikes=strikes,
        recoveries=times,
        findings=findings,
        stories=dict(steering.finished_stories),
        steered=dict(Counter(str(row["outcome"]) for row in steered)),
        answers=dict(driver.answers.by_status),
        starts={name: kept.starts for name, kept in home.processes.items()},
        uncertain=driver.promises.uncertain,
        rest_s=rest_s,
    )


def come_to_rest(home: Installation) -> tuple[float, list[str]]:
    """Wait until no job and no message is left; return the seconds, and an error after REST_S."""
    began = time.monotonic()
    while time.monotonic() - began < REST_S:
        jobs, waiting = _left(home)
        if jobs == waiting == 0:
            return time.monotonic() - began, []
        home.keeper.pause(0.1)
    jobs, waiting = _left(home)
    return REST_S, [f"{jobs} jobs and {waiting} messages are left {REST_S:g} s after the last strike."]


def _left(home: Installation) -> tuple[int, int]:
    """Return the numbers of unfinished jobs and of messages."""
    try:
        with home.connect() as connection:
            return unsettled(connection), home.count_messages()
    except (psycopg.OperationalError, *BROKER_ERRORS):
        return 1, 1
