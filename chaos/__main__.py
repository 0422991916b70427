"""`python -m chaos`: run the product under the monkey's hands, audit it, and tell what was found."""

import secrets
import sys
from pathlib import Path

import click

from chaos.driver import PACE
from chaos.errors import ChaosError
from chaos.faults import FAULTS
from chaos.monkey import GAP_S
from chaos.plain_run import PlainResult, run_plain
from chaos.report import markdown, plain_markdown, save
from chaos.run import Options, run

RESULTS = Path(__file__).with_name("results")


@click.command()
@click.option("--minutes", default=1.0, show_default=True, help="How long the monkey strikes.")
@click.option("--seed", default="", help="What the families and the strikes grow from; a random one by default.")
@click.option("--only", default="", help="Strike with these faults alone: their names, separated by commas.")
@click.option("--workers", default=2, show_default=True, help="Worker processes.")
@click.option("--pace", default=PACE, show_default=True, help="Families that are begun in a second.")
@click.option("--gap", default=GAP_S, show_default=True, help="Seconds between two strikes, on average.")
@click.option("--keep-logs", is_flag=True, help="Keep the logs also when nothing was found.")
@click.option("--plain", is_flag=True, help="Run Celery without the ledger instead, and tell what that loses.")
def main(*, minutes: float, seed: str, only: str, plain: bool, keep_logs: bool, **options: float) -> None:
    """Post merges with known sums while everything breaks, then check every sum and every promise."""
    wanted = Options(
        seed=seed or str(secrets.randbelow(10**6)),
        seconds=minutes * 60,
        workers=int(options["workers"]),
        only=_faults(only),
        pace=options["pace"],
        gap_s=options["gap"],
        keep_logs=keep_logs,
    )
    try:
        result = run_plain(wanted, tell=_tell) if plain else run(wanted, tell=_tell)
    except ChaosError as error:
        raise click.ClickException(str(error)) from None
    told = plain_markdown(result) if isinstance(result, PlainResult) else markdown(result)
    click.echo(told)
    _tell(f"Written to {save(result, told, RESULTS)}.")
    sys.exit(0 if isinstance(result, PlainResult) or result.findings.clean else 1)


def _faults(only: str) -> tuple[str, ...]:
    """Return the names in *only*; raises UsageError, naming those that there are, when one is none."""
    names = tuple(name.strip() for name in only.split(",") if name.strip())
    if unknown := [name for name in names if name not in FAULTS]:
        raise click.UsageError(f"There is no fault {', '.join(unknown)}; those that there are: {', '.join(FAULTS)}.")
    return names


def _tell(sentence: str) -> None:
    """Tell what happens meanwhile, apart from the report."""
    click.echo(sentence, err=True)


if __name__ == "__main__":
    main(prog_name="python -m chaos")
