"""What can go wrong in a benchmark run."""


class BenchError(Exception):
    """A measurement could not be made, or what was measured did not do its work; says which and why."""
