"""Results are compared with targets: met, missed, or not measured."""

from typing import Any

import pytest

from bench.targets import TARGETS, verdicts


def results(of_medians: float) -> dict[str, Any]:
    ratios = {"merges_per_s": {"of_medians": of_medians}, "cpu_ms_per_merge": {"of_medians": 1 / of_medians}}
    return {"parts": {"throughput": {"ratios": {"obvious": ratios}}}}


@pytest.mark.parametrize(("ratio", "verdict"), [(9.5, "met"), (9.0, "met"), (7.0, "missed")])
def test_a_target_is_met_at_its_bound_and_beyond(ratio: float, verdict: str) -> None:
    found = {each.target.name: each.word for each in verdicts(results(ratio))}

    assert found["End to end, against the obvious way"] == verdict
    assert found["Processor time per merge, against the obvious way"] == verdict


def test_a_target_without_a_result_of_its_part_is_not_measured() -> None:
    found = {each.target.name: each for each in verdicts(results(7.0))}

    assert found["End to end, against the floor"].word == "not measured"
    assert found["End to end, against the floor"].formatted_value == ""


def test_targets_of_a_failed_part_are_not_measured() -> None:
    found = verdicts({"parts": {target.part: {"failed": "why"} for target in TARGETS}})

    assert {each.word for each in found} == {"not measured"}


def test_the_names_of_targets_are_unique() -> None:
    names = [target.name for target in TARGETS]

    assert sorted(names) == sorted(set(names))


def test_a_ratio_has_the_smallest_and_the_largest_of_a_round() -> None:
    results = {"parts": {"xmin": {"ratio": {"of_medians": 0.93, "min": 0.8, "max": 1.1}}}}
    (found,) = (each for each in verdicts(results) if each.target.part == "xmin")

    assert (found.word, found.formatted_value, found.target.formatted_bound) == (
        "met",
        "0.93 times (0.8 to 1.1)",
        "≥ 0.9 times",
    )


def test_a_figure_without_a_bound_is_only_reported() -> None:
    lone = {"outcome": {"p50": 10.0, "p99": 20.0}, "empty_task": {"p50": 5.0}}
    found = {each.target.name: each for each in verdicts({"parts": {"latency": {"lone": lone}}})}
    verdict = found["A lone update, p50 against an empty Celery task"]

    assert (verdict.word, verdict.formatted_value, verdict.to_json()["bound"]) == ("reported", "2 times", None)
