"""Every required package is used, bounded, pinned and explained."""

import ast
import re
import sys
from importlib.metadata import distribution, packages_distributions

import pytest

from tests.project.tree import PACKAGES, ROOT, parsed, pyproject, text_of

# Used without being imported: run by their commands.
NEVER_IMPORTED = {"flower", "gunicorn"}


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def named(requirements: list[str]) -> set[str]:
    return {normalized(re.split(r"[^\w.-]", requirement, maxsplit=1)[0]) for requirement in requirements}


def declared() -> dict[str, list[str]]:
    """Return the requirements of the project by extra. "" has the requirements without an extra."""
    project = pyproject()["project"]
    return {"": project["dependencies"], **project["optional-dependencies"]}


def everything() -> set[str]:
    return set().union(*map(named, declared().values()))


def imported(*folders: str) -> set[str]:
    """Return the distributions that the modules in *folders* import."""
    names, modules = set(), set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
                modules.add(node.module)
    owners = packages_distributions()
    foreign = names - set(PACKAGES) - {"bench", "chaos", "demo", "fuzz", "tests"} - sys.stdlib_module_names
    shared = {name for name in foreign if len(set(owners.get(name, ()))) > 1}
    return {normalized(owner) for name in foreign - shared for owner in owners.get(name, [name])} | {
        normalized(owner)
        for module in modules
        for owner in set(owners.get(module.partition(".")[0], ()))
        if module.partition(".")[0] in shared and holds(owner, module)
    }


def holds(owner: str, module: str) -> bool:
    """Return whether the distribution *owner* has *module*, if several distributions share one package."""
    path = module.replace(".", "/")
    return any(str(file) in {f"{path}.py", f"{path}/__init__.py"} for file in distribution(owner).files or ())


def pins() -> dict[str, str]:
    lines = [line for line in text_of("constraints.txt").splitlines() if line and not line.startswith("#")]
    return {normalized(name): version for name, version in (line.split("==") for line in lines)}


def test_every_import_of_the_packages_is_declared() -> None:
    assert (
        imported(*PACKAGES) - named(declared()[""]) - named(declared()["otel"]) - named(declared()["parquet"]) == set()
    )


def test_every_import_of_the_tests_and_the_demonstration_is_declared() -> None:
    assert imported("tests", "demo", "chaos", "bench", "fuzz") - everything() == set()


def test_every_declared_requirement_is_used() -> None:
    assert named(declared()[""]) - imported(*PACKAGES) - NEVER_IMPORTED == set()


@pytest.mark.parametrize("extra", ["", "embedded", "otel", "parquet", "dev", "release"])
def test_every_requirement_is_bounded_on_both_sides(extra: str) -> None:
    unbounded = [requirement for requirement in declared()[extra] if not re.search(r">=.*,<", requirement)]

    assert unbounded == []


def test_every_requirement_is_pinned() -> None:
    assert everything() - pins().keys() == set()


def test_pins_are_plain() -> None:
    lines = [line for line in text_of("constraints.txt").splitlines() if not line.startswith("#")]

    pin = r"[A-Za-z0-9._-]+==[0-9A-Za-z.]+( ; python_full_version < \"[0-9.]+\")?"

    assert [line for line in lines if not re.fullmatch(pin, line)] == []
    assert lines == sorted(lines, key=str.lower)


def test_every_dependency_is_explained() -> None:
    told = re.findall(r"^\| `([\w.-]+)[^`]*` \|", text_of("docs/dependencies.md"), re.MULTILINE)

    assert sorted(map(normalized, told)) == sorted(everything())
