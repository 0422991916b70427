"""requirements.txt has exactly the pins of constraints.txt that the image needs, each with hashes."""

import re
from importlib.metadata import PackageNotFoundError, requires
from itertools import product

import pytest
from packaging.requirements import Requirement

from tests.project.test_dependencies import normalized, pins
from tests.project.tree import pyproject, text_of

#: The platforms and versions of Python that the files must support.
ENVIRONMENTS = [
    {"python_version": ".".join(full.split(".")[:2]), "python_full_version": full, "platform_machine": machine}
    for full, machine in product(["3.11.0", "3.11.9", "3.12.0", "3.13.0"], ["x86_64", "aarch64"])
]
FILES = {
    "requirements.txt": pyproject()["project"]["dependencies"],
    "requirements-build.txt": pyproject()["build-system"]["requires"],
}
PIN = re.compile(r"^([\w.-]+)==(\S+)(?: ; .+?)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


def closure(names: list[str], environment: dict[str, str]) -> set[str]:
    """Return the packages that *names* require on Linux, directly or indirectly. Read the installed metadata."""
    found: set[tuple[str, str]] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        requirement = waiting.pop()
        for extra in ("", *requirement.extras):
            key = (normalized(requirement.name), extra)
            if key in found:
                continue
            found.add(key)
            values = {**environment, "sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
            waiting += [
                each
                for each in further(requirement.name)
                if each.marker is None or each.marker.evaluate({**values, "extra": extra})
            ]
    return {name for name, _ in found}


def further(name: str) -> list[Requirement]:
    """Return the requirements of a package, or none if it is not installed: another version of Python needs it."""
    try:
        return [Requirement(line) for line in requires(name) or ()]
    except PackageNotFoundError:
        return []


def listed(file: str) -> dict[str, str]:
    return {normalized(name): version for name, version, _ in PIN.findall(text_of(file))}


@pytest.mark.parametrize("file", FILES)
def test_each_line_is_a_pin_with_hashes(file: str) -> None:
    rest = PIN.sub("", text_of(file))

    assert listed(file)
    assert [line for line in rest.splitlines() if not line.startswith("# ")] == []


@pytest.mark.parametrize("file", FILES)
def test_the_files_list_exactly_the_required_packages(file: str) -> None:
    needed = set().union(*(closure(FILES[file], environment) for environment in ENVIRONMENTS))

    assert listed(file).keys() == needed


@pytest.mark.parametrize("file", FILES)
def test_the_versions_match_the_constraints(file: str) -> None:
    tested = {name: version.partition(" ")[0] for name, version in pins().items()}

    assert listed(file) == {name: tested[name] for name in listed(file)}


def test_the_image_installs_nothing_without_a_hash() -> None:
    commands = re.findall(r"pip install (.*?)(?:\n[A-Z]|&& /|$)", text_of("Dockerfile"), re.DOTALL)
    options = [set(command.replace("\\\n", " ").split()) for command in commands]

    hashed = {"--require-hashes", "--only-binary"}
    assert len(options) == 3
    assert [words for words in options if not hashed <= words and not {"--no-index", "--no-deps"} <= words] == []


def test_the_image_is_built_from_the_files_with_hashes() -> None:
    allowed = {line.removeprefix("!") for line in text_of(".dockerignore").splitlines() if line.startswith("!")}

    assert set(FILES) <= allowed
    assert "constraints.txt" not in allowed
