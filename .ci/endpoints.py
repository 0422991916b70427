"""Write the table of endpoints in docs/api.md, from the same description that /openapi.json is made of."""

import re
from collections.abc import Iterator
from pathlib import Path

from app.config import Settings
from app.web import create_app
from app.web.openapi.describe import Json
from app.web.openapi.document import build

DOCUMENT = Path(__file__).parents[1] / "docs" / "api.md"
BEGIN, END = "<!-- endpoints: begin -->\n", "<!-- endpoints: end -->\n"


def main() -> None:
    """Bring the document up to date, and say so."""
    DOCUMENT.write_text(renewed(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{DOCUMENT.name} tells the endpoints as they are now.")


def renewed(text: str) -> str:
    """Return *text* with the tables between its two marks made anew."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def tables() -> str:
    """Return a table of endpoints for each part of the description, in its order."""
    described = build(create_app(Settings()))
    return "\n\n".join("\n".join(_table(tag["name"], described["paths"])) for tag in described["tags"])


def _table(tag: str, paths: Json) -> Iterator[str]:
    """Yield the lines of the part *tag*."""
    yield f"### {tag}\n\n| Endpoint | | Permission | Responses |\n|---|---|---|---|"
    for path, methods in paths.items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                told = (f"`{method.upper()} {path}`", _first_sentence(operation), _permission(operation))
                yield f"| {' | '.join(told)} | {', '.join(operation['responses'])} |"


def _first_sentence(operation: Json) -> str:
    """Return what the endpoint is for."""
    return re.sub(r"\.?$", ".", operation["summary"])


def _permission(operation: Json) -> str:
    """Return the permissions of which a key needs one."""
    names = [name for door in operation["security"] for scopes in door.values() for name in scopes]
    if names:
        return " or ".join(f"`{name}`" for name in names)
    return "any key" if operation["security"] else ""


if __name__ == "__main__":
    main()
