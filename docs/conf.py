"""The documentation site: `make docs` builds it with Sphinx from the Markdown files of this folder.

The pages also work in a forge or an editor: only the tables of contents in index.md need Sphinx. Forges draw Mermaid
diagrams themselves; the site uses the SVG files in `docs/diagrams`, which `make diagrams` draws.
"""

import hashlib
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

project = "Mergelane"
project_copyright = "the Mergelane authors"

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]

html_theme = "furo"
html_title = "Mergelane"
html_show_sphinx = False
#: The source is in the repository beside these pages.
html_show_sourcelink = False

#: Languages that Pygments does not know.
PLAIN = ("csv",)


class Mermaid(Directive):
    """A Mermaid diagram, as the committed SVG file of its text. A missing file is a warning, so the build fails."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the image of the diagram."""
        text = "\n".join(self.content).strip()
        name = f"diagrams/{hashlib.sha256(text.encode()).hexdigest()[:12]}.svg"
        if not (Path(__file__).parent / name).is_file():
            return [
                self.state_machine.reporter.warning("Run `make diagrams`: a diagram has changed.", line=self.lineno)
            ]
        return [nodes.image(uri=f"/{name}", alt="Diagram of the text above and the tables below")]


def setup(app: Sphinx) -> None:
    """Add the Mermaid directive, and print the languages that Pygments does not know without colours."""
    app.add_directive("mermaid", Mermaid)
    for language in PLAIN:
        app.add_lexer(language, TextLexer)
