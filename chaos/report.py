"""The report of a run, as Markdown for people and JSON for machines."""

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
    scenario = f" SCENARIO={options.scenario}" if options.scenario else ""
    return f"make {target}{scenario} MINUTES={options.seconds / 60:g} SEED={options.seed}{only}{gap}"


def markdown(result: Result) -> str:
    """Return the report of a run."""
    findings = result.findings
    rows = [
        f"| {fault} | {each.strikes} | {each.jobs} | {each.slowest_s:.1f} s | {each.slowest_after_s:.1f} s |"
        for fault, each in sorted(result.recoveries.items())
    ]
    lost, doubled, broken = len(findings.lost), len(findings.doubled), len(findings.broken)
    attempts, stalled = findings.most_attempts, findings.most_stalled_attempts
    lines = [
        f"`{command(result.options)}`",
        "",
        f"- {len(result.strikes)} strikes.",
        f"- {findings.jobs} jobs accepted, {findings.merged} merged, {findings.dead} dead as planted.",
        f"- **{lost} lost, {doubled} doubled, {broken} guarantees broken.**",
        *_steered_lines(result),
        f"- All jobs ended {result.rest_s:.1f} s after the last strike.",
        f"- Most attempts of one job: {attempts}; most stalled attempts of one job: {stalled}.",
        f"- Responses: {_counts(result.answers)}; {result.uncertain} writes without a response.",
        f"- Starts: {_counts(result.starts)}.",
        "",
        "| Fault | Strikes | Jobs in progress | Slowest recovery from its start | Slowest recovery from its end |",
        "|---|---|---|---|---|",
        *rows,
        *_finding_lines(findings),
    ]
    return "\n".join(lines)


def plain_markdown(result: PlainResult) -> str:
    """Return the report of the comparison."""
    lines = [
        f"`{command(result.options, 'chaos-plain')}`",
        "",
        f"- Celery without the ledger: {result.strikes} strikes, {result.tasks} tasks accepted.",
        f"- **{result.lost} lost without a trace, {result.repeated} completed more than once.**",
        f"- {result.contradicted} of the repeated tasks reported another outcome after they had merged.",
        f"- {result.refused} sends were refused while Redis was unavailable; the driver repeated them.",
        *_finding_lines(result.findings),
    ]
    return "\n".join(lines)


def save(result: Result | PlainResult, report: str, folder: Path) -> Path:
    """Write the *report*, and the *result* as JSON, into *folder*; return the path of the report."""
    folder.mkdir(exist_ok=True)
    options = result.options
    plain = "plain-" if isinstance(result, PlainResult) else ""
    parts = [*([options.scenario] if options.scenario else []), *options.only[:3]]
    stem = "-".join([f"{plain}{options.seed}", *parts, f"{datetime.now(UTC):%Y%m%dT%H%M%S}"])
    data = {"command": command(options), **asdict(result)}
    (folder / f"{stem}.json").write_bytes(orjson.dumps(data, option=orjson.OPT_INDENT_2))
    path = folder / f"{stem}.md"
    path.write_text(f"{report}\n", encoding="utf-8")
    return path


def _steered_lines(result: Result) -> Sequence[str]:
    """Return the line on what operators did, if any worked in the run."""
    if not result.stories:
        return ()
    return (f"- Steered: {_counts(result.stories)}; outcomes of their jobs: {_counts(result.steered)}.",)


def _finding_lines(findings: Findings) -> Sequence[str]:
    """Return the first MOST_SHOWN findings of each kind as lines."""
    lines: list[str] = []
    for title, found in (("Lost", findings.lost), ("Doubled", findings.doubled), ("Broken", findings.broken)):
        if found:
            lines += ["", f"{title}, {len(found)} in total:", "", *(f"- {each}" for each in found[:MOST_SHOWN])]
    return lines


def _counts(counts: Mapping[str, int]) -> str:
    """Return *counts* as words."""
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
