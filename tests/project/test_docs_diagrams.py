"""Each Mermaid diagram of the documents has its SVG file, and each file its diagram."""

import hashlib
import re

from tests.project.tree import ROOT

FENCE = re.compile(r"^```mermaid\n(.*?)\n```", re.MULTILINE | re.DOTALL)


def test_each_diagram_is_drawn() -> None:
    texts = [text for page in (ROOT / "docs").rglob("*.md") for text in FENCE.findall(page.read_text(encoding="utf-8"))]
    needed = {f"{hashlib.sha256(text.strip().encode()).hexdigest()[:12]}.svg" for text in texts}

    assert needed
    # Run `make diagrams` if they differ.
    assert {path.name for path in (ROOT / "docs" / "diagrams").iterdir()} == needed
