"""What the last whole run told, put into the document that explains it."""

from pathlib import Path

from bench.errors import BenchError

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
#: What stands there before there is a run to tell of.
NONE_YET = "No whole run has been kept yet: `make bench` makes one, `python -m bench --write-docs` puts it here."
PICTURES = {
    "throughput": "Merges per second and processor time of all contenders",
    "latency": "Waiting times, p50 and p99",
    "growth": "Costs and rates as things grow",
}


def told(results: Path = RESULTS) -> str:
    """Return what the document is to say of the run in *results*: its tables, then its pictures."""
    tables = results / "latest.md"
    if not tables.exists():
        return NONE_YET
    pictures = [
        f"![{what}](../bench/results/latest-{name}.png)"
        for name, what in PICTURES.items()
        if (results / f"latest-{name}.png").exists()
    ]
    return "\n\n".join([tables.read_text(encoding="utf-8").strip(), *pictures])


def with_results(document: str, results: str) -> str:
    """Return *document* with *results* between its marks. Raises BenchError when it has none."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise BenchError(f"{DOCUMENT.name} has no lines {BEGIN} and {END} for the results to stand between.")
    return f"{before}{BEGIN}\n\n{results}\n\n{END}{after}"


def write() -> None:
    """Put the results of the last whole run into the document."""
    DOCUMENT.write_text(with_results(DOCUMENT.read_text(encoding="utf-8"), told()), encoding="utf-8")
