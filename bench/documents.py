"""Writes the results of the last complete run into docs/performance.md."""

from pathlib import Path

from bench.errors import BenchError

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
#: Text of the document before the first complete run.
NONE_YET = "No results yet: run `make bench`, then `python -m bench --write-docs`."
PICTURES = {
    "throughput": "Merges per second and processor time of all contenders",
    "latency": "Waiting times, p50 and p99",
    "growth": "Costs and rates as things grow",
}


def told(results: Path = RESULTS) -> str:
    """Return the tables and then the pictures of the run in *results*, as Markdown."""
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
    """Return *document* with *results* between its marks. Raises BenchError without marks."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise BenchError(f"{DOCUMENT.name} lacks the lines {BEGIN} and {END}. Add them where the results belong.")
    return f"{before}{BEGIN}\n\n{results}\n\n{END}{after}"


def write() -> None:
    """Write the results of the last complete run into the document."""
    DOCUMENT.write_text(with_results(DOCUMENT.read_text(encoding="utf-8"), told()), encoding="utf-8")
