"""The routes of the front door, compiled once for all the applications that the tests make.

Werkzeug writes and compiles two functions for each route, which is most of what an application costs to make, and the
tests make thousands. What it writes depends on the route alone.
"""

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

Builder = Callable[..., tuple[str, str]]

_compiled: dict[tuple[str, tuple[Any, ...], bool], Builder] = {}
_compile_builder = Rule._compile_builder


def _compile_once(rule: Rule, append_unknown: bool = True) -> Builder:  # noqa: FBT002  as Werkzeug calls it
    """Return the function that builds URLs of *rule*, which takes the rule itself as its first argument."""
    if rule.defaults:
        return _compile_builder(rule, append_unknown)
    key = rule.rule, tuple(rule._trace), append_unknown
    if key not in _compiled:
        _compiled[key] = _compile_builder(rule, append_unknown)
    return _compiled[key]


Rule._compile_builder = _compile_once  # type: ignore[method-assign]
