"""Invisible characters: with one of them, an external_id or alias looks like another and is a different one."""

import unicodedata

#: Control and format characters, such as a line break, a zero-width space or a change of the direction of text.
HIDDEN = frozenset({"Cc", "Cf"})


def hidden_character(text: str) -> str | None:
    """Return the first control or format character of *text* as its code point, such as `U+200B`; None without one."""
    if text.isprintable():
        return None
    hidden = (f"U+{ord(each):04X}" for each in text if unicodedata.category(each) in HIDDEN)
    return next(hidden, None)
