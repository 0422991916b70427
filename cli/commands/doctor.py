"""`mergelane doctor`: tell what is wrong with a set-up."""

import dataclasses
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click
import orjson

from app.config import Settings
from cli.commands.options import home_option
from cli.doctor.findings import Finding, Level
from cli.up.home import Home

COLORS = {Level.WRONG: "red", Level.NOTICE: "yellow", Level.FINE: "green"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Tell it as JSON, for programs.")
@home_option
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool, home: Path) -> None:
    """Tell what is wrong with a set-up, with the way out of each thing.

    Looks at the settings in this environment, at PostgreSQL and its schema, at the broker, at relay, workers and
    Flower, and at the jobs. Changes nothing. The exit status is 1 when something is wrong; what one should merely know
    of does not count.
    """
    settings = _settings(home)
    # Imported now and not before: it brings Celery, whose application reads the settings as soon as it is imported, and
    # which no other command should have to wait for.
    examination = import_module("cli.doctor.examination")
    findings: list[Finding] = examination.examine(settings)
    healthy: bool = examination.is_healthy(findings)
    if as_json:
        told = {"healthy": healthy, "findings": [finding.to_json() for finding in findings]}
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
    else:
        _tell(findings)
    ctx.exit(0 if healthy else 1)


def _settings(home: Path) -> Settings:
    """Return the settings; where no servers are set, with those of the `mergelane up` that runs on *home*."""
    settings, running = Settings.from_environ(), Home(home)
    return dataclasses.replace(
        settings,
        database_url=settings.database_url or running.database_url() or "",
        broker_url=settings.broker_url or running.broker_url() or "",
    )


def _tell(findings: Sequence[Finding]) -> None:
    """Print *findings* for people, the gravest last, where the eye is."""
    for level in reversed(Level):
        for finding in findings:
            if finding.level == level:
                click.echo(f"{click.style(f'{level:<7}', fg=COLORS[level])} {finding.check}: {finding.sentence}")
                if finding.way_out:
                    click.echo(f"        → {finding.way_out}")
    counts = {level: sum(finding.level == level for finding in findings) for level in Level}
    click.echo(f"\n{counts[Level.WRONG]} wrong, {counts[Level.NOTICE]} to know of, {counts[Level.FINE]} fine.")
