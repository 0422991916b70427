"""The garbage collector does not scan objects that exist when a process is ready."""

import subprocess
import sys

PROGRAM = """
import gc
from app.gc_tuning import COLLECT_AFTER, tune_gc

tune_gc()
print(gc.get_freeze_count() > 1_000, gc.get_threshold() == COLLECT_AFTER, gc.isenabled())
"""


def test_loaded_objects_are_frozen_and_collections_are_rare() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["True", "True", "True"]
