"""Durations in words."""

#: Units from the longest, in seconds, and how many of the next one a duration shows beside it.
UNITS = (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1))


def format_duration(seconds: float) -> str:
    """Return *seconds* in its two longest units: `3 h 20 min`; less than a minute as `45 s`."""
    whole = round(seconds)
    for name, length, smaller, part in UNITS:
        if whole >= length:
            rest = whole % length // part
            return f"{whole // length:,} {name} {rest} {smaller}" if rest else f"{whole // length:,} {name}"
    return f"{whole} s"
