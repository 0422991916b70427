"""Runs `mergelane` in a separate process, as a user does."""

import subprocess
import sys

from app.environment import child_environ
from cli.up.commands import DIRECTORY
from demo.client import Client
from demo.errors import DemoError


def run_command(client: Client, *words: object) -> str:
    """Run `mergelane` with *words* in the workspace of *client*; return what it prints on standard output.

    Raises DemoError unless its exit status is 0.
    """
    command = [sys.executable, "-m", "cli", *map(str, words)]
    environ = child_environ(MERGELANE_URL=client.base_url, MERGELANE_API_KEY=client.key, PYTHONPATH=str(DIRECTORY))
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        message = f"'mergelane {' '.join(command[3:])}' exited with status {done.returncode}:"
        raise DemoError(f"{message}\n{done.stdout}{done.stderr}")
    return done.stdout
