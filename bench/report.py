"""The report of a run: Markdown tables that are also readable in a terminal."""

from collections.abc import Callable, Mapping
from typing import Any

from bench.apart_report import APART_TABLES
from bench.model import by_kind, cores_at_the_limit, limits, merges_per_core
from bench.tables import by_size, number, ratio, spread, table
from bench.targets import verdicts

PartResults = Mapping[str, Any]
#: The columns of waiting times.
TAIL = ("count", "min", "p50", "p99", "max")


def markdown(results: Mapping[str, Any]) -> str:
    """Return the whole report."""
    parts = [_head(results), _targets(results)]
    for name, part in results["parts"].items():
        title, tables = PART_TABLES[name]
        body = f"Failed: {part['failed']}" if "failed" in part else "\n\n".join(tables(part))
        parts.append(f"### {title}\n\n{body}")
    return "\n\n".join(parts) + "\n"


def _head(results: Mapping[str, Any]) -> str:
    """Return the conditions of the run: time, scale, machine and versions."""
    machine, postgres = results["machine"], results["machine"]["postgres"]
    packages = machine["packages"]
    return (
        f"Measured at {results['made_at']} in {results['seconds'] / 60:.0f} minutes, at scale {results['scale']:g}, on"
        f" one machine: {machine['cores']} cores ({machine['processor']}), {machine['memory_gib']:g} GiB,"
        f" {machine['system']}, Python {machine['python']}.\n"
        f"PostgreSQL {postgres['server_version'].partition(' ')[0]} with fsync {postgres['fsync']}, synchronous_commit"
        f" {postgres['synchronous_commit']}, full_page_writes {postgres['full_page_writes']}, shared_buffers"
        f" {postgres['shared_buffers']}; Redis {machine['redis']}; Celery {packages['celery']}, kombu"
        f" {packages['kombu']}, psycopg {packages['psycopg']}.{_resumed(results)}"
    )


def _resumed(results: Mapping[str, Any]) -> str:
    """Return the sentence about the parts that were measured later."""
    resumed = results.get("resumed")
    return f"\nMeasured later, at {resumed['at']}: {', '.join(resumed['parts'])}." if resumed else ""


def _targets(results: Mapping[str, Any]) -> str:
    """Return the table of targets."""
    rows = [
        [verdict.target.name, verdict.formatted_value, verdict.target.formatted_bound, verdict.word]
        for verdict in verdicts(results)
    ]
    return "### Targets\n\n" + table(["Target", "Measured", "Bound", "Verdict"], rows)


def _throughput(part: PartResults) -> list[str]:
    """Return the tables of the part throughput."""
    contenders, ratios = part["contenders"], part["ratios"]
    rates = [
        [name, *spread(values["merges_per_s"]), ratio(ratios[name]["merges_per_s"]) if name in ratios else "1"]
        for name, values in contenders.items()
    ]
    costs = [
        [
            name,
            *spread(values["cpu_ms_per_merge"]),
            ratio(ratios[name]["cpu_ms_per_merge"]) if name in ratios else "1",
            number(cores_at_the_limit(values["cpu_ms_per_merge"]["median"])),
        ]
        for name, values in contenders.items()
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
        limits(contenders["mergelane"]["cpu_ms_per_merge_by_program"]),
        _memory(contenders),
    ]


def _by_program(contenders: PartResults) -> str:
    """Return the processor time by kind of program."""
    rows = [
        [f"{name}: {kind}", number(cost), number(merges_per_core(cost)), number(cores_at_the_limit(cost))]
        for name, values in contenders.items()
        for kind, cost in by_kind(values["cpu_ms_per_merge_by_program"]).items()
        if cost
    ]
    return table(["Program", "processor ms per merge", "merges/s per core", "cores at the vendor's limit"], rows)


def _memory(contenders: PartResults) -> str:
    """Return the memory of each program at the end of its last round."""
    rows = [
        [f"{name}: {program}", number(held["processes"]), number(held["rss_mib"]), number(held["pss_mib"])]
        for name, values in contenders.items()
        for program, held in values["memory"].items()
    ]
    return table(["Program", "processes", "RSS MiB", "PSS MiB"], rows)


def _latency(part: PartResults) -> list[str]:
    """Return the table of waiting times."""
    named = {
        "bare insert of 51 rows": part["idle"]["bare_insert"],
        "POST of 50, idle": part["idle"]["post"],
        "POST of 50, loaded": part["loaded"]["post"],
        "poll, idle": part["idle"]["poll"],
        "poll, loaded": part["loaded"]["poll"],
        "lone update to its outcome": part["lone"]["outcome"],
        "the same, for a polling client": part["lone"]["seen_by_client"],
        **({"empty Celery task to its result": part["lone"]["empty_task"]} if "empty_task" in part["lone"] else {}),
    }
    rows = [[name, *(number(values[figure]) for figure in TAIL)] for name, values in named.items()]
    return [table(["Milliseconds", *TAIL], rows)]


def _events(part: PartResults) -> list[str]:
    """Return the tables of the part events."""
    tables = [by_size("Events of the orphan", "ms for a merge", part["ms"])]
    if "undo_ms" in part:
        tables.append(by_size("Events of the orphan", "ms for an undo", part["undo_ms"]))
    return tables


