"""`mergelane doctor`: print the findings about an installation."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.commands.options import home_option, json_option
from cli.commands.output import print_json
from cli.doctor.findings import Finding, Level
from cli.up.data_dir import DataDir
from schemas.text import replace_controls

if TYPE_CHECKING:
    from app.config import Settings

COLORS = {Level.WRONG: "red", Level.NOTICE: "yellow", Level.FINE: "green"}


@click.command()
@click.option(
    "--data", is_flag=True, help="Check the stored identifiers of all workspaces instead. Reads every profile."
)
@json_option
@home_option
@click.pass_context
def doctor(ctx: click.Context, *, data: bool, as_json: bool, home: Path) -> None:
    """Check the installation and report problems.

    Checks the settings in this environment, PostgreSQL and its schema, the broker, the relay, the workers, Flower and
    the jobs, and prints a remedy for each problem. Changes nothing. The exit status is 1 if a finding is `wrong`;
    a `notice` does not count.

    With --data, reports identifiers that were stored before requests refused them, and profiles whose addresses
    compare in another way than before, with counts and examples by braze_id.
    """
    settings = _find_settings(home)
    # Imports Celery, whose application reads the settings too, and would end this process if they cannot be read.
    from cli.doctor.data import run_data_checks
    from cli.doctor.examination import is_healthy, run_checks

    findings = run_data_checks(settings) if data else run_checks(settings)
    healthy = is_healthy(findings)
    if as_json:
        print_json({"healthy": healthy, "findings": [finding.to_json() for finding in findings]})
    else:
        _print_findings(findings)
    ctx.exit(0 if healthy else 1)


def _find_settings(home: Path) -> "Settings":
    """Return the settings; URLs that are not set come from the `mergelane up` that runs on *home*."""
    from app.config import Settings
    from app.setting_sources import PG_VARIABLES_ONLY

    settings, data_dir = Settings.from_environ(), DataDir(home)
    running = data_dir.database_url() if settings.database_url in {"", PG_VARIABLES_ONLY} else None
    return dataclasses.replace(
        settings,
        database_url=running or settings.database_url,
        broker_url=settings.broker_url or data_dir.broker_url() or "",
    )


def _print_findings(findings: Sequence[Finding]) -> None:
    """Print *findings*, the worst last: the end of the output is what a terminal shows."""
    for level in reversed(Level):
        for finding in findings:
            if finding.level == level:
                sentence = replace_controls(f"{finding.check}: {finding.sentence}")
                click.echo(f"{click.style(f'{level:<7}', fg=COLORS[level])} {sentence}")
                if finding.remedy:
                    click.echo(f"        → {replace_controls(finding.remedy)}")
    counts = {level: sum(finding.level == level for finding in findings) for level in Level}
    click.echo(f"\n{counts[Level.WRONG]} wrong, {counts[Level.NOTICE]} notices, {counts[Level.FINE]} fine.")
