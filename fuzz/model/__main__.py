"""`python -m fuzz.model`: compare the product with a model of profiles, in random sequences of requests."""

import logging
import secrets
import sys
from time import monotonic

import click
from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis.stateful import run_state_machine_as_test

from chaos.errors import ChaosError
from chaos.installation import running_installation
from fuzz.model.machine import Profiles
from fuzz.model.world import SETTINGS
from fuzz.product import product


@click.command()
@click.option("--examples", default=1_000, show_default=True, help="Number of sequences of requests.")
@click.option("--steps", default=40, show_default=True, help="Steps of each sequence.")
@click.option("--seed", default="", help="Seed of the sequences; default: random.")
def main(*, examples: int, steps: int, seed: str) -> None:
    """Run random sequences of requests in the product and in the model, and compare them step by step."""
    logging.disable(logging.CRITICAL)
    bounds = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        print_blob=False,
        report_multiple_bugs=False,
    )
    seed = seed or str(secrets.randbelow(10**6))
    began = monotonic()
    try:
        with running_installation() as home, product(home.database_url, **SETTINGS) as ours:
            Profiles.product = ours
            machine = seeded(seed)(Profiles)
            run_state_machine_as_test(machine, settings=bounds)
    except ChaosError as error:
        raise click.ClickException(str(error)) from None
    except AssertionError as error:
        notes = "\n".join(getattr(error, "__notes__", ()))
        click.echo(f"\n{notes}\nThe product and the model disagree: {error}", err=True)
        sys.exit(1)
    outcomes = ", ".join(f"{outcome}: {count:,}" for outcome, count in Profiles.outcomes.most_common())
    click.echo(f"{examples} sequences of up to {steps} steps agree, in {monotonic() - began:.0f} s (seed {seed}).")
    click.echo(f"{Profiles.outcomes.total():,} jobs ({outcomes}).")


if __name__ == "__main__":
    main(prog_name="python -m fuzz.model")
