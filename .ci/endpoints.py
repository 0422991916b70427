"""Write the table of endpoints in docs/api.md from the OpenAPI document."""

import re
from collections.abc import Iterator

from generated import GeneratedPart

from app.config import Settings
from app.web import create_app
from app.web.openapi.describe import Json
from app.web.openapi.document import build_document


def tables() -> str:
    """Return a table of endpoints for each tag, in the order of the document."""
    document = build_document(create_app(Settings()))
    return "\n\n".join("\n".join(_table(tag["name"], document["paths"])) for tag in document["tags"])


def _table(tag: str, paths: Json) -> Iterator[str]:
    """Yield the lines of the table of *tag*."""
    yield f"### {tag}\n\n| Endpoint | | Permission | Responses |\n|---|---|---|---|"
    for path, methods in paths.items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                cells = (f"`{method.upper()} {path}`", _first_sentence(operation), _permission(operation))
                yield f"| {' | '.join(cells)} | {', '.join(operation['responses'])} |"


def _first_sentence(operation: Json) -> str:
    """Return the summary with a full stop."""
    return re.sub(r"\.?$", ".", operation["summary"])


def _permission(operation: Json) -> str:
    """Return the permissions; a key needs one of them."""
    names = [name for scheme in operation["security"] for scopes in scheme.values() for name in scopes]
    if names:
        return " or ".join(f"`{name}`" for name in names)
    return "any key" if operation["security"] else ""


PART = GeneratedPart(document="docs/api.md", name="endpoints", content=tables)

if __name__ == "__main__":
    PART.write()
