"""`python -m bench`: measure, print a report, and store the results."""

import sys
from itertools import chain
from pathlib import Path
from typing import Any

import click
import orjson

from bench import curves, documents, resumption
from bench.documents import RESULTS
from bench.parts.growth import CURVES
from bench.plots import draw
from bench.report import markdown
from bench.run import APART, KNOWN, PARTS, run_bench
from bench.sizes import NAMED, Sizes
from bench.targets import verdicts

#: All curves together.
GROWTH = "growth"


@click.command()
@click.option(
    "--only",
    default="",
    help=f"Run only these parts, separated by commas: {', '.join(PARTS)}; not in a whole run: {', '.join(APART)}, or"
    f" {GROWTH} for all curves.",
)
@click.option(
    "--scale", default="full", show_default=True, help=f"Size of every part: {', '.join(NAMED)}, or a number."
)
@click.option("--rounds", type=int, help="Rounds of every contender; default: by the scale.")
@click.option("--resume", is_flag=True, help="Run the parts that the last whole run did not start, and add them to it.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Folder for the results.")
@click.option(
    "--write-docs", is_flag=True, help="Measure nothing; write the last complete run into docs/performance.md."
)
def main(*, only: str, scale: str, rounds: int | None, resume: bool, results: Path, write_docs: bool) -> None:
    """Compare Mergelane with a plain Celery design, with another queue, and with no queue."""
    if write_docs:
        documents.write()
        return
    parts, sizes = _parts(only), Sizes(scale=_scale(scale), requested_rounds=rounds)
    earlier = _read_whole_run(results) if resume else None
    measured = run_bench(resumption.missing_parts(earlier) if earlier else parts, sizes, _log)
    if earlier:
        measured = resumption.add_parts(earlier, measured)
    measured["targets"] = [verdict.to_json() for verdict in verdicts(measured)]
    click.echo(markdown(measured))
    # Only a complete run may replace the published results.
    _keep(measured, results, "latest" if sizes.whole and (earlier or not parts) else "partial")
    sys.exit(1 if any("failed" in part for part in measured["parts"].values()) else 0)


def _read_whole_run(folder: Path) -> dict[str, Any]:
    """Return the results of the last whole run; raise UsageError if it has all parts, or ran on another machine."""
    path = folder / "latest.json"
    if not path.exists():
        raise click.UsageError(f"{path} is missing: run the whole benchmark first.")
    earlier: dict[str, Any] = orjson.loads(path.read_bytes())
    if not resumption.missing_parts(earlier):
        raise click.UsageError(f"The run in {path} started all parts.")
    if not resumption.is_of_this_machine(earlier):
        raise click.UsageError(f"The run in {path} was made on another machine: run the whole benchmark here.")
    return earlier


def _keep(measured: dict[str, Any], results: Path, name: str) -> None:
    """Write *measured* to the folder *results* as NAME.json, NAME.md and pictures."""
    results.mkdir(parents=True, exist_ok=True)
    (results / f"{name}.json").write_bytes(orjson.dumps(measured, option=orjson.OPT_INDENT_2) + b"\n")
    (results / f"{name}.md").write_text(markdown(measured), encoding="utf-8")
    pictures = [*(path.name for path in draw(measured, results, name)), *curves.keep(measured, results)]
    _log(f"Results in {results}: {', '.join([f'{name}.md', f'{name}.json', *pictures])}.")


def _parts(only: str) -> list[str]:
    """Return the parts named in *only*; raise UsageError with the known parts if one is unknown."""
    named = [name.strip() for name in only.split(",") if name.strip()]
    names = list(chain.from_iterable(CURVES if name == GROWTH else [name] for name in named))
    if unknown := [name for name in names if name not in KNOWN]:
        raise click.UsageError(f"Unknown part: {', '.join(unknown)}. Known parts: {', '.join(KNOWN)}.")
    return names


def _scale(given: str) -> float:
    """Return the scale *given* as a name or a number; raise UsageError if it is neither."""
    try:
        scale = NAMED[given] if given in NAMED else float(given)
    except ValueError:
        scale = 0.0
    if not 0 < scale <= 1:
        raise click.UsageError(
            f"Invalid scale {given!r}: give one of {', '.join(NAMED)}, or a number above 0 and up to 1."
        )
    return scale


def _log(sentence: str) -> None:
    """Print progress on standard error, apart from the report."""
    click.echo(sentence, err=True)


if __name__ == "__main__":
    main(prog_name="python -m bench")
