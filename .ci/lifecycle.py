"""Write the diagram and the table of transitions in docs/job-lifecycle.md from schemas/job_transitions.py."""

from collections.abc import Iterator
from pathlib import Path

from schemas.job_transitions import MEANINGS, TRANSITIONS, JobEvent, Phase

DOCUMENT = Path(__file__).parents[1] / "docs" / "job-lifecycle.md"
BEGIN, END = "<!-- transitions: begin -->\n", "<!-- transitions: end -->\n"
#: Names in the diagram of phases that are not states of the ledger.
NAMES = {Phase.WAITING: "queued, not published", Phase.PUBLISHED: "queued, published"}


def main() -> None:
    """Update docs/job-lifecycle.md. After a change, `make diagrams` draws the diagram again."""
    DOCUMENT.write_text(renewed(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{DOCUMENT.name} is up to date.")


def renewed(text: str) -> str:
    """Return *text* with a new diagram and table between its two marks."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    content = "\n".join([*_diagram(), "", *_table()])
    return f"{before}{BEGIN}\n{content}\n\n{END}{after}"


def _diagram() -> Iterator[str]:
    """Yield the lines of the diagram: one arrow for each pair of phases, with all its events."""
    yield "```mermaid\nstateDiagram-v2"
    for phase, name in NAMES.items():
        yield f'    state "{name}" as {phase}'
    yield f"    [*] --> {Phase.WAITING}: accept"
    for before in Phase:
        for after in Phase:
            if events := [event for event in JobEvent if after in TRANSITIONS[event].get(before, ())]:
                yield f"    {before} --> {after}: {'<br/>'.join(events)}"
    yield f"    {Phase.FINISHED} --> [*]\n    {Phase.DEAD} --> [*]\n```"


def _table() -> Iterator[str]:
    """Yield the lines of the table: one row for each event."""
    yield "| Event | What happens | Transitions |\n|---|---|---|"
    for event in JobEvent:
        pairs = [f"{_name(before)} → {' or '.join(map(_name, after))}" for before, after in TRANSITIONS[event].items()]
        yield f"| {event} | {MEANINGS[event]} | {'; '.join(pairs)} |"


def _name(phase: Phase) -> str:
    """Return the phase as a state of the ledger."""
    return f"`{phase.state}`" + {Phase.WAITING: " (not published)", Phase.PUBLISHED: " (published)"}.get(phase, "")


if __name__ == "__main__":
    main()
