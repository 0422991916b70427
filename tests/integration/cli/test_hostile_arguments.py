"""Every argument and option of every command refuses hostile values with one sentence, and never with a traceback."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
import pytest
from click.testing import CliRunner, Result

from cli.main import SUMMARIES, main
from tests.support.system import System

#: Bytes of argv that are not UTF-8 arrive as lone surrogates.
UNDECODABLE = "\udcff\udcfe"
HOSTILE = (
    "",
    " ",
    "a\x00b",
    UNDECODABLE,
    "\u2028\x85\x1b[31m",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999-23:59",
    "2026-01-01T00:00:00+99:99",
    "9" * 5_000,
    "-1",
    "1e400",
    "nan",
    "999999999999999999999h",
    "99999999999999999999/99999999999999999999",
    "../" * 2_000,
    "http://a..b/",
    "http://[::1",
    "http://x:999999",
)
#: The commands at which the options of many commands are tried.
COMMON = {
    "url": {"audit list", "audit export", "merge"},
    "key_file": {"audit list", "jobs show"},
    "home": {"keys list", "jobs show", "doctor", "migrate"},
    "patience": {"merge", "profiles export"},
    "limit": {"audit list", "profiles history"},
}
#: Exit status of success, failure and wrong usage, and of a file with refused lines.
STATUSES = (0, 1, 2, 4)

Words = list[str]


def leaves(command: click.Command, words: Words) -> Iterator[tuple[Words, click.Command]]:
    """Yield each command that is not a group, with its words."""
    if not isinstance(command, click.Group):
        yield words, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from leaves(inner, [*words, name])


COMMANDS = {" ".join(words): (words, command) for words, command in leaves(main, [])}


def parameters(command: click.Command) -> list[click.Parameter]:
    """Return the parameters of *command* that take a value."""
    return [each for each in command.params if not getattr(each, "is_flag", False)]


def sound(parameter: click.Parameter, folder: Path) -> str:
    """Return a valid value for *parameter*."""
    match parameter.type:
        case click.Choice(choices=choices):
            return str(getattr(choices[0], "value", choices[0]))
        case click.Path(exists=True):
            (folder / "pairs.jsonl").write_text("{}\n", encoding="utf-8")
            return str(folder / "pairs.jsonl")
        case click.Path():
            return str(folder / "out.jsonl")
        case click.types.UUIDParameterType():
            return str(uuid4())
        case _:
            return {"limit": "5/60", "address": "https://example.com/", "permissions": "users.merge"}.get(
                str(parameter.name), "x"
            )


def words_with(command: click.Command, hostile: click.Parameter, value: str, folder: Path) -> Words:
    """Return the arguments that *command* requires, with *value* for the parameter *hostile*."""
    found: Words = []
    for each in parameters(command):
        if each is hostile or each.required:
            given = value if each is hostile else sound(each, folder)
            found += [each.opts[0], given] if isinstance(each, click.Option) else [given]
    return found


def fault_of(result: Result) -> str | None:
    """Return the fault of *result*, or None if it is a success or a refusal with one sentence."""
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return f"raised {result.exception!r:.300}"
    if result.exit_code not in STATUSES or "Traceback" in result.output:
        return f"exit status {result.exit_code}: {result.output:.300}"
    if result.exit_code in (1, 2):
        if result.exit_code == 1 and result.stdout and not result.stderr:  # the report of the doctor
            return None
        before, _, sentence = result.stderr.rpartition("Error: ")
        if "Error: " in before or len(sentence.strip().splitlines()) != 1 or " " not in sentence:
            return f"no single sentence: {result.stderr:.300}"
    return None


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port in use."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_hostile_values_are_refused_with_one_sentence(
    name: str, running_system: System, taken_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words, command = COMMANDS[name]
    environ: dict[str, Any] = {
        "MERGELANE_URL": running_system.base_url,
        "MERGELANE_API_KEY": running_system.new_client().key,
        "DATABASE_URL": running_system.database_url,
    }
    # `up` must not start: each port but the hostile one is taken.
    ports = ["--port", str(taken_port), "--flower-port", str(taken_port)] if name == "up" else []
    faults = {}
    for parameter in (each for each in parameters(command) if name in COMMON.get(str(each.name), {name})):
        for value in HOSTILE:
            # The folder of `up` is written to; that of the others is read when no DATABASE_URL is set.
            database = None if parameter.name == "home" else environ["DATABASE_URL"]
            given = [*words, *ports, *words_with(command, parameter, value, tmp_path)]
            result = CliRunner(env={**environ, "DATABASE_URL": database}).invoke(main, given)
            if fault := fault_of(result):
                faults[parameter.name, value[:30]] = fault

    assert faults == {}


def test_every_command_is_tried() -> None:
    assert {words[0] for words, _ in COMMANDS.values()} == SUMMARIES.keys()
    assert len(COMMANDS) > 25
