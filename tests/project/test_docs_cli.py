"""docs/cli.md lists every command, option, column and exit status that exists, and no other."""

import re
from collections.abc import Iterator

import click
import pytest

from app.text_files.merge_columns import PAIR_COLUMNS
from app.text_files.merge_pairs import RESULT_COLUMNS
from cli.bulk.outputs.outcome_file import DEAD, INVALID
from cli.commands.merge import SOME_DEAD, SOME_INVALID
from cli.commands.options import INTERRUPTED
from cli.commands.profile_import import SOME_REFUSED
from cli.main import main
from schemas.track import ARRAYS
from tests.project.tree import text_of

DOCUMENT = text_of("docs/cli.md")
CLIENTS = (
    "merge",
    "duplicates",
    "profiles",
    "batches",
    "jobs",
    "audit",
    "identities",
    "webhooks",
    "queue",
    "plans",
    "apply",
)


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield the whole name and the command of every command under *group* that is not a group."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(main))


def test_the_page_lists_each_command_and_no_other() -> None:
    told = {
        name
        for cell in re.findall(r"^\| (`mergelane .*?) \|", DOCUMENT, re.MULTILINE)
        for name in re.findall(r"`mergelane ([a-z ]+)`", cell)
    }

    assert told == COMMANDS.keys()


def test_the_page_lists_each_option_of_merge_commands_and_no_other() -> None:
    options = {
        option
        for name, command in COMMANDS.items()
        if name.split()[0] in CLIENTS
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--")
    }

    assert set(re.findall(r"--[a-z][a-z-]+", DOCUMENT)) == options | {"--help"}


def test_the_page_lists_each_column() -> None:
    assert [name for name in (*PAIR_COLUMNS, *RESULT_COLUMNS) if f"`{name}`" not in DOCUMENT] == []
    assert f"`{DEAD}`" in DOCUMENT
    assert f"`{INVALID}`" in DOCUMENT
    assert [name for name in ARRAYS if f"`{name}`" not in DOCUMENT] == []


def test_the_page_and_the_help_list_each_exit_status() -> None:
    told = {int(status) for status in re.findall(r"^\| (\d+) \|", DOCUMENT, re.MULTILINE)}
    helped = set(map(int, re.findall(r"\d+", (COMMANDS["merge"].help or "").partition("Exit status:")[2])))

    assert told == {0, 1, 2, SOME_DEAD, SOME_INVALID, INTERRUPTED}
    assert helped == told - {2}
    assert f"Exit status {SOME_REFUSED} means" in DOCUMENT


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_help_text(name: str) -> None:
    mute = [
        parameter.name
        for parameter in COMMANDS[name].params
        if isinstance(parameter, click.Option) and not parameter.help
    ]

    assert mute == []
    assert COMMANDS[name].help
