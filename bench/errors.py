"""The error of the benchmark."""


class BenchError(Exception):
    """A measurement failed, or the measured program did not do its work. The message names it and the reason."""
