"""What may go wrong in the demonstration."""


class DemoError(Exception):
    """The demonstration cannot go on, or saw something that should not be; the message says what and where."""
