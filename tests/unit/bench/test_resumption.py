"""A whole run in two pieces: the second one has the parts for which the first one had no time."""

from typing import Any

from bench.machine import identity
from bench.resumption import add_parts, is_of_this_machine, missing_parts

NOT_STARTED = {"failed": "not started, because 40 minutes had passed", "took_s": 0.0}
FAILED = {"failed": "BenchError: No merge.", "took_s": 3.0}


def run(**parts: Any) -> dict[str, Any]:
    return {"made_at": "2026-01-01T10:00:00+00:00", "seconds": 60.0, "machine": identity(), "parts": parts}


def test_only_parts_that_did_not_start_are_missing() -> None:
    assert missing_parts(run(hub={"took_s": 1.0}, large=NOT_STARTED, plan=FAILED)) == ["large"]


def test_the_parts_of_the_second_piece_replace_the_missing_ones() -> None:
    later = {**run(large={"took_s": 2.0}), "made_at": "2026-01-01T11:00:00+00:00"}
    whole = add_parts(run(hub={"took_s": 1.0}, large=NOT_STARTED), later)

    assert whole["parts"] == {"hub": {"took_s": 1.0}, "large": {"took_s": 2.0}}
    assert whole["made_at"] == "2026-01-01T10:00:00+00:00"
    assert whole["resumed"] == {"at": "2026-01-01T11:00:00+00:00", "parts": ["large"]}
    assert whole["seconds"] == 120.0


def test_a_run_of_another_machine_is_not_continued() -> None:
    assert is_of_this_machine(run())
    assert not is_of_this_machine({**run(), "machine": {**identity(), "cores": 1_000}})
