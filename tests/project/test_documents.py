"""The documents are correct: their links and commands exist, and the glossary has all terms."""

import re
from pathlib import Path

import pytest

from schemas.outcomes import JobKind, JobState, Outcome
from tests.project.tree import ROOT, files, name_of, text_of

DOCUMENTS = [path for path in files() if path.suffix == ".md"]
LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
PATH = re.compile(r"(?<![\w/.:-])(?:app|workers|cli|schemas|tests|bench|chaos|fuzz|demo|docs|monitoring)/[\w./-]*[\w/]")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))


def anchors(document: Path) -> set[str]:
    """Return the anchors of the headings of *document*, as GitHub generates them."""
    prose = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()).strip() for heading in HEADING.findall(prose))
    return {heading.replace(" ", "-") for heading in plain}


def broken(document: Path) -> list[str]:
    """Return the relative links of *document* that lead nowhere."""
    prose = CODE.sub("", document.read_text(encoding="utf-8"))
    found = []
    for link in LINK.findall(prose):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_has_a_target(document: Path) -> None:
    assert broken(document) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_path_in_the_tree_exists(document: Path) -> None:
    code = re.findall(r"`([^`\n]+)`", document.read_text(encoding="utf-8"))
    paths = {path for text in code for path in PATH.findall(text)}

    assert sorted(path for path in paths if not (ROOT / path).exists()) == []


def test_every_picture_is_used() -> None:
    text = " ".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    pictures = [path.name for path in files() if name_of(path).startswith("docs/pictures/")]

    assert pictures
    assert [name for name in pictures if f"pictures/{name}" not in text] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_make_command_exists(document: Path) -> None:
    code = " ".join(CODE.findall(document.read_text(encoding="utf-8")))
    commands = set(re.findall(r"(?:^|[`\s;&])make ([a-z-]+)", code))

    assert commands - targets() == set()


def test_every_target_is_in_the_help() -> None:
    helped = set(re.findall(r"^([a-z-]+):.*## ", text_of("Makefile"), re.MULTILINE))

    assert targets() - helped == {"help"}


@pytest.mark.parametrize("member", [*JobKind, *JobState, *Outcome])
def test_the_glossary_lists_every_kind_state_and_outcome(member: JobKind | JobState | Outcome) -> None:
    assert f"`{member.value}`" in text_of("docs/glossary.md")


def test_the_readme_names_every_process() -> None:
    processes = re.findall(r"^(\w+):", text_of("Procfile"), re.MULTILINE)

    assert [name for name in processes if name not in text_of("README.md")] == []


def test_the_changelog_has_the_version() -> None:
    (version,) = re.findall(r'^version = "(.+)"$', text_of("pyproject.toml"), re.MULTILINE)

    assert re.search(rf"^## \[?({re.escape(version)}|Unreleased)\b", text_of("CHANGELOG.md"), re.MULTILINE)
