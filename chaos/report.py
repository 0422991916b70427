"""What a run came to, as Markdown for people and JSON for machines."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import orjson

from chaos.audit import Findings
from chaos.monkey import GAP_S
from chaos.plain_run import PlainResult
from chaos.run import Options, Result

MOST_SHOWN = 20


def command(options: Options, target: str = "chaos") -> str:
    """Return the command that repeats a run."""
    only = f" ONLY={','.join(options.only)}" if options.only else ""
    gap = "" if options.gap_s == GAP_S else f" ARGS='--gap {options.gap_s:g}'"
    return f"make {target} MINUTES={options.seconds / 60:g} SEED={options.seed}{only}{gap}"


def markdown(result: Result) -> str:
    """Return the report of a run."""
    findings = result.findings
    rows = [
        f"| {fault} | {each.strikes} | {each.jobs} | {each.slowest_s:.1f} s | {each.slowest_after_s:.1f} s |"
        for fault, each in sorted(result.recoveries.items())
    ]
    lost, doubled, broken = len(findings.lost), len(findings.doubled), len(findings.broken)
    attempts, strandings = findings.most_attempts, findings.most_strandings
    lines = [
        f"`{command(result.options)}`",
        "",
        f"- {len(result.strikes)} strikes.",
        f"- {findings.jobs} jobs accepted, {findings.merged} merged, {findings.dead} dead as planted.",
        f"- **{lost} lost, {doubled} doubled, {broken} promises broken.**",
        f"- At rest {result.rest_s:.1f} s after the last strike.",
        f"- Most attempts at one job: {attempts}; most of them without an end: {strandings}.",
        f"- Answers: {_counts(result.answers)}; {result.uncertain} writes of which nobody could tell.",
        f"- Starts: {_counts(result.starts)}.",
        "",
        "| Fault | Strikes | Jobs under way | Slowest, from its beginning | Slowest, from its end |",
        "|---|---|---|---|---|",
        *rows,
        *_told(findings),
    ]
    return "\n".join(lines)


def plain_markdown(result: PlainResult) -> str:
    """Return the report of the comparison."""
    lines = [
        f"`{command(result.options, 'chaos-plain')}`",
        "",
        f"- Celery without the ledger: {result.strikes} strikes, {result.tasks} tasks accepted.",
        f"- **{result.lost} lost without a trace, {result.repeated} run more than once.**",
        f"- {result.contradicted} of these told something else than `merged` after they had merged.",
        f"- {result.refused} sends were refused while Redis was away, and made again by the driver.",
        *_told(result.findings),
    ]
    return "\n".join(lines)


def save(result: Result | PlainResult, told: str, folder: Path) -> Path:
    """Write the report *told*, and the *result* as JSON, into *folder*; return where the report is."""
    folder.mkdir(exist_ok=True)
    options = result.options
    plain = "plain-" if isinstance(result, PlainResult) else ""
    stem = "-".join([f"{plain}{options.seed}", *options.only[:3], f"{datetime.now(UTC):%Y%m%dT%H%M%S}"])
    data = {"command": command(options), **asdict(result)}
    (folder / f"{stem}.json").write_bytes(orjson.dumps(data, option=orjson.OPT_INDENT_2))
    path = folder / f"{stem}.md"
    path.write_text(f"{told}\n", encoding="utf-8")
    return path


def _told(findings: Findings) -> Sequence[str]:
    """Return the lines that tell what was found, the first of each kind."""
    lines: list[str] = []
    for title, found in (("Lost", findings.lost), ("Doubled", findings.doubled), ("Broken", findings.broken)):
        if found:
            lines += ["", f"{title}, {len(found)} in all:", "", *(f"- {each}" for each in found[:MOST_SHOWN])]
    return lines


def _counts(counts: Mapping[str, int]) -> str:
    """Return *counts* as words."""
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
