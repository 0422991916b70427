"""Clients generated from `/openapi.json`, in Python and TypeScript: each is complete, and merges a pair."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Client
from tests.support.public_clients import E2E, install_npm

#: Seconds for one command.
COMMAND = 120
PAIR = ("ann-2", "ann")
#: The generator cannot encode a body of lines: its clients send the bytes unchanged.
OVERRIDES = "content_type_overrides:\n" + "".join(
    f"  {media}: application/octet-stream\n"
    for media in ("application/x-ndjson", "application/jsonl", "application/json-lines")
)


@pytest.fixture
def description(client: Client, tmp_path: Path) -> Path:
    """The OpenAPI document of the running server, in its own folder. The workspace has two profiles to merge."""
    client.track(attributes=[{"external_id": external_id} for external_id in PAIR])
    path = tmp_path / "openapi.json"
    path.write_bytes(client.get("/openapi.json").content)
    return path


def run(command: Sequence[str | Path], folder: Path, **environ: str) -> str:
    """Return what *command* prints. If it fails, fail the test with its output."""
    done = subprocess.run(
        [str(each) for each in command],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=COMMAND,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_merged(batch: dict[str, Any]) -> None:
    """Assert that *batch*, which a client read, is the finished merge of the pair."""
    (job,) = batch["jobs"]

    assert (batch["state"], batch["counts"], job["outcome"]) == ("finished", {"merged": 1}, "merged")
    assert job["identifier_to_merge"] == {"external_id": PAIR[0]}


def test_a_generated_python_client_merges_a_pair(client: Client, description: Path) -> None:
    folder = description.parent
    generate = (sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning")
    # The generator formats its output with ruff, which it looks up on the path.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    (folder / "generator.yaml").write_text(OVERRIDES, encoding="utf-8")
    run(
        (
            *generate,
            "--config",
            folder / "generator.yaml",
            "--path",
            description,
            "--output-path",
            folder / "mergelane_client",
        ),
        folder,
        PATH=path,
    )
    driver = E2E / "python" / "merge_generated.py"

    assert_merged(json.loads(run((sys.executable, driver, client.base_url, client.key, *PAIR), folder, PYTHONPATH=".")))


def test_generated_typescript_types_merge_a_pair(client: Client, description: Path) -> None:
    folder = description.parent
    install_npm("typescript", ("merge.ts", "tsconfig.json"), folder)
    programs = folder / "node_modules" / ".bin"
    run((programs / "openapi-typescript", description, "--output", "schema.d.ts"), folder)
    run((programs / "tsc", "--project", "."), folder)

    assert_merged(json.loads(run(("node", "merge.js", client.base_url, client.key, *PAIR), folder)))
