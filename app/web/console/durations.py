"""Durations in words."""

#: Units from the longest to the shortest: seconds, name.
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def format_duration(seconds: float) -> str:
    """Return *seconds* in its two longest units, such as "2 h 5 min"; at least "0 s"."""
    left = max(0, round(seconds))
    first = next((nth for nth, (length, _) in enumerate(UNITS) if left >= length), len(UNITS) - 1)
    parts: list[str] = []
    for length, name in UNITS[first : first + 2]:
        number, left = divmod(left, length)
        if number or not parts:
            parts.append(f"{number:,} {name}")
    return " ".join(parts)
