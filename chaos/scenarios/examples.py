"""The configurations in docs/high-availability.md. The scenarios run exactly these."""

import re
from collections.abc import Mapping
from pathlib import Path

from chaos.errors import ChaosError

PAGE = Path(__file__).parents[2] / "docs" / "high-availability.md"


def example(language: str, replacements: Mapping[str, str]) -> str:
    """Return the code block of *language* in the page, with each of *replacements* in it replaced.

    Raises ChaosError when the page lacks the block or the block lacks one of them.
    """
    blocks = re.findall(rf"^ *```{language}\n(.*?)^ *```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    if len(blocks) != 1:
        raise ChaosError(f"{PAGE} has {len(blocks)} blocks of {language} instead of one.")
    (text,) = blocks
    for old, new in replacements.items():
        if old not in text:
            raise ChaosError(f"The block of {language} in {PAGE} lacks {old!r}.")
        text = text.replace(old, new)
    return str(text)
