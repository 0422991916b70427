"""Explore the model with more faults: `python -m tests.model --faults 3`."""

import argparse
import sys

from tests.model.explorer import explore
from tests.model.protocol import Protocol


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=2, help="The number of faults in one run (default 2).")
    faults = parser.parse_args().faults
    for name, protocol in {
        "two merges": Protocol(faults=faults),
        "two merges of one lane": Protocol(one_lane=True, faults=faults),
        "a merge and its undo": Protocol(undoes=True, faults=faults),
    }.items():
        found = explore(protocol.start, protocol.steps, fault=protocol.fault, is_settled=protocol.is_settled)
        sys.stdout.write(
            f"{name}: {found.states:,} states, {found.steps:,} steps. {found.violation or 'Every invariant holds.'}\n"
        )
        if found.violation:
            raise SystemExit(1)


if __name__ == "__main__":
    main()
