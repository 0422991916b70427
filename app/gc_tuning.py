"""Garbage collection of long-lived processes, which create many small objects and few cycles.

A file of its own, because web and workers both use it, and it needs nothing of the application.
"""

import gc

#: Thresholds of the three generations. With Python's defaults, collection takes a sixth of a lane's time.
COLLECT_AFTER = (20_000, 20, 100)


def tune_gc() -> None:
    """Exclude the existing objects from collection and collect less often.

    Call it when a process has started: what is loaded by then stays until its end, and is most of its objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
