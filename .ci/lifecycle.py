"""Write the diagram and the table of transitions in docs/job-lifecycle.md from schemas/job_transitions.py.

After a change, `make diagrams` draws the diagram again.
"""

from collections.abc import Iterator

from generated import GeneratedPart

from schemas.job_transitions import MEANINGS, TRANSITIONS, JobEvent, Phase

#: Names in the diagram of phases that are not states of the ledger.
NAMES = {Phase.WAITING: "queued, not published", Phase.PUBLISHED: "queued, published"}


def content() -> str:
    """Return the diagram and the table."""
    return "\n".join([*_diagram(), "", *_table()])


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


PART = GeneratedPart(document="docs/job-lifecycle.md", name="transitions", content=content)

if __name__ == "__main__":
    PART.write()
