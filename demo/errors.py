"""Errors of the demo."""


class DemoError(Exception):
    """The demo cannot continue, or a result is not as expected; the message contains the details."""
