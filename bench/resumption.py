"""The second piece of a whole run: the parts that did not start, because the machine was too slow for all of them."""

from collections.abc import Mapping
from typing import Any

from bench.machine import identity


def missing_parts(results: Mapping[str, Any]) -> list[str]:
    """Return the parts of a run that did not start."""
    return [name for name, part in results["parts"].items() if "failed" in part and part["took_s"] == 0]


def is_of_this_machine(results: Mapping[str, Any]) -> bool:
    """Return whether the run was made on this machine."""
    return all(results["machine"][name] == value for name, value in identity().items())


def add_parts(earlier: Mapping[str, Any], measured: Mapping[str, Any]) -> dict[str, Any]:
    """Return the results of the run *earlier* with the parts of *measured*, and the time at which those were made."""
    resumed = {"at": measured["made_at"], "parts": list(measured["parts"])}
    seconds = earlier["seconds"] + measured["seconds"]
    return {**earlier, "parts": {**earlier["parts"], **measured["parts"]}, "seconds": seconds, "resumed": resumed}
