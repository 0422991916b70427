"""`python -m bench`: measure, tell, and keep what was measured."""

import sys
from pathlib import Path
from typing import Any

import click
import orjson

from bench import documents
from bench.documents import RESULTS
from bench.plots import draw
from bench.report import markdown
from bench.run import PARTS, run
from bench.sizes import NAMED, Sizes
from bench.targets import verdicts


@click.command()
@click.option("--only", default="", help=f"Run these parts alone, separated by commas: {', '.join(PARTS)}.")
@click.option(
    "--scale", default="full", show_default=True, help=f"How much of everything: {', '.join(NAMED)}, or a number."
)
@click.option("--rounds", type=int, help="Rounds that all contenders go through; the scale's own by default.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Where to write what was measured.")
@click.option("--write-docs", is_flag=True, help="Measure nothing: put the last whole run into docs/performance.md.")
def main(*, only: str, scale: str, rounds: int | None, results: Path, write_docs: bool) -> None:
    """Measure Mergelane side by side with the obvious way, with another queue and with no queue at all."""
    if write_docs:
        documents.write()
        return
    wanted, sizes = _parts(only), Sizes(scale=_scale(scale), rounds_asked=rounds)
    measured = run(wanted, sizes, _tell)
    measured["targets"] = [verdict.to_json() for verdict in verdicts(measured)]
    click.echo(markdown(measured))
    # Only a whole run may stand for the product; any other is for those who work on it.
    _keep(measured, results, "latest" if sizes.whole and not wanted else "partial")
    sys.exit(1 if any("failed" in part for part in measured["parts"].values()) else 0)


def _keep(measured: dict[str, Any], results: Path, name: str) -> None:
    """Write what was *measured* to the folder *results* as NAME.json, NAME.md and pictures."""
    results.mkdir(parents=True, exist_ok=True)
    (results / f"{name}.json").write_bytes(orjson.dumps(measured, option=orjson.OPT_INDENT_2) + b"\n")
    (results / f"{name}.md").write_text(markdown(measured), encoding="utf-8")
    pictures = [path.name for path in draw(measured, results, name)]
    _tell(f"Written to {results}: {', '.join([f'{name}.md', f'{name}.json', *pictures])}.")


def _parts(only: str) -> list[str]:
    """Return the parts named in *only*; raises UsageError, naming those that there are, when one is none."""
    names = [name.strip() for name in only.split(",") if name.strip()]
    if unknown := [name for name in names if name not in PARTS]:
        raise click.UsageError(f"There is no part {', '.join(unknown)}; those that there are: {', '.join(PARTS)}.")
    return names


def _scale(given: str) -> float:
    """Return the scale that *given* names or says; raises UsageError when it is neither."""
    try:
        scale = NAMED[given] if given in NAMED else float(given)
    except ValueError:
        scale = 0.0
    if not 0 < scale <= 1:
        raise click.UsageError(f"A scale is one of {', '.join(NAMED)}, or a number above 0 and up to 1; not {given!r}.")
    return scale


def _tell(sentence: str) -> None:
    """Tell what happens meanwhile, apart from the report."""
    click.echo(sentence, err=True)


if __name__ == "__main__":
    main(prog_name="python -m bench")
