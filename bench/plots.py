"""Charts of a run: throughput, latency and growth."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.tables import number

PartResults = Mapping[str, Any]
Figures = Mapping[str, Mapping[str, float]]

DPI = 110
COLOUR, OTHER = "#1f6f8b", "#c9b79c"


def draw(results: Mapping[str, Any], folder: Path, name: str) -> list[Path]:
    """Write the charts of *results* to *folder* as NAME-….png; return the paths. Skips parts without results."""
    parts = {part: values for part, values in results["parts"].items() if "failed" not in values}
    pictures = {"throughput": _throughput(parts), "latency": _latency(parts), "growth": _growth(parts)}
    drawn = []
    for what, figure in pictures.items():
        if figure is not None:
            path = folder / f"{name}-{what}.png"
            figure.savefig(path, format="png")
            drawn.append(path)
    return drawn


def _figure(fields: int, *, columns: int = 3) -> tuple[Figure, list[Axes]]:
    """Return a figure with *fields* fields, at most *columns* in a row."""
    rows, columns = -(-fields // columns), min(fields, columns)
    figure = Figure(figsize=(4.4 * columns, 3.6 * rows), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)  # draws without a screen
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in axes[fields:]:
        spare.set_axis_off()
    return figure, axes[:fields]


def _throughput(parts: Mapping[str, PartResults]) -> Figure | None:
    """Chart of the rates and the processor time of all contenders."""
    if "throughput" not in parts:
        return None
    figure, (rates, costs) = _figure(2)
    # Six names side by side.
    figure.set_figwidth(13)
    contenders = parts["throughput"]["contenders"]
    _bars(rates, {name: values["merges_per_s"] for name, values in contenders.items()}, "merges per second")
    _bars(costs, {name: values["cpu_ms_per_merge"] for name, values in contenders.items()}, "processor ms per merge")
    return figure


def _latency(parts: Mapping[str, PartResults]) -> Figure | None:
    """Chart of waiting times, p50 beside p99."""
    if "latency" not in parts:
        return None
    figure, (field,) = _figure(1)
    figure.set_figwidth(8)
    part = parts["latency"]
    named = {
        "bare insert": part["idle"]["bare_insert"],
        "POST, idle": part["idle"]["post"],
        "POST, loaded": part["loaded"]["post"],
        "poll, idle": part["idle"]["poll"],
        "poll, loaded": part["loaded"]["poll"],
        "lone update": part["lone"]["outcome"],
    }
    for shift, figure_name, colour in ((-0.2, "p50", COLOUR), (0.2, "p99", OTHER)):
        places = [place + shift for place in range(len(named))]
        bars = field.bar(
            places, [values[figure_name] for values in named.values()], 0.4, color=colour, label=figure_name
        )
        field.bar_label(bars, labels=[number(values[figure_name]) for values in named.values()], fontsize=8)
    field.set_xticks(range(len(named)), list(named))
    field.set_ylabel("milliseconds")
    field.legend(frameon=False)
    _plain(field)
    return figure


def _growth(parts: Mapping[str, PartResults]) -> Figure | None:
    """Chart of costs and rates by size: one field for each kind of size."""
    fields: list[tuple[str, str, Figures]] = []
    if "events" in parts:
        fields.append(("events of the orphan", "ms per merge", parts["events"]["ms"]))
    if "addresses" in parts:
        fields.append(("profiles sharing the address", "ms per merge", parts["addresses"]["ms"]))
    if "large" in parts:
        fields.append(("profiles", "merges per second", parts["large"]["profiles"]["merges_per_s"]))
        fields.append(("jobs in the backlog", "merges per second", parts["large"]["backlog"]["merges_per_s"]))
    if "workers" in parts:
        curve = {name: values["merges_per_s"] for name, values in parts["workers"]["workers"].items()}
        fields.append(("workers", "merges per second", curve))
    if not fields:
        return None
    figure, axes = _figure(len(fields))
    for field, (what, unit, figures) in zip(axes, fields, strict=True):
        _curve(field, what, unit, figures)
    return figure


def curve_figure(what: str, curves: Mapping[str, Figures]) -> Figure:
    """Return a figure with a field for each of *curves*, by its unit."""
    figure, axes = _figure(len(curves))
    for field, (unit, figures) in zip(axes, curves.items(), strict=True):
        _curve(field, what, unit, figures)
    return figure


def _bars(field: Axes, figures: Figures, what: str) -> None:
    """Draw a bar for each contender, with minimum and maximum; the product has another colour."""
    names = list(figures)
    medians = [figures[name]["median"] for name in names]
    reach = [
        [figures[name]["median"] - figures[name]["min"] for name in names],
        [figures[name]["max"] - figures[name]["median"] for name in names],
    ]
    colours = [COLOUR if name == "mergelane" else OTHER for name in names]
    bars = field.bar(names, medians, color=colours, yerr=reach, capsize=4)
    field.bar_label(bars, labels=list(map(number, medians)), padding=3, fontsize=9)
    field.margins(y=0.12)
    field.set_title(what, fontsize=10)
    _plain(field)


def _curve(field: Axes, what: str, unit: str, figures: Figures) -> None:
    """Draw the medians by size, with minimum and maximum. The axis starts at 0, so that proportions are true."""
    sizes = [int(size) for size in figures]
    values = list(figures.values())
    reach = [[each["median"] - each["min"] for each in values], [each["max"] - each["median"] for each in values]]
    field.errorbar(sizes, [each["median"] for each in values], yerr=reach, marker="o", capsize=4, color=COLOUR)
    if min(sizes) == 0:
        # A logarithmic axis cannot contain 0, so the axis is linear up to the next size.
        field.set_xscale("symlog", linthresh=sorted(sizes)[1])
    elif max(sizes) > 10 * min(sizes):
        field.set_xscale("log")
    else:
        field.set_xticks(sizes)
    field.set_ylim(bottom=0, top=1.15 * max(each["max"] for each in values))
    field.set_xlabel(what)
    field.set_title(unit, fontsize=10)
    _plain(field)


def _plain(field: Axes) -> None:
    """Hide the top and right lines."""
    field.spines[["top", "right"]].set_visible(False)
