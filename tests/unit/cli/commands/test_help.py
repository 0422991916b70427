"""Every command has help, and printing it imports no heavy library."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from cli.commands.up import default_workers
from cli.main import SUMMARIES, main
from cli.up.commands import DIRECTORY

#: Libraries and packages that take long to import.
HEAVY = (
    "alembic",
    "app.config",
    "app.db",
    "app.ledger",
    "celery",
    "cli.doctor.examination",
    "flask",
    "gunicorn",
    "kombu",
    "limits",
    "psutil",
    "psycopg",
    "redis",
    "requests",
    "sqlalchemy",
    "tenacity",
    "tornado",
    "werkzeug",
)
CONTEXT = click.Context(main)


def subcommands(name: str) -> list[list[str]]:
    """Return the arguments of the command *name* and of each of its subcommands."""
    command = main.get_command(CONTEXT, name)
    return [[name], *([name, each] for each in getattr(command, "commands", ()))]


EVERY_COMMAND = [[], *(arguments for name in SUMMARIES for arguments in subcommands(name))]


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=" ".join)
def test_every_command_and_every_option_has_a_help_text(command: list[str]) -> None:
    answer = CliRunner().invoke(main, [*command, "--help"])
    lines = answer.stdout.split("Options:\n")[1].split("Commands:\n")[0].splitlines()
    first_lines = [line.strip() for line in lines if line.startswith("  -")]

    assert answer.exit_code == 0
    # The text of an option is beside it or, if the option is long, on the next line.
    assert all("  " in line or lines[lines.index(f"  {line}") + 1].startswith("    ") for line in first_lines)


@pytest.mark.parametrize("name", SUMMARIES)
def test_the_summary_of_a_command_is_the_first_sentence_of_its_help(name: str) -> None:
    command = main.get_command(CONTEXT, name)

    assert command is not None
    assert (command.help or "").split("\n\n")[0].replace("\n", " ") == SUMMARIES[name]


def test_an_unknown_command_is_refused() -> None:
    assert "No such command 'marge'" in CliRunner().invoke(main, ["marge"]).stderr


@pytest.mark.parametrize("arguments", [[], *([name] for name in SUMMARIES), ["jobs", "show"], ["profiles", "import"]])
def test_help_imports_no_heavy_library(arguments: list[str]) -> None:
    code = (
        "import sys; from cli.main import main\n"
        f"main([*{arguments}, '--help'], standalone_mode=False)\n"
        f"print(*sorted(set({HEAVY}) & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=DIRECTORY, check=True, capture_output=True, text=True)

    assert done.stdout.startswith("Usage: ")
    assert done.stderr.split() == []


def test_up_has_a_worker_for_each_core_and_at_least_two(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    for cores in (None, 1, 2, 8):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        counts.append(default_workers())

    assert counts == [2, 2, 2, 8]


@pytest.mark.parametrize("option", [["--port", "0"], ["--flower-port", "70000"], ["--workers", "0"]])
def test_a_number_out_of_range_is_refused(option: list[str]) -> None:
    assert CliRunner().invoke(main, ["up", *option]).exit_code == 2
