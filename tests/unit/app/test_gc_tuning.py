"""The garbage collector: what is there when a process is ready is left alone."""

import subprocess
import sys

PROGRAM = """
import gc
from app.gc_tuning import COLLECT_AFTER, tune_gc

tune_gc()
print(gc.get_freeze_count() > 1_000, gc.get_threshold() == COLLECT_AFTER, gc.isenabled())
"""


def test_what_was_loaded_is_not_looked_through_and_the_rest_is_seldom() -> None:
    told = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert told.stdout.split() == ["True", "True", "True"]
