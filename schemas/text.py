"""Hygiene of text: what may never reach the database, and how deep and long input may be."""

from collections.abc import Iterator

#: Nesting allowed in a request body; real profiles stay well below ten.
MAX_DEPTH = 32
#: Characters allowed in any one string of a request body (attributes have tighter limits of their own).
MAX_STRING = 100_000
#: Characters of a client's own word that a sentence quotes back.
MAX_QUOTED = 100


class UnfitText(ValueError):
    """A request body holds something that no field may hold; the message is a sentence for the client."""


def check_body(body: object) -> None:
    """Raise UnfitText when *body* (parsed JSON) nests too deep, or holds a NUL, a lone surrogate or an endless string.

    PostgreSQL stores neither NUL nor lone surrogates, so they are turned away at the door with a reason.
    """
    level: list[object] = [body]
    depth = 0
    while level:
        if depth > MAX_DEPTH:
            raise UnfitText(f"The request body may not nest deeper than {MAX_DEPTH} levels.")
        for value in level:
            if isinstance(value, str):
                _check_string(value)
        level = [child for value in level for child in _children(value)]
        depth += 1


def _children(value: object) -> Iterator[object]:
    """Yield what *value* holds: the keys and values of an object, the elements of an array."""
    if isinstance(value, dict):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _check_string(text: str) -> None:
    """Raise UnfitText when *text* cannot be stored."""
    if len(text) > MAX_STRING:
        raise UnfitText(f"A string in the request body may not be longer than {MAX_STRING:,} characters.")
    if "\x00" in text:
        raise UnfitText("A string in the request body may not contain the NUL character (U+0000).")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise UnfitText("A string in the request body may not contain a lone surrogate (U+D800 to U+DFFF).")


def quoted(text: str) -> str:
    """Return *text*, a client's own word, as a sentence quotes it back: in one line, and cut when it is long."""
    line = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return line if len(line) <= MAX_QUOTED else f"{line[:MAX_QUOTED]}\N{HORIZONTAL ELLIPSIS}"
