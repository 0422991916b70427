"""The documentation as a site: `make docs` builds it with Sphinx from the Markdown files of this folder.

The files are written to be read in a forge or an editor as well, so nothing in them needs Sphinx but the tables of
contents in index.md.
"""

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

project = "Mergelane"
project_copyright = "the Mergelane authors"

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4

html_theme = "furo"
html_title = "Mergelane"
html_show_sphinx = False
#: The source is in the repository beside these pages.
html_show_sourcelink = False

#: Languages that other readers of the files draw or colour, and Pygments does not know.
PLAIN = ("csv", "mermaid")


def setup(app: Sphinx) -> None:
    """Show the languages that Pygments does not know as they are written."""
    for language in PLAIN:
        app.add_lexer(language, TextLexer)