def _addresses(part: PartResults) -> list[str]:
    """Return the table of the part addresses."""
    return [by_size("Profiles that share the address", "ms for a merge", part["ms"])]


def _hub(part: PartResults) -> list[str]:
    """Return the table of the part hub."""
    return [
        by_size(f"{part['orphans']:,} orphans", "merges per second", part["merges_per_s"]),
        (
            f"A rate over more than {part['patience_s']:g} s counts the merges until then. Without devices"
            f" the ratio to independent pairs is {ratio(part['ratio_without_devices'])}."
        ),
    ]


def _fresh(part: PartResults) -> list[str]:
    """Return the table of the part fresh."""
    return [by_size(f"{part['merges']:,} merges on tables", "merges per second", part["merges_per_s"])]


def _workers(part: PartResults) -> list[str]:
    """Return the table of the part workers."""
    figures = part["workers"]
    return [
        by_size("Workers", "merges per second", {name: values["merges_per_s"] for name, values in figures.items()}),
        by_size(
            "Workers", "processor ms per merge", {name: values["cpu_ms_per_merge"] for name, values in figures.items()}
        ),
    ]


def _import(part: PartResults) -> list[str]:
    """Return the table of the part import."""
    return [by_size("Whole profiles by", "profiles per second", part["profiles_per_s"])]


def _large(part: PartResults) -> list[str]:
    """Return the tables of the part large."""
    profiles, backlog = part["profiles"], part["backlog"]
    return [
        by_size("Profiles", "merges per second", profiles["merges_per_s"]),
        by_size("Jobs in the backlog", "merges per second", backlog["merges_per_s"]),
        (
            f"The first {backlog['drained_of_the_great']:,} jobs of the large backlog were run. The broker had at most"
            f" {backlog['most_messages']:,} messages; the bound is {backlog['bound']:,} waiting ones."
        ),
    ]


def _counts(part: PartResults) -> list[str]:
    """Return the tables of the part counts."""
    totals = [[name.replace("_", " "), number(count)] for name, count in part["per_thousand"].items()]
    tables = [table(["For 1,000 merges from a backlog", "count"], totals)]
    if "limit" in part:
        rows = [[name.replace("_", " "), number(count)] for name, count in part["limit"].items()]
        tables.append(table(["For 1,000 merges of the limit", "count"], rows))
    # Older runs did not count rows.
    for what in ("round_trips", "statements", "redis_commands", "rows_written", "index_entries"):
        if what not in part:
            continue
        rows = sorted(part[what].items(), key=lambda row: -row[1])
        tables.append(
            table([f"{what.replace('_', ' ').capitalize()}", "count"], [[name, number(n)] for name, n in rows])
        )
    return tables


def _idle(part: PartResults) -> list[str]:
    """Return the tables of the part idle."""
    rows = [[name, number(share)] for name, share in part["percent"].items()]
    named = {"relay awake": part["awake"], "relay asleep": part["asleep"]}
    waiting = [[name, *(number(values[figure]) for figure in TAIL)] for name, values in named.items()]
    return [
        table(["Program, idle", "% of a core"], [*rows, ["all", number(part["total"])]]),
        table(["Single update, ms", *TAIL], waiting),
    ]


def _urgency(part: PartResults) -> list[str]:
    """Return the table of urgent merges."""
    values = part["outcome"]
    row = [
        f"urgent merge beside {part['backlog']:,} jobs",
        *(number(values[name]) for name in TAIL),
    ]
    return [table(["Milliseconds", *TAIL], [row])]


def _cancel(part: PartResults) -> list[str]:
    """Return the table of a cancelled queue."""
    names = {
        "waiting jobs": "backlog",
        "response, ms": "answered_ms",
        "last job begun after, s": "refused_after_s",
        "jobs cancelled": "cancelled",
        "jobs cancelled per second": "cancelled_per_s",
    }
    return [table(["Cancelled queue", ""], [[name, number(part[key])] for name, key in names.items()])]


def _plan(part: PartResults) -> list[str]:
    """Return the table of plans."""
    apply_ms = part["apply_ms"]
    return [
        by_size(f"{part['pairs']:,} pairs", "pairs per second", part["pairs_per_s"]),
        f"The request that applied the plan took {apply_ms['median']:.0f} ms.",
    ]


#: PartResults → its title, and the function that returns its tables.
PART_TABLES: Mapping[str, tuple[str, Callable[[PartResults], list[str]]]] = {
    "throughput": ("End to end", _throughput),
    "latency": ("Waiting times", _latency),
    "counts": ("Counts per merge, independent of the machine", _counts),
    "idle": ("With nothing to do", _idle),
    "events": ("Orphans with a long history", _events),
    "addresses": ("Shared addresses", _addresses),
    "hub": ("Many orphans, one survivor", _hub),
    "fresh": ("New installations", _fresh),
    "workers": ("More workers", _workers),
    "import": ("Import of whole profiles", _import),
    "large": ("Many profiles, many jobs", _large),
    "urgency": ("Urgent merges", _urgency),
    "cancel": ("Cancelled queues", _cancel),
    "plan": ("Plans", _plan),
    **APART_TABLES,
}
