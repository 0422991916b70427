"""`python -m chaos`: inject faults while merges run, audit the result, and print a report."""

import secrets
import sys
from dataclasses import replace
from pathlib import Path

import click

from chaos.driver import PACE
from chaos.errors import ChaosError
from chaos.faults import FAULTS
from chaos.monkey import GAP_S
from chaos.plain_run import PlainResult, run_plain
from chaos.report import markdown, plain_markdown, save
from chaos.run import Options, Result, run_chaos
from chaos.scenarios.catalogue import SCENARIOS
from chaos.scenarios.scenario import MissingProgram, NotPossible, is_ci, run_scenario

RESULTS = Path(__file__).with_name("results")


@click.command()
@click.option("--minutes", default=1.0, show_default=True, help="Duration of the faults.")
@click.option("--seed", default="", help="Seed of the families and the faults; default: random.")
@click.option("--only", default="", help="Inject only these faults: names separated by commas.")
@click.option("--scenario", default="", help="Other servers, with faults of their own: names, or all.")
@click.option("--workers", default=2, show_default=True, help="Worker processes.")
@click.option("--pace", default=PACE, show_default=True, help="Families started per second.")
@click.option("--gap", default=GAP_S, show_default=True, help="Average seconds between two faults.")
@click.option("--keep-logs", is_flag=True, help="Keep the logs even without findings.")
@click.option("--plain", is_flag=True, help="Run Celery without the ledger instead, and report its losses.")
def main(
    *, minutes: float, seed: str, only: str, scenario: str, plain: bool, keep_logs: bool, **options: float
) -> None:
    """Post merges with known sums while faults are injected, then check every sum and every guarantee."""
    parameters = Options(
        seed=seed or str(secrets.randbelow(10**6)),
        seconds=minutes * 60,
        workers=int(options["workers"]),
        only=_faults(only),
        pace=options["pace"],
        gap_s=options["gap"],
        keep_logs=keep_logs,
    )
    runs = [replace(parameters, scenario=name) for name in _scenarios(scenario)] or [parameters]
    failures = [(each.scenario or "usual faults", _run(each, plain=plain)) for each in runs]
    # Once more, after all reports: a reader of a long log begins at its end.
    failed = {name: failure for name, failure in failures if failure is not None}
    for name, failure in failed.items():
        _log(f"Failed: {name}. {failure}")
    sys.exit(1 if failed else 0)


def _run(options: Options, *, plain: bool) -> str | None:
    """Run once and print the report; return why it failed, or None.

    None as well when this machine does not allow the scenario, unless CI lacks a program.
    """
    try:
        if plain:
            result: Result | PlainResult = run_plain(options, log=_log)
        elif options.scenario:
            result = run_scenario(SCENARIOS[options.scenario], options, log=_log)
        else:
            result = run_chaos(options, log=_log)
    except NotPossible as error:
        _log(f"Skipped {options.scenario}: {error}")
        return str(error) if is_ci() and isinstance(error, MissingProgram) else None
    except ChaosError as error:
        raise click.ClickException(str(error)) from None
    report = plain_markdown(result) if isinstance(result, PlainResult) else markdown(result)
    click.echo(report)
    _log(f"Report: {save(result, report, RESULTS)}")
    if isinstance(result, PlainResult) or result.findings.clean:
        return None
    found = (*result.findings.lost, *result.findings.doubled, *result.findings.broken)
    return " ".join(found[:3])


def _scenarios(names: str) -> tuple[str, ...]:
    """Return the names in *names*; raise UsageError with the known scenarios when one is unknown."""
    chosen = tuple(SCENARIOS) if names == "all" else tuple(name.strip() for name in names.split(",") if name.strip())
    if unknown := [name for name in chosen if name not in SCENARIOS]:
        raise click.UsageError(f"Unknown scenario: {', '.join(unknown)}. Known scenarios: {', '.join(SCENARIOS)}, all.")
    return chosen


def _faults(only: str) -> tuple[str, ...]:
    """Return the names in *only*; raise UsageError with the known faults when one is unknown."""
    names = tuple(name.strip() for name in only.split(",") if name.strip())
    if unknown := [name for name in names if name not in FAULTS]:
        raise click.UsageError(f"Unknown fault: {', '.join(unknown)}. Known faults: {', '.join(FAULTS)}.")
    return names


def _log(sentence: str) -> None:
    """Print progress on standard error, apart from the report."""
    click.echo(sentence, err=True)


if __name__ == "__main__":
    main(prog_name="python -m chaos")
