"""Functions that list, read and parse the files of the tree."""

import ast
import os
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "cli", "workers", "schemas")
NOT_OURS = {".git", ".venv", "build", "dist", "htmlcov", "__pycache__", "node_modules", "results"}
CACHES = (".coverage", ".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache")


def files() -> list[Path]:
    """Return every file of the tree, except what make and the tools generate."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS and not name.startswith(CACHES)]
        found += [Path(folder, name) for name in names if name not in NOT_OURS and not name.startswith(CACHES)]
    return sorted(found)


def packaged(pattern: str) -> list[Path]:
    """Return the files of the four packages that match *pattern*."""
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob(pattern))


def name_of(path: Path) -> str:
    """Return *path* relative to the root of the tree."""
    return path.relative_to(ROOT).as_posix()


def text_of(name: str) -> str:
    """Return the text of the file *name*, which is relative to the root of the tree."""
    return (ROOT / name).read_text(encoding="utf-8")


def pyproject() -> dict[str, Any]:
    """Return the parsed pyproject.toml."""
    return tomllib.loads(text_of("pyproject.toml"))


def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of the module at *path*."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
