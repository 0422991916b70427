"""The Kubernetes objects of deploy/: from the files of the Kustomize base, and as Helm renders them."""

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.project.tree import ROOT
from tests.support.missing import missing

BASE = ROOT / "deploy" / "kubernetes" / "base"
KEDA = ROOT / "deploy" / "kubernetes" / "keda"
#: The pod for commands, which is no part of the base.
COMMANDS = ROOT / "deploy" / "kubernetes" / "cli"
CHART = ROOT / "deploy" / "helm" / "mergelane"
#: Where .ci/run installs Helm's library for Python, for machines without the program.
HELM_LIBRARY = ROOT / "build" / "helm"
RENDER = """
import json, sys
from helm_python import Chart, lint

with Chart.load(sys.argv[1]) as chart:
    manifests = chart.render(json.loads(sys.argv[2]), name="mergelane", namespace="merge")
faults = [each for each in lint(sys.argv[1])["messages"] if each["severity"] > 1]
print(json.dumps({"text": "\\n---\\n".join(manifests.values()), "faults": faults}))
"""

Object = dict[str, Any]
#: Objects by kind and name.
Objects = dict[tuple[str, str], Object]


def by_name(text: str) -> Objects:
    """Return the objects of a stream of YAML documents."""
    objects = [each for each in yaml.safe_load_all(text) if each]
    named = {(each["kind"], each["metadata"]["name"]): each for each in objects}
    assert len(named) == len(objects)
    return named


def resources(folder: Path) -> Objects:
    """Return the objects in the files that the kustomization in *folder* lists."""
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    files = [folder / name for name in listed if name.endswith(".yaml")]
    return by_name("\n---\n".join(file.read_text() for file in files))


def kustomized(folder: Path) -> Objects:
    """Return the objects that Kustomize builds from *folder*. Skip the test if it is not installed."""
    commands = [command for command in (["kustomize", "build"], ["kubectl", "kustomize"]) if shutil.which(command[0])]
    if not commands:
        pytest.skip("Kustomize is not available: neither `kustomize` nor `kubectl` is installed")
    done = subprocess.run([*commands[0], folder], capture_output=True, text=True, check=True)
    return by_name(done.stdout)


def rendered(values: dict[str, Any]) -> Objects:
    """Return the objects that Helm renders with *values*. Skip the test if it is not installed."""
    return by_name(_render(json.dumps(values)))


@cache
def _render(values: str) -> str:
    if shutil.which("helm"):
        subprocess.run(["helm", "lint", "--quiet", CHART], check=True)
        command = ["helm", "template", "mergelane", CHART, "--namespace", "merge", "--values", "-"]
        return subprocess.run(command, input=values, capture_output=True, text=True, check=True).stdout
    if not HELM_LIBRARY.exists():
        missing("Helm", FileNotFoundError(f"neither the program `helm` nor {HELM_LIBRARY} with helm-python-sdk"))
    environ = {**os.environ, "PYTHONPATH": str(HELM_LIBRARY)}
    command = [sys.executable, "-c", RENDER, str(CHART), values]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=60)
    answer = json.loads(done.stdout)
    assert answer["faults"] == []
    text: str = answer["text"]
    return text
