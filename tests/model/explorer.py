"""Explores every reachable state of a model, and checks safety in each of them and progress from each of them."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

S = TypeVar("S", bound=Hashable)

#: A model with more states is infinite by mistake.
MOST = 3_000_000


class Step(NamedTuple, Generic[S]):
    """A step to another state. *helps*: it happens eventually, with any faults and any operators."""

    label: str
    state: S
    helps: bool


@dataclass
class Exploration(Generic[S]):
    """The states of a model, and the first violation as a sentence with the shortest way to it."""

    states: int = 0
    steps: int = 0
    violation: str = ""
    #: Labels of all steps that occurred.
    labels: set[str] = field(default_factory=set)


def explore(
    start: S,
    steps: Callable[[S], Iterable[Step[S]]],
    *,
    fault: Callable[[S, S], str],
    is_settled: Callable[[S], bool],
) -> Exploration[S]:
    """Visit every state from *start*, nearest first.

    *fault* returns a sentence when a step breaks an invariant, given the states before and after it. From every state,
    a state that *is_settled* must be reachable by steps that help. A model of more than MOST states is a violation.
    """
    found: Exploration[S] = Exploration()
    came_from: dict[S, tuple[S, str] | None] = {start: None}
    helpers: dict[S, list[S]] = {}
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        if len(came_from) > MOST:
            found.violation = f"The model has more than {MOST:,} states: {_way(came_from, state)}"
            return found
        for step in steps(state):
            found.steps += 1
            found.labels.add(step.label.split(" ")[0])
            if step.state not in came_from:
                came_from[step.state] = (state, step.label)
                waiting.append(step.state)
            if step.helps:
                helpers.setdefault(step.state, []).append(state)
            if sentence := fault(state, step.state):
                found.violation = f"{sentence}: {_way(came_from, state)}, {step.label}"
                found.states = len(came_from)
                return found
    found.states = len(came_from)
    live = _ancestors([state for state in came_from if is_settled(state)], helpers)
    stuck = next((state for state in came_from if state not in live), None)
    if stuck is not None:
        found.violation = f"A job is stuck: {_way(came_from, stuck)}"
    return found


def _ancestors(settled: Iterable[S], helpers: dict[S, list[S]]) -> set[S]:
    """Return the states from which steps that help lead to one of *settled*."""
    live = set(settled)
    waiting = deque(live)
    while waiting:
        for before in helpers.get(waiting.popleft(), ()):
            if before not in live:
                live.add(before)
                waiting.append(before)
    return live


def _way(came_from: dict[S, tuple[S, str] | None], state: S) -> str:
    """Return the labels of the shortest way to *state*."""
    labels: list[str] = []
    while (origin := came_from[state]) is not None:
        state, label = origin
        labels.append(label)
    return ", ".join(reversed(labels)) or "at the start"
