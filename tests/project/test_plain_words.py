"""The project uses plain words: `plain_words.py` lists the words to avoid and what to write instead."""

from pathlib import Path

import pytest

from tests.project.plain_words import ALLOWED, ROOT, findings, shared_names, unused
from tests.project.tree import PACKAGES, files, name_of

#: The exceptions may only shrink: lower this number when one goes.
MOST_ALLOWED = 6
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "Makefile", "Procfile")
FOLDERS = (
    *("app", "workers", "cli", "schemas", "docs", "monitoring", "deploy", "tests", "bench", "chaos", "demo", "fuzz"),
    *(".ci", ".github"),
)
KINDS = {".py", ".sql", ".html", ".js", ".css", ".json", ".md", ".yml", ".yaml"}
#: Files of others, and what programs wrote.
FOREIGN = ("app/web/console/static/htmx.min.js", "bench/results/latest.json", "bench/results/latest.md")
#: Public names that several modules of one package tree may define, with the reason.
SHARED_NAMES: dict[str, str] = {"upgrade": "Alembic calls the function of this name in each revision"}


def read() -> list[Path]:
    """Return the files with prose of the project: product code, documents and what the build runs."""
    return [
        path
        for path in files()
        if name_of(path) not in FOREIGN
        and (
            name_of(path) in DOCUMENTS
            or (name_of(path).split("/")[0] in FOLDERS and (path.suffix in KINDS or name_of(path) == ".ci/run"))
        )
    ]


@pytest.mark.parametrize("path", read(), ids=name_of)
def test_a_file_uses_plain_words(path: Path) -> None:
    assert [str(use) for use in findings(path)] == []


def test_each_exception_is_still_needed() -> None:
    assert unused() == []


def test_the_exceptions_only_shrink() -> None:
    assert len(ALLOWED) <= MOST_ALLOWED
    assert all(entry.reason for entry in ALLOWED)


@pytest.mark.parametrize("package", [name for name in sorted({*PACKAGES, "cli"}) if (ROOT / name).is_dir()])
def test_a_public_name_is_defined_once_in_a_package(package: str) -> None:
    shared = shared_names(ROOT / package)

    assert [f"{name}: {', '.join(places)}" for name, places in shared.items() if name not in SHARED_NAMES] == []


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.py", "X = 1\n#: What is told\n", 2),
        ("a.py", 'def f():\n    """Nobody\n    comes."""\n', 2),
        ("a.py", 'raise ValueError("There are so many pairs")\n', 1),
        ("a.py", "class Hand: ...\n", 1),
        ("a.py", "# There are so\n# many pairs\n", 1),
        ("a.py", "def test_who_is_told_of_it() -> None: ...\n", 1),
        ("a.sql", "-- asked for\nSELECT told\n", 1),
        ("a.md", "Text\n\n`told` whoever\n", 3),
        ("a.html", '<p class="told">\n{{ told }} shown</p>\n', 2),
    ],
)
def test_a_word_to_avoid_is_found(tmp_path: Path, name: str, text: str, line: int) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")

    assert [use.line for use in findings(tmp_path / name)] == [line]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", "asked = wanted('shown')  # a left hand\n"),
        ("a.py", "# Set `--patience` and MERGELANE_MAX_STRANDINGS\n"),
        ("a.sql", "SELECT told FROM asked\n"),
        ("a.md", "```\ntold\n```\n\n[link](told.md)\n"),
        ("a.html", '<a href="told">{# #}{{ told }}</a>\n'),
    ],
)
def test_code_and_public_names_are_left_alone(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")

    assert findings(tmp_path / name) == []
