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
    sentences = [busy]
    if postgres := kinds.get("postgres"):
        sentences.append(
            f"PostgreSQL's {number(cores_at_the_limit(postgres))} cores are those of one server: one with"
            f" {GREAT_SERVER} cores bears some {number(GREAT_SERVER * borne_by_a_core(postgres))} merges a second,"
            " if its disks keep up, and is what limits first."
        )
    if redis := kinds.get("redis"):
        sentences.append(
            "Redis works with one core, which bears some"
            f" {number(borne_by_a_core(redis))} merges a second, and more the more jobs the relay packs into a lane."
        )
    return " ".join(sentences)
