"""The garbage collector, for processes that live long and make many small things without circles."""

import gc

#: Things made and not unmade after which it looks at the young, and how many such looks pass before it looks at older
#: ones. With Python's own numbers it takes a sixth of a lane's time.
COLLECT_AFTER = (20_000, 20, 100)


def collect_seldom() -> None:
    """Keep the garbage collector from looking through what is there now, and have it look seldom from here on.

    To be called when a process is ready: what was loaded by then never goes away, and is most of what there is.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
