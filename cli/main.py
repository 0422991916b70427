"""Entry point of `mergelane`: the group of all commands, each imported only when it runs."""

import errno
import logging
import os
import re
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from io import StringIO, TextIOWrapper
from typing import Any

import click

from app.errors import MergelaneError
from schemas.text import replace_controls

#: The summary of each command. It repeats the first sentence of the command's help, so that `mergelane --help` imports
#: no command; a test compares the two.
SUMMARIES: Mapping[str, str] = {
    "apply": "Apply a plan of merges, or the lines of it that a person has reviewed.",
    "audit": "List or export the audit log.",
    "batches": "List, show, cancel and undo batches.",
    "doctor": "Check the installation and report problems.",
    "duplicates": "Find profiles that share an email address or phone number, and merge them by a rule.",
    "identities": "Export the identity feed, and the survivors of all ids.",
    "jobs": "List, show, retry, cancel and undo jobs.",
    "keys": "Create, list, find and revoke API keys.",
    "limits": "Show and change the rate limits of a workspace.",
    "merge": "Merge the pairs of FILE and write the outcome of each to an outcome file.",
    "migrate": "Upgrade the database schema.",
    "plans": "List, show and discard plans of merges.",
    "profiles": "Show, report, import and export profiles.",
    "queue": "Show, pause, resume and limit the queue of a workspace.",
    "runs": "List, show, cancel, resume and undo runs.",
    "up": "Run the whole product on this machine until Ctrl-C.",
    "webhooks": "Manage webhooks: URLs that Mergelane calls when a batch finishes or profiles are merged.",
    "workspaces": "List workspaces and move them between cells.",
}
#: Bytes of an argument that are not UTF-8 arrive as lone surrogates.
UNFIT = re.compile("[\0\ud800-\udfff]")
#: Maximum characters of an argument that an error message shows.
MAX_SHOWN = 100


class LazyGroup(click.Group):
    """Imports `cli.commands.NAME` when the command NAME runs, and prints errors of Mergelane as one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        del ctx
        return list(SUMMARIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None when there is no command with this name."""
        del ctx
        if cmd_name not in SUMMARIES:
            return None
        command: click.Command = getattr(import_module(f"cli.commands.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse arguments of any command that no database, file or request can hold."""
        for number, argument in enumerate(args, start=1):
            if UNFIT.search(argument):
                raise click.UsageError(
                    f"Argument {number} ({replace_controls(argument)[:MAX_SHOWN]}) is not text in UTF-8 without NUL.",
                    ctx,
                )
        return super().parse_args(ctx, args)

    def main(self, *args: Any, **given: Any) -> Any:
        """Run `mergelane`; a character that the terminal cannot show is replaced.

        An error of the system, such as a full disk behind standard output, becomes a message and exit status 1.
        """
        # Python sets a stream that the caller has closed to None.
        sys.stdout = sys.stdout or StringIO()
        sys.stderr = sys.stderr or StringIO()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="replace")
        try:
            try:
                return super().main(*args, **given)
            except SystemExit as ended:
                if ended.code:
                    _flush_or_close_stdout()
                raise
            finally:
                sys.stdout.flush()
        except OSError as error:
            _close_stdout()
            # Without a message when the reader of the output has ended, as `head` does.
            if error.errno != errno.EPIPE:
                reason = error.strerror or type(error).__name__
                sentence = f"{error.filename} cannot be used" if error.filename else "The output cannot be written"
                click.echo(replace_controls(f"Error: {sentence}: {reason}."), err=True)
            sys.exit(1)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error of Mergelane becomes a message and exit status 1, Ctrl-C one and status 130."""
        try:
            return super().invoke(ctx)
        except MergelaneError as error:
            raise click.ClickException(replace_controls(str(error))) from None
        except KeyboardInterrupt:
            # From now on a further Ctrl-C ends the process at once.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            from cli.commands.options import INTERRUPTED  # noqa: PLC0415 - `--help` must stay fast

            click.echo("\nInterrupted. Run the same command again.", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None


def _flush_or_close_stdout() -> None:
    """Write the rest of the output. The command has reported its error: a full disk needs no second message."""
    try:
        sys.stdout.flush()
    except OSError:
        _close_stdout()


def _close_stdout() -> None:
    """Close standard output, whose buffer could fail once more when the process ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mergelane", prog_name="mergelane")
def main() -> None:
    """Merge duplicate customer profiles: run the server, or use its API.

    `mergelane up` runs the whole product on this machine.

    apply, audit, batches, duplicates, identities, jobs, merge, plans, profiles, queue, runs and webhooks send requests
    to the API at MERGELANE_URL with the key in MERGELANE_API_KEY (see docs/cli.md). doctor, keys, limits, migrate
    and workspaces use the database in DATABASE_URL or, when it is not set, the database of a running `mergelane up`.
    jobs and queue can use it too.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
