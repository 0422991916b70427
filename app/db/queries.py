"""Named queries, loaded from the `.sql` files of a package.

A file of its own, because every module with SQL imports it, the others of app.db included.
"""

import re
from importlib import resources
from typing import LiteralString, cast

from app.errors import SetupError

HEADING = re.compile(r"^-- name: ([a-z_]+)$", re.MULTILINE)


def load_queries(package: str, file: str) -> dict[str, LiteralString]:
    """Return the queries of *file* in the folder sql/ of *package*, by name.

    Raises SetupError for a duplicate name.
    """
    text = (resources.files(package) / "sql" / file).read_text(encoding="utf-8")
    _, *parts = HEADING.split(text)
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) < len(names):
        raise SetupError(f"The file {file} of {package} contains two queries with one name; rename one of them.")
    # The text comes from a file of this package and from nowhere else, so it is as literal as code.
    return {name: cast("LiteralString", body.strip()) for name, body in zip(names, bodies, strict=True)}
