"""Pages of lists on the command line."""

from typing import Any

import click

from schemas.jobs import DEFAULT_LIMIT, MAX_LIMIT

limit_option = click.option(
    "--limit",
    type=click.IntRange(1, MAX_LIMIT),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="How many are shown.",
)
cursor_option = click.option("--cursor", help="Where the page before ended, as it said itself.")


def tell_next(page: dict[str, Any]) -> None:
    """Tell how to see the page after *page*, when there is one."""
    if page["next_cursor"] is not None:
        click.echo(f"There are more: --cursor {page['next_cursor']}", err=True)
