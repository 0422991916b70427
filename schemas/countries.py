"""The countries of ISO 3166-1, by code and by English name."""

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from schemas.country_names import COUNTRY_NAMES

#: Words that distinguish no two countries.
IGNORED_WORDS = frozenset({"and", "of", "the"})
WORD = re.compile(r"[^\W_]+")


def country_code(text: str) -> str | None:
    """Return the alpha-2 code of the country *text*: its alpha-2 or alpha-3 code, or an English name; None if unknown.

    Names compare without case, accents, punctuation and the order of words: "Korea, Republic of" is one as well.
    """
    code = text.strip().upper()
    return code if code in COUNTRIES else ALPHA_3.get(code) or CODE_OF_NAME.get(_words(text))


def _words(name: str) -> tuple[str, ...]:
    """Return the words of *name* as they are compared."""
    bare = unicodedata.normalize("NFKD", name.casefold().replace(".", ""))
    plain = "".join(character for character in bare if not unicodedata.combining(character))
    return tuple(sorted({"saint" if word == "st" else word for word in WORD.findall(plain)} - IGNORED_WORDS))


LINES = [line.split(" ", 2) for line in COUNTRY_NAMES.strip().splitlines()]
#: The codes of ISO 3166-1 alpha-2.
COUNTRIES = frozenset(alpha_2 for alpha_2, _, _ in LINES)
ALPHA_3: Mapping[str, str] = MappingProxyType({alpha_3: alpha_2 for alpha_2, alpha_3, _ in LINES})
CODE_OF_NAME: Mapping[tuple[str, ...], str] = MappingProxyType(
    {_words(name): alpha_2 for alpha_2, _, names in LINES for name in names.split(" | ")}
)
