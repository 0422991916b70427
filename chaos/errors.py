"""Errors of the chaos tests."""


class ChaosError(Exception):
    """The run could not continue; the message contains the reason and the log."""
