"""What limits next: arithmetic on the processor time of each kind of process, as sentences."""

from collections.abc import Mapping

from bench.tables import number

#: Merges per second that the vendor's limit amounts to: 20,000 requests a minute of 50 updates.
VENDORS_LIMIT = 20_000 * 50 / 60
MILLISECONDS = 1_000
#: Cores of a database server that one may rent without much ado.
GREAT_SERVER = 32
#: Processes of which any number may run, on any number of machines.
SPREAD = ("web", "relay", "worker")


def by_kind(costs: Mapping[str, float]) -> dict[str, float]:
    """Return *costs* by what the programs are: worker1 and worker2 are both workers."""
    kinds: dict[str, float] = {}
    for program, cost in costs.items():
        kind = program.rstrip("0123456789")
        kinds[kind] = kinds.get(kind, 0.0) + cost
    return kinds


def borne_by_a_core(cost_ms: float) -> float:
    """Return the merges per second that one core bears which spends *cost_ms* on each."""
    return MILLISECONDS / cost_ms


def cores_at_the_limit(cost_ms: float) -> float:
    """Return the cores that are busy at the vendor's limit when a merge costs *cost_ms*."""
    return VENDORS_LIMIT * cost_ms / MILLISECONDS


def limits(costs: Mapping[str, float]) -> str:
    """Return what limits a Mergelane whose programs spend *costs*, in milliseconds for each merge."""
    kinds = {kind: cost for kind, cost in by_kind(costs).items() if cost}
    spread = sum(cost for kind, cost in kinds.items() if kind in SPREAD)
    total = sum(kinds.values())
    busy = (
        f"A merge takes {number(total)} ms of processor time. The vendor's limit, {VENDORS_LIMIT:,.0f} merges a second,"
        f" would keep {number(cores_at_the_limit(total))} cores busy, of which {number(cores_at_the_limit(spread))} are"
        " those of web, relay and workers: of these any number may run, on any number of machines."
    )
    borne = {
        "PostgreSQL": (GREAT_SERVER, kinds.get("postgres")),
        "Redis": (1, kinds.get("redis")),
    }
    bounds = {name: cores * borne_by_a_core(cost) for name, (cores, cost) in borne.items() if cost}
    sentences = [busy, *(_bound(name, borne[name][0], rate) for name, rate in bounds.items())]
    if bounds:
        sentences.append(f"What limits first is {min(bounds, key=lambda name: bounds[name])}.")
    return " ".join(sentences)


def _bound(name: str, cores: int, rate: float) -> str:
    """Return what one server bears."""
    if name == "Redis":
        return f"Redis works with one core, which bears some {number(rate)}, and more the more jobs share a lane."
    return f"{name} is one server: one with {cores} cores bears some {number(rate)}, if its disks keep up."
