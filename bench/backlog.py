"""A database with a large backlog, written once in a run for all parts that start with it."""

from bench.ground import Ground
from bench.sizes import Sizes
from bench.world import World, make_world, plant_backlog

#: Waiting jobs at scale 1, and pairs of profiles that they name: later jobs repeat the pairs.
BACKLOG, PAIRS = 1_000_000, 200_000
#: Pairs that only the last jobs of the backlog name.
FREE = 1_000
KEY = "backlog"


def backlog_world(ground: Ground, sizes: Sizes) -> World:
    """Return a database with the backlog of a workspace, to be copied.

    Its first jobs do not name the first FREE pairs.
    """
    if KEY not in ground.kept:
        backlog = sizes.of(BACKLOG)
        world = make_world(ground, min(PAIRS, backlog) + FREE)
        with ground.connect(world.database) as connection:
            plant_backlog(connection, world, first=FREE, count=backlog)
        ground.kept[KEY] = world
    return ground.kept[KEY]
