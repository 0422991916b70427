"""Tables and figures as text: Markdown that is also readable in a terminal."""

from collections.abc import Mapping, Sequence

#: From this value on, the digits after the decimal point are noise.
WHOLE = 100


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; all columns but the first are numbers, aligned to the right."""
    cells = [list(head), *map(list, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    rule = "|".join("-" * (width + 1) + (":" if place else "-") for place, width in enumerate(widths))
    return "\n".join([_line(cells[0], widths), f"|{rule}|", *(_line(row, widths) for row in cells[1:])])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    """Return one row with cells of *widths*."""
    pairs = list(zip(row, widths, strict=True))
    first, rest = pairs[0], pairs[1:]
    return f"| {' | '.join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)])} |"


def number(value: float) -> str:
    """Return *value* with its significant digits only."""
    return f"{value:,.0f}" if abs(value) >= WHOLE else f"{value:.3g}"


def spread(values: Mapping[str, float]) -> list[str]:
    """Return minimum, median and maximum as cells."""
    return [number(values[name]) for name in ("min", "median", "max")]


def ratio(values: Mapping[str, float]) -> str:
    """Return a ratio of medians with its extremes as one cell."""
    return f"{values['of_medians']:.2f} ({values['min']:.2f} to {values['max']:.2f})"


def by_size(what: str, unit: str, figures: Mapping[str, Mapping[str, float]]) -> str:
    """Return a table of spreads, a row for each size."""
    rows = [[f"{int(size):,}" if size.isdigit() else size, *spread(values)] for size, values in figures.items()]
    return table([f"{what}: {unit}", "min", "median", "max"], rows)
