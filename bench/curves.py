"""The curves of the cost of a merge: tables, sentences about each slope, charts, and the results file.

Each curve is measured separately, so the file keeps the last run of each.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
from matplotlib import rc_context

from bench.plots import curve_figure
from bench.tables import number, spread, table

PartResults = Mapping[str, Any]

FILE = "growth.json"
PREFIX = "growth-"
#: The smallest scale whose results are kept.
LEAST_SCALE = 0.1
RATE, COST = "merges_per_s", "cpu_ms_per_merge"
#: Curve → its title.
CURVE_TITLES: Mapping[str, str] = {
    f"{PREFIX}workers": "Workers",
    f"{PREFIX}profiles": "Profiles",
    f"{PREFIX}history": "Events of the orphan",
    f"{PREFIX}workspaces": "Workspaces",
    f"{PREFIX}batch": "Updates of a request",
}
#: Curve → the cause of its slope.
CAUSES: Mapping[str, str] = {
    f"{PREFIX}workers": (
        "One worker waits for PostgreSQL, and PostgreSQL for it, so two overlap. On two cores, more than two only share"
        " the cores."
    ),
    f"{PREFIX}profiles": (
        "Every merge probes indexes, which have a level more among 5,000,000 profiles, and writes pages that no merge"
        " before it wrote: each is read, and its image is in the WAL after a checkpoint."
    ),
    f"{PREFIX}history": (
        "History never moves: a merge notes the origin of the orphan, and reads no event of it, so the curve is flat."
    ),
    f"{PREFIX}workspaces": (
        "A message has jobs of one workspace. With jobs for full messages in each workspace the cost stays. With two"
        " jobs each, two merges instead of fifty pay for a transaction, a message and its acknowledgement."
    ),
    f"{PREFIX}batch": (
        "A request with one update costs a transaction, a check of the key and a response, as one with fifty does. The"
        " relay packs the jobs of several requests into one message, so the worker's part hardly changes."
    ),
}


def curve_tables(name: str) -> Callable[[PartResults], list[str]]:
    """Return a function that returns the table of the curve *name* and the sentences about its slope."""

    def tables(part: PartResults) -> list[str]:
        rows = [[f"{int(size):,}", *spread(part[RATE][size]), *spread(part[COST][size])] for size in part[RATE]]
        head = [CURVE_TITLES[name], "merges/s min", "median", "max", "processor ms min", "median", "max"]
        return [table(head, rows), f"{slope(part)} {CAUSES[name]}"]

    return tables


def slope(part: PartResults) -> str:
    """Return a sentence about the change of cost and rate from the smallest size to the largest."""
    costs, rates = part[COST], part[RATE]
    first, last = next(iter(costs)), list(costs)[-1]
    cost = costs[last]["median"] / costs[first]["median"]
    rate = rates[last]["median"] / rates[first]["median"]
    span = f"From {int(first):,} to {int(last):,}"
    return f"{span}, a merge costs {number(cost)} times the processor time, at {number(rate)} times the rate."


def keep(measured: Mapping[str, Any], folder: Path) -> list[str]:
    """Add the curves of a run to the results in *folder*, and draw them; return the names of the files."""
    found = {
        name: {"made_at": measured["made_at"], "scale": measured["scale"], "machine": _machine(measured), **part}
        for name, part in measured["parts"].items()
        if name in CURVE_TITLES and "failed" not in part
    }
    if not found or measured["scale"] < LEAST_SCALE:
        return []
    kept = load(folder) | found
    (folder / FILE).write_bytes(orjson.dumps(kept, option=orjson.OPT_INDENT_2) + b"\n")
    for name, part in found.items():
        # The same results produce the same file.
        with rc_context({"svg.hashsalt": name}):
            figure = curve_figure(
                CURVE_TITLES[name].lower(), {"merges per second": part[RATE], "processor ms per merge": part[COST]}
            )
            figure.savefig(folder / f"{name}.svg", format="svg", metadata={"Date": None})
    return [FILE, *(f"{name}.svg" for name in found)]


def load(folder: Path) -> dict[str, Any]:
    """Return the kept curves by name; empty before the first run."""
    file = folder / FILE
    return dict(orjson.loads(file.read_bytes())) if file.exists() else {}


def curves_markdown(folder: Path) -> str:
    """Return the kept curves as Markdown: tables, sentences and pictures."""
    kept = load(folder)
    return "\n\n".join(_curve_markdown(name, kept[name]) for name in CURVE_TITLES if name in kept)


def _curve_markdown(name: str, part: PartResults) -> str:
    picture = f"![{CURVE_TITLES[name]}: rate and processor time of a merge](../bench/results/{name}.svg)"
    made = f"Measured at {part['made_at']}, at scale {part['scale']:g}, on {part['machine']}."
    return "\n\n".join([f"### {CURVE_TITLES[name]}", *curve_tables(name)(part), picture, made])


def _machine(measured: Mapping[str, Any]) -> str:
    machine = measured["machine"]
    return f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gib']:g} GiB"
