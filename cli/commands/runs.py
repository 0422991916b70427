"""What the commands that run for long have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from cli.bulk.source import Form
from cli.commands.remote import tell

#: What shells call the end by Ctrl-C.
INTERRUPTED = 130

format_option = click.option(
    "--format",
    "form",
    type=click.Choice(Form, case_sensitive=False),
    help="The form of the file, when its name does not tell it.",
)
again_option = click.option(
    "--again", is_flag=True, help="Begin anew: forget what an earlier run left, and overwrite the file it wrote."
)
patience_option = click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="For how long Mergelane may be away before the run gives up.",
)


@contextmanager
def interruptible(output: Path) -> Iterator[None]:
    """Tell, when Ctrl-C ends what is within, how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        tell(f"\nInterrupted. What is settled stands in {output}; run the same command again to go on.")
        raise click.exceptions.Exit(INTERRUPTED) from None
