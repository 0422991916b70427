"""The group of all commands, and how their errors are told."""

import logging
from typing import Any

import click

from app.errors import MergelaneError
from cli.commands.audit import audit
from cli.commands.batches import batches
from cli.commands.doctor import doctor
from cli.commands.duplicates import duplicates
from cli.commands.jobs import jobs
from cli.commands.keys import keys
from cli.commands.limits import limits
from cli.commands.merge import merge
from cli.commands.migrate import migrate
from cli.commands.profiles import profiles
from cli.commands.up import up
from cli.commands.webhooks import webhooks


class Commands(click.Group):
    """A group whose commands tell an error of ours as one sentence, not as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except MergelaneError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mergelane", prog_name="mergelane")
def main() -> None:
    """Merge duplicate customer profiles, and tell what became of every pair.

    `mergelane up` runs the whole product on this machine.

    merge, duplicates, profiles, batches, jobs, audit and webhooks ask the Mergelane at MERGELANE_URL with the key in
    MERGELANE_API_KEY, as any client does; docs/cli.md tells more. The commands of operators work on the database in
    DATABASE_URL or, when that is not set, on that of the `mergelane up` which is running; so does jobs where there is
    no key.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")


main.add_command(up)
main.add_command(migrate)
main.add_command(keys)
main.add_command(limits)
main.add_command(merge)
main.add_command(duplicates)
main.add_command(profiles)
main.add_command(batches)
main.add_command(jobs)
main.add_command(webhooks)
main.add_command(audit)
main.add_command(doctor)
