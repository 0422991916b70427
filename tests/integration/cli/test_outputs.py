"""Outputs are opened once and never overwrite the input. An output that fails ends a command with one sentence."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from cli.main import main
from tests.support.processes import Process
from tests.support.stage import Answer, Stage

PAIRS = "merge_external_id,keep_external_id\na,b\n"
NOWHERE = "http://127.0.0.1:1"
PAGE: Answer = (200, {}, b'{"profiles": [{"external_id": "ada", "first_name": "Ada"}], "next_cursor": null}')


def run(*words: object, url: str = NOWHERE) -> Result:
    """Run `mergelane` in this process."""
    environ = {"MERGELANE_API_KEY": "a-key", "MERGELANE_URL": url}
    result = CliRunner(env=environ).invoke(main, [str(word) for word in words])
    assert isinstance(result.exception, SystemExit | None), repr(result.exception)
    return result


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A merge file of one pair, which is also an import file of JSON Lines with one bad line."""
    path = tmp_path / "pairs.csv"
    path.write_text(PAIRS, encoding="utf-8")
    return path


COMMANDS: list[tuple[tuple[str, ...], str]] = [
    (("merge", "{input}", "--outcomes", "{output}"), "out.csv"),
    (("merge", "{input}", "--dry-run", "--outcomes", "{output}"), "out.csv"),
    (("profiles", "import", "{input}", "--format", "jsonl", "--report", "{output}"), "out.jsonl"),
    (("profiles", "export", "{output}"), "out.csv"),
    (("audit", "export", "{output}"), "out.csv"),
    (("duplicates", "preview", "--csv", "{output}"), "out.csv"),
]


@pytest.mark.parametrize(("command", "name"), COMMANDS)
@pytest.mark.parametrize("folder", ["missing", "file"])
def test_an_output_that_cannot_be_opened_ends_in_one_sentence(
    pairs: Path, tmp_path: Path, stage: Callable[..., Stage], command: tuple[str, ...], name: str, folder: str
) -> None:
    (tmp_path / "file").touch()
    output = tmp_path / folder / name
    result = run(*(word.format(input=pairs, output=output) for word in command), url=stage(PAGE).url)

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert str(output.parent) in result.stderr
    assert pairs.read_text(encoding="utf-8") == PAIRS


@pytest.mark.parametrize("way", ["same", "link", "hard link", "state"])
@pytest.mark.parametrize(
    "command",
    [("merge", "--outcomes"), ("profiles", "import", "--as", "attributes", "--report")],
    ids=["merge", "import"],
)
def test_the_input_file_is_never_the_output(pairs: Path, command: tuple[str, ...], way: str) -> None:
    output = pairs.with_name("other.csv")
    if way == "same":
        output = pairs
    elif way == "link":
        output.symlink_to(pairs)
    elif way == "hard link":
        output.hardlink_to(pairs)
    else:
        pairs = pairs.rename(output.with_name("other.csv.state"))
    *words, option = command
    content = PAIRS if "merge" in command else "external_id\nada\n"
    pairs.write_text(content, encoding="utf-8")
    for again in ([], ["--again"]):
        result = run(*words, "--format", "csv", pairs, option, output, *again)

        assert result.exit_code == 1
        assert "is the input file, or its checkpoint would be. Name another output file." in result.stderr
        assert pairs.read_text(encoding="utf-8") == content


@pytest.mark.parametrize(
    "command",
    [("profiles", "export", "-"), ("jobs", "list"), ("merge", "{input}", "--outcomes", "-"), ("--help",)],
    ids=lambda command: command[0],
)
def test_a_full_standard_output_ends_in_one_sentence(
    pairs: Path, stage: Callable[..., Stage], command: tuple[str, ...]
) -> None:
    job = b'{"jobs": [], "next_cursor": null}'
    server = stage(PAGE if "export" in command else (200, {}, job))
    environ = {**os.environ, "MERGELANE_API_KEY": "a-key", "MERGELANE_URL": server.url}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cli", *(word.format(input=pairs) for word in command)],
            env=environ,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr.decode().count("\n") == 1
    assert "cannot be written: No space left on device." in done.stderr.decode()


def test_ctrl_c_ends_a_command_that_waits_for_its_input_with_one_sentence(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    environ = {"MERGELANE_API_KEY": "a-key", "MERGELANE_URL": NOWHERE}
    command = Process.of(
        "mergelane", [sys.executable, "-m", "cli", "merge", str(pipe)], folder=tmp_path, environ=environ
    ).start()
    with pipe.open("wb") as writer:
        # More than the pipe takes: the command is reading when this has been written.
        writer.write(b"x" * 200_000)
        writer.flush()
        command.send(signal.SIGINT)

        assert command.ended(seconds=20) == 130
    assert "Traceback" not in command.log
    assert "Interrupted." in command.log


def test_the_reader_of_the_output_may_end_before_the_command(pairs: Path, stage: Callable[..., Stage]) -> None:
    environ = {**os.environ, "MERGELANE_API_KEY": "a-key", "MERGELANE_URL": stage(PAGE).url}
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "cli", "merge", str(pairs), "--outcomes", "/dev/stdout"],
        env=environ,
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (1, b"")


def test_a_command_needs_no_output(stage: Callable[..., Stage]) -> None:
    server = stage((200, {}, b'{"jobs": [], "next_cursor": null}'))
    environ = {**os.environ, "MERGELANE_API_KEY": "a-key", "MERGELANE_URL": server.url}
    command = f"{sys.executable} -m cli jobs list >&- 2>&-"
    done = subprocess.run(["/bin/sh", "-c", command], env=environ, check=False)

    assert done.returncode == 0


def test_a_file_is_not_imported_twice_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    path.write_text('{"external_id": "a"}\n', encoding="utf-8")
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        result = run("profiles", "import", path, "--report", tmp_path / "second.jsonl")

    assert (result.exit_code, result.stderr) == (1, f"Error: Another process imports {path}. Wait until it ends.\n")


def test_a_name_that_a_terminal_cannot_show_is_replaced(stage: Callable[..., Stage]) -> None:
    job = {
        "index": 0,
        "job_id": "1",
        "state": "finished",
        "outcome": "merged",
        "reason": None,
        "identifier_to_merge": {"external_id": "Łukasz"},
        "identifier_to_keep": {"external_id": "x\x1b[2J"},
    }
    page = orjson.dumps({"jobs": [job], "next_cursor": None})
    server = stage((200, {}, page), (200, {}, page))
    environ = {
        **os.environ, "MERGELANE_API_KEY": "a-key", "MERGELANE_URL": server.url, "PYTHONIOENCODING": "latin-1",
    }  # fmt: skip
    shown = [
        subprocess.run(
            [sys.executable, "-m", "cli", "jobs", "list", *words], env=environ, capture_output=True, check=False
        )
        for words in ([], ["--json"])
    ]

    assert [(each.returncode, each.stderr) for each in shown] == [(0, b"")] * 2
    assert b"?ukasz" in shown[0].stdout
    assert b"\x1b" not in shown[0].stdout
    assert rb"\u0141ukasz" in shown[1].stdout
