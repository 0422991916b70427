"""The command line tells how to use it."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from cli.commands.up import default_workers
from cli.main import main
from cli.up.commands import DIRECTORY


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["up"],
        ["migrate"],
        ["keys"],
        ["keys", "create"],
        ["keys", "list"],
        ["keys", "revoke"],
        ["jobs"],
        ["jobs", "list"],
        ["jobs", "show"],
        ["jobs", "retry"],
        ["merge"],
        ["profiles"],
        ["profiles", "import"],
        ["profiles", "export"],
        ["profiles", "show"],
        ["batches"],
        ["batches", "list"],
        ["batches", "show"],
        ["duplicates"],
        *(["duplicates", command] for command in ("policy", "preview", "run", "runs", "show", "cancel")),
        ["limits"],
        ["limits", "show"],
        ["limits", "set"],
        ["limits", "unset"],
    ],
)
def test_every_command_and_every_option_has_a_help_text(command: list[str]) -> None:
    answer = CliRunner().invoke(main, [*command, "--help"])
    lines = answer.stdout.split("Options:\n")[1].split("Commands:\n")[0].splitlines()
    first_lines = [line.strip() for line in lines if line.startswith("  -")]

    assert answer.exit_code == 0
    # An option's text stands beside it or, when the option is long, on the next line.
    assert all("  " in line or lines[lines.index(f"  {line}") + 1].startswith("    ") for line in first_lines)


def test_up_has_a_worker_for_each_core_and_at_least_two(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    for cores in (None, 1, 2, 8):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        counts.append(default_workers())

    assert counts == [2, 2, 2, 8]


@pytest.mark.parametrize("option", [["--port", "0"], ["--flower-port", "70000"], ["--workers", "0"]])
def test_a_number_out_of_range_is_refused(option: list[str]) -> None:
    assert CliRunner().invoke(main, ["up", *option]).exit_code == 2


def test_the_command_line_does_not_load_flask() -> None:
    code = "import sys, cli.main; sys.exit('flask' in sys.modules or 'werkzeug' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=DIRECTORY, check=False).returncode == 0
