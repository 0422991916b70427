"""CONTRIBUTING.md names paths and make targets that exist; hooks, workflow and issue forms are valid."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.project.test_documents import targets
from tests.project.tree import ROOT, text_of

GUIDE = text_of("CONTRIBUTING.md")
FOLDERS = (
    *("schemas", "app", "workers", "cli", "tests", "bench", "chaos", "fuzz", "demo", "monitoring", "docs"),
    *(".ci", ".github"),
)
PATH = re.compile(rf"(?<![\w./-])((?:{'|'.join(map(re.escape, FOLDERS))})(?:/[\w.-]+)*)(?![\w/-])")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
#: Small packages without a row of their own.
SMALL = {"rates"}
HOOKS = {
    hook["id"]: hook for repo in yaml.safe_load(text_of(".pre-commit-config.yaml"))["repos"] for hook in repo["hooks"]
}
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))


def code() -> str:
    """Return the code of CONTRIBUTING.md: its blocks and its inline code."""
    return " ".join(CODE.findall(GUIDE))


def test_every_path_exists() -> None:
    named = {*PATH.findall(code()), *re.findall(r"`(\.?[\w-]+\.(?:md|yaml|toml))`", GUIDE)}

    assert len(named) > len(FOLDERS)
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def test_every_make_target_exists() -> None:
    named = set(re.findall(r"\bmake ([a-z-]+)", code()))

    assert named
    assert named - targets() == set()


def test_every_package_is_listed() -> None:
    packages = {path.parent.name for path in (ROOT / "app").glob("*/__init__.py")} - SMALL

    assert sorted(name for name in packages if f"| `app/{name}` |" not in GUIDE) == []


def test_the_hooks_run_the_programs_of_make_check() -> None:
    programs = {hook["entry"].split()[0] for hook in HOOKS.values()}
    check = text_of("Makefile").partition("\ncheck:")[2].partition("\n\n")[0]

    assert programs == {f".venv/bin/{name}" for name in ("ruff", "mypy", "lint-imports", "python")}
    assert [name for name in programs if f"$(BIN)/{name.removeprefix('.venv/bin/')}" not in check] == []
    assert {hook["language"] for hook in HOOKS.values()} == {"system"}


def test_the_tests_that_hooks_run_exist() -> None:
    named = {path for hook in HOOKS.values() for path in re.findall(r"tests/\S+\.py", hook["entry"])}

    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_the_workflow_calls_the_script_of_ci() -> None:
    (job,) = yaml.safe_load(text_of(".github/workflows/ci.yml"))["jobs"].values()
    versions = [step["with"]["python-version"] for step in job["steps"] if "setup-python" in step.get("uses", "")]

    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert versions == ["3.11"]
    assert job["env"]["CI"] == "true"
    assert job["timeout-minutes"] == 90


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_is_valid(path: Path) -> None:
    form: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    inputs = [each for each in form["body"] if each["type"] != "markdown"]

    assert form["name"]
    assert form["description"]
    assert {each["type"] for each in inputs} <= {"input", "textarea", "dropdown", "checkboxes"}
    assert len({each["id"] for each in inputs}) == len(inputs)
    assert all(each["attributes"]["label"] for each in inputs)


def test_there_are_three_issue_forms() -> None:
    assert [path.stem for path in FORMS] == ["bug", "feature", "wrong_merge"]
