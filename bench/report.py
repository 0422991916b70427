"""What a run tells: tables, as Markdown that reads well in a terminal too."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.targets import verdicts

Part = Mapping[str, Any]

#: Merges per second that the vendor's limit amounts to: 20,000 requests a minute of 50 updates.
VENDORS_LIMIT = 20_000 * 50 / 60


def markdown(results: Mapping[str, Any]) -> str:
    """Return the whole report."""
    parts = [_head(results), _targets(results)]
    for name, part in results["parts"].items():
        title, tables = TOLD[name]
        body = f"Failed: {part['failed']}" if "failed" in part else "\n\n".join(tables(part))
        parts.append(f"### {title}\n\n{body}")
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; all columns but the first are numbers and stand to the right."""
    cells = [list(head), *map(list, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = "|".join("-" * (width + 1) + (":" if place else "-") for place, width in enumerate(widths))
    return "\n".join([line(cells[0]), f"|{rule}|", *map(line, cells[1:])])


def number(value: float) -> str:
    """Return *value* with as many digits as can be told apart from noise."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004


def spread(values: Mapping[str, float]) -> list[str]:
    """Return least, median and greatest as cells."""
    return [number(values[name]) for name in ("min", "median", "max")]


def ratio(values: Mapping[str, float]) -> str:
    """Return a ratio of medians with its extremes as one cell."""
    return f"{values['of_medians']:.2f} ({values['min']:.2f} to {values['max']:.2f})"


def _head(results: Mapping[str, Any]) -> str:
    """Return what a reader must know of the run."""
    machine, postgres = results["machine"], results["machine"]["postgres"]
    packages = machine["packages"]
    return (
        f"Made at {results['made_at']} in {results['seconds'] / 60:.0f} minutes, at scale {results['scale']:g}, on one"
        f" machine: {machine['cores']} cores ({machine['processor']}), {machine['memory_gib']:g} GiB,"
        f" {machine['system']}, Python {machine['python']}.\n"
        f"PostgreSQL {postgres['server_version'].partition(' ')[0]} with fsync {postgres['fsync']}, synchronous_commit"
        f" {postgres['synchronous_commit']}, full_page_writes {postgres['full_page_writes']}, shared_buffers"
        f" {postgres['shared_buffers']}; Redis {machine['redis']}; Celery {packages['celery']}, kombu"
        f" {packages['kombu']}, psycopg {packages['psycopg']}."
    )


def _targets(results: Mapping[str, Any]) -> str:
    """Return the table of targets."""
    rows = [
        [verdict.target.name, verdict.told_value, verdict.target.told_bound, verdict.word]
        for verdict in verdicts(results)
    ]
    return "### Targets\n\n" + table(["Target", "Measured", "Bound", "Verdict"], rows)


def _throughput(part: Part) -> list[str]:
    """Return the tables of the part throughput."""
    contenders, ratios = part["contenders"], part["ratios"]
    rates = [
        [name, *spread(told["merges_per_s"]), ratio(ratios[name]["merges_per_s"]) if name in ratios else "1"]
        for name, told in contenders.items()
    ]
    costs = [
        [
            name,
            *spread(told["cpu_ms_per_merge"]),
            ratio(ratios[name]["cpu_ms_per_merge"]) if name in ratios else "1",
            number(told["cpu_ms_per_merge"]["median"] * VENDORS_LIMIT / 1_000),
        ]
        for name, told in contenders.items()
    ]
    return [
        table(["Merges per second", "min", "median", "max", "mergelane is … times that"], rates),
        table(
            [
                "Processor ms per merge",
                "min",
                "median",
                "max",
                "mergelane is … times that",
                "cores at the vendor's limit",
            ],
            costs,
        ),
        _by_program(contenders),
        _memory(contenders),
    ]


def _by_program(contenders: Part) -> str:
    """Return where the processor time goes."""
    rows = [
        [f"{name}: {program}", number(cost), number(cost * VENDORS_LIMIT / 1_000)]
        for name, told in contenders.items()
        for program, cost in told["cpu_ms_per_merge_by_program"].items()
        if cost
    ]
    return table(["Program", "processor ms per merge", "cores at the vendor's limit"], rows)


def _memory(contenders: Part) -> str:
    """Return the memory of each program at the end of its last round."""
    rows = [
        [f"{name}: {program}", number(held["processes"]), number(held["rss_mib"]), number(held["pss_mib"])]
        for name, told in contenders.items()
        for program, held in told["memory"].items()
    ]
    return table(["Program", "processes", "RSS MiB", "PSS MiB"], rows)


#: How each part is titled and told.
TOLD: Mapping[str, tuple[str, Callable[[Part], list[str]]]] = {
    "throughput": ("End to end", _throughput),
}
