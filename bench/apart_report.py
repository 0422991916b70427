"""The tables of the parts outside a whole run."""

from collections.abc import Callable, Mapping
from typing import Any

from bench.curves import CURVE_TITLES, curve_tables
from bench.tables import by_size, number, table

PartResults = Mapping[str, Any]


def _xmin(part: PartResults) -> list[str]:
    """Return the tables of the load beside an old transaction."""
    load = part["load"]
    rates = {f"{kind} an old transaction": values["merges_per_s"] for kind, values in load.items()}
    costs = [[f"{kind} an old transaction", number(values["cpu_ms_per_merge"])] for kind, values in load.items()]
    tables = sorted({name for values in load.values() for name in values["dead_versions"]})
    dead = [[name, *(number(values["dead_versions"].get(name, 0)) for values in load.values())] for name in tables]
    return [
        by_size(f"Full load for {part['seconds']:,} s", "merges per second", rates),
        table(["Full load", "processor ms per merge"], costs),
        table(["Dead versions at the end", *load], dead),
        f"In the last quarter of the time, the ratio is {part['ratio_at_the_end']:.2f}.",
    ]


def _soak(part: PartResults) -> list[str]:
    """Return the table of memory under steady load."""
    rows = [
        [
            kind,
            *(" to ".join(map(number, values[f"{figure}_mib"])) for figure in ("rss", "pss", "anon")),
            f"{values['growth_mib_per_hour']:+.2f}",
            f"{values['growth_percent_per_hour']:+.1f}",
        ]
        for kind, values in part["kinds"].items()
    ]
    head = ["Processes", "RSS MiB", "PSS MiB", "anonymous MiB", "growth, MiB an hour", "% an hour"]
    return [
        table(head, rows),
        (
            f"From the end of the warm-up, {part['warm_part']:.0%} of {part['seconds']:,} s, to the end, with"
            f" {part['merges']:,} merges. The growth is that of the line that fits the anonymous memory. It leaves out"
            " PostgreSQL's shared buffers, which fill with the first load."
        ),
    ]


#: PartResults → its title, and the function that returns its tables.
APART_TABLES: Mapping[str, tuple[str, Callable[[PartResults], list[str]]]] = {
    "xmin": ("Beside an old transaction", _xmin),
    "soak": ("Memory under steady load", _soak),
    **{name: (title, curve_tables(name)) for name, title in CURVE_TITLES.items()},
}
