"""Named queries, loaded from the `.sql` files of a package.

A file of its own, because every module with SQL imports it, the others of app.db included.

Before its first query a file may have fragments, headed `-- fragment: NAME`. A query, or a later fragment, contains one
as `/* include NAME */`.
"""

import re
from importlib import resources
from typing import LiteralString

from app.errors import SetupError

HEADING = re.compile(r"^-- name: ([a-z_]+)$", re.MULTILINE)
FRAGMENT = re.compile(r"^-- fragment: ([a-z_]+)$", re.MULTILINE)
INCLUDE = re.compile(r"/\* include ([a-z_]+) \*/")
#: The lines that say what a fragment does.
COMMENT = re.compile(r"\A\s*(?:--.*\n)*")


def load_queries(package: str, file: str) -> dict[str, LiteralString]:
    """Return the queries of *file* in the folder sql/ of *package*, by name.

    Raises SetupError for a duplicate name, and for a fragment that the file lacks.
    """
    text = (resources.files(package) / "sql" / file).read_text(encoding="utf-8")
    try:
        pairs = parse_queries(text)
    except KeyError as error:
        raise SetupError(f"A query in {file} of {package} includes {error}, which the file lacks; add it.") from None
    if len({name for name, _ in pairs}) < len(pairs):
        raise SetupError(f"The file {file} of {package} contains two queries with one name; rename one of them.")
    # The text comes from a file of this package and from nowhere else, so it is as literal as code.
    return {name: body.strip() for name, body in pairs}


def parse_queries(text: str) -> list[tuple[str, str]]:
    """Return name and text of each query in *text*, with its fragments. Raises KeyError for one that is missing."""
    preamble, *parts = HEADING.split(text)
    _, *sections = FRAGMENT.split(preamble)
    fragments: dict[str, str] = {}

    def included(body: str) -> str:
        return INCLUDE.sub(lambda match: fragments[match[1]], body)

    for name, body in zip(sections[::2], sections[1::2], strict=True):
        fragments[name] = included(COMMENT.sub("", body).strip())
    return [(name, included(body)) for name, body in zip(parts[::2], parts[1::2], strict=True)]
