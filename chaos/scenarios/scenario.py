"""A scenario: an installation on servers of one kind, and the faults that it must survive."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from random import Random
from threading import Event
from time import monotonic

import psycopg

from app.environment import child_environ
from chaos.audit import unsettled
from chaos.errors import ChaosError
from chaos.faults import Fault
from chaos.installation import Installation, running_installation
from chaos.monkey import Strike, strike_once
from chaos.recovery import count_unfinished
from chaos.run import REST_S, Options, Result, run_under_load

#: Folders of programs of the system that the PATH of a user may lack.
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/lib/rabbitmq/bin")
#: Seconds within which the driver must have posted a merge.
BUSY_S = 60.0


class NotPossible(ChaosError):
    """This machine does not allow a scenario."""


class MissingProgram(NotPossible):
    """This machine lacks a program of a scenario. In CI this is an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scenario: its name, its description, the class of its installation, and its faults in their order."""

    name: str
    prose: str
    build: Callable[..., Installation] = Installation
    faults: Sequence[Fault] = ()
    #: Runs a scenario that does more than inject faults in turn.
    run: Callable[..., Result] | None = None
    #: Raises NotPossible unless this machine can run it.
    require: Callable[[], None] = lambda: None


def find_program(name: str, package: str) -> str:
    """Return the path of a program; raise MissingProgram with the Debian *package* when there is none."""
    found = shutil.which(name) or shutil.which(name, path=":".join(SYSTEM_FOLDERS))
    if found is None:
        raise MissingProgram(f"{name} is not installed. On Debian: apt-get install --no-install-recommends {package}")
    return found


def is_ci() -> bool:
    """Return whether this is CI, where every program must be installed."""
    return bool(child_environ().get("CI"))


def run_scenario(scenario: Scenario, options: Options, *, log: Callable[[str], None]) -> Result:
    """Inject the faults of *scenario* in turn while merges are posted, each at least once, and audit the result.

    Raises NotPossible when this machine cannot run it.
    """
    scenario.require()
    if scenario.run is not None:
        return scenario.run(options, log=log)
    with running_installation(build=scenario.build) as home:
        home.run_product(workers=options.workers)
        log(f"{scenario.name}: {len(scenario.faults)} faults in turn; the logs are in {home.folder}.")
        return run_under_load(home, options, strike=lambda: _strike_in_turn(home, scenario, options), log=log)


def _strike_in_turn(home: Installation, scenario: Scenario, options: Options) -> list[Strike]:
    """Inject all faults once, and again until the time is over. The product must recover before the next one.

    Raises ChaosError when it does not recover.
    """
    strikes: list[Strike] = []
    begun, over = monotonic(), Event()
    while len(strikes) < len(scenario.faults) or monotonic() - begun < options.seconds:
        fault = scenario.faults[len(strikes) % len(scenario.faults)]
        home.keeper.wait_until(lambda: _is_busy(home), seconds=BUSY_S, what="a merge to be in progress")
        strike = strike_once(home, fault, Random(f"{options.seed} {len(strikes)}"), over)
        strikes.append(strike)
        home.wait_for_web()
        what = f"the jobs that were in progress at {fault.name}"
        home.keeper.wait_until(partial(_has_recovered, home, strike), seconds=REST_S, what=what)
        home.keeper.pause(options.gap_s)
    return strikes


def _has_recovered(home: Installation, strike: Strike) -> bool:
    with suppress(psycopg.OperationalError), home.connect() as connection:
        return count_unfinished(connection, strike) == 0
    return False


def _is_busy(home: Installation) -> bool:
    with suppress(psycopg.OperationalError), home.connect() as connection:
        return unsettled(connection) > 0
    return False
