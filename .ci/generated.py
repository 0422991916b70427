"""The part of a document that a script writes, between two marks."""

from collections.abc import Callable
from dataclasses import dataclass

from checkout import ROOT


@dataclass(frozen=True, kw_only=True)
class GeneratedPart:
    """The part *name* of *document*, a path in the checkout; *content* returns it."""

    document: str
    name: str
    content: Callable[[], str]

    def renewed(self, text: str) -> str:
        """Return *text* with the content of now between the marks."""
        begin, end = (f"<!-- {self.name}: {place} -->\n" for place in ("begin", "end"))
        before, _, rest = text.partition(begin)
        after = rest.partition(end)[2]
        return f"{before}{begin}\n{self.content()}\n\n{end}{after}"

    def write(self) -> None:
        """Bring the document up to date."""
        path = ROOT / self.document
        path.write_text(self.renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"{path} is up to date.")
