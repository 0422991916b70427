"""The report of a run, as Markdown for people and JSON for machines."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import orjson

from fuzz.run import Result


def command(result: Result) -> str:
    """Return the command that repeats a run."""
    count = result.requests - result.described + result.over_sockets
    return f"make fuzz N={count} DESCRIBED={result.described} SEED={result.seed}"


def markdown(result: Result) -> str:
    """Return the report of a run."""
    lines = [
        f"`{command(result)}`",
        "",
        f"- {result.requests:,} requests in the process, {result.over_sockets:,} over sockets.",
        f"- {result.described:,} of those in the process were generated from the OpenAPI document.",
        f"- Duration: {result.seconds:.0f} s.",
        f"- Endpoints: {len(result.endpoints)}. Slowest response: {result.slowest_s:.1f} s.",
        f"- Responses: {_counts(result.answers)}.",
        f"- {result.jobs:,} jobs were accepted and run.",
        f"- **{len(result.found)} faulty responses, {len(result.broken)} guarantees broken.**",
    ]
    for found in result.found:
        lines += [
            "",
            f"Request {found.number}:",
            "",
            *(f"- {fault}" for fault in found.faults),
            "",
            "```",
            found.description,
            "```",
        ]
    if result.broken:
        lines += ["", "Broken:", "", *(f"- {each}" for each in result.broken)]
    return "\n".join(lines)


def save(result: Result, report: str, folder: Path) -> Path:
    """Write the *report*, and the *result* as JSON, into *folder*; return the path of the report."""
    folder.mkdir(exist_ok=True)
    stem = f"{result.seed}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    (folder / f"{stem}.json").write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2))
    path = folder / f"{stem}.md"
    path.write_text(f"{report}\n", encoding="utf-8", errors="backslashreplace")
    return path


def _counts(counts: Mapping[str, int]) -> str:
    """Return *counts* as words."""
    return ", ".join(f"{name}: {count:,}" for name, count in sorted(counts.items()))
