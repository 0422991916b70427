"""The garbage collector: what is there when a process is ready is left alone."""

import subprocess
import sys

PROGRAM = """
import gc
from app.gc_tuning import COLLECT_AFTER, tune_gc

tune_gc()
print(gc.get_freeze_count() > 1_000, gc.get_threshold() == COLLECT_AFTER, gc.isenabled())
"""


def test_loaded_objects_are_frozen_and_collections_are_rare() -> None:
    told = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert told.stdout.split() == ["True", "True", "True"]
