"""What ends a run of the chaos room before its time."""


class ChaosError(Exception):
    """The run could not go on; the message says why and where to look."""
