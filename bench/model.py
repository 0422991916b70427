"""Capacity model: limits computed from the processor time of each kind of process, as sentences."""

from collections.abc import Mapping

from bench.tables import number

#: The vendor's limit in merges per second: 20,000 requests a minute with 50 updates each.
VENDORS_LIMIT = 20_000 * 50 / 60
MILLISECONDS = 1_000
#: Cores of a large database server that every cloud offers.
GREAT_SERVER = 32
#: Kinds of processes that can run in any number, on any number of machines.
SPREAD = ("web", "relay", "worker")


def by_kind(costs: Mapping[str, float]) -> dict[str, float]:
    """Return *costs* by kind of program: worker1 and worker2 are both workers."""
    kinds: dict[str, float] = {}
    for program, cost in costs.items():
        kind = program.rstrip("0123456789")
        kinds[kind] = kinds.get(kind, 0.0) + cost
    return kinds


def merges_per_core(cost_ms: float) -> float:
    """Return the merges per second of one core that spends *cost_ms* on each."""
    return MILLISECONDS / cost_ms


def cores_at_the_limit(cost_ms: float) -> float:
    """Return the number of busy cores at the vendor's limit when a merge costs *cost_ms*."""
    return VENDORS_LIMIT * cost_ms / MILLISECONDS


def limits(costs: Mapping[str, float]) -> str:
    """Return the limits of an installation whose programs spend *costs*, in milliseconds per merge."""
    kinds = {kind: cost for kind, cost in by_kind(costs).items() if cost}
    spread = sum(cost for kind, cost in kinds.items() if kind in SPREAD)
    total = sum(kinds.values())
    busy = (
        f"A merge takes {number(total)} ms of processor time. The vendor's limit, {VENDORS_LIMIT:,.0f} merges a second,"
        f" needs {number(cores_at_the_limit(total))} cores; {number(cores_at_the_limit(spread))} of them run web, relay"
        " and workers, which can be spread over any number of machines."
    )
    servers = {
        "PostgreSQL": (GREAT_SERVER, kinds.get("postgres")),
        "Redis": (1, kinds.get("redis")),
    }
    bounds = {name: cores * merges_per_core(cost) for name, (cores, cost) in servers.items() if cost}
    sentences = [busy, *(_bound(name, servers[name][0], rate) for name, rate in bounds.items())]
    if bounds:
        sentences.append(f"The first limit is {min(bounds, key=lambda name: bounds[name])}.")
    return " ".join(sentences)


def _bound(name: str, cores: int, rate: float) -> str:
    """Return the limit of one server as a sentence."""
    if name == "Redis":
        return f"Redis uses one core, enough for about {number(rate)} merges/s, and more when lanes have more jobs."
    return f"{name} is one server: {cores} cores are enough for about {number(rate)} merges/s with sufficient disks."
