"""Writes the results of the last complete run into docs/performance.md."""

from pathlib import Path

from bench import curves
from bench.errors import BenchError

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
CURVE_MARKS = "<!-- curves: begin -->", "<!-- curves: end -->"
NO_CURVES_YET = "No curves yet: run `make bench ONLY=growth`, then `python -m bench --write-docs`."
#: Text of the document before the first complete run.
NONE_YET = "No results yet: run `make bench`, then `python -m bench --write-docs`."
PICTURES = {
    "throughput": "Merges per second and processor time of all contenders",
    "latency": "Waiting times, p50 and p99",
    "growth": "Costs and rates as things grow",
}


def results_text(results: Path = RESULTS) -> str:
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


def curves_text(results: Path = RESULTS) -> str:
    """Return the curves of the runs in *results*, as Markdown."""
    return curves.curves_markdown(results) or NO_CURVES_YET


def with_results(document: str, results: str, marks: tuple[str, str] = (BEGIN, END)) -> str:
    """Return *document* with *results* between its marks. Raises BenchError without marks."""
    before, begin, rest = document.partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not begin or not end:
        raise BenchError(
            f"{DOCUMENT.name} lacks the lines {marks[0]} and {marks[1]}. Add them where the results belong."
        )
    return f"{before}{begin}\n\n{results}\n\n{end}{after}"


def write() -> None:
    """Write the results of the last complete run, and the kept curves, into the document."""
    document = with_results(DOCUMENT.read_text(encoding="utf-8"), results_text())
    DOCUMENT.write_text(with_results(document, curves_text(), CURVE_MARKS), encoding="utf-8")
