"""Compiles the routes of the web application once for all applications that the tests create.

Werkzeug generates and compiles two functions per route, which takes most of the time to create an application. The
tests create thousands of applications. The generated code depends only on the route.
"""

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

Builder = Callable[..., tuple[str, str]]

_compiled: dict[tuple[str, tuple[Any, ...], bool], Builder] = {}
_compile_builder = Rule._compile_builder


def _compile_once(rule: Rule, append_unknown: bool = True) -> Builder:  # noqa: FBT002  as Werkzeug calls it
    """Return the function that builds URLs of *rule*; its first argument is the rule."""
    if rule.defaults:
        return _compile_builder(rule, append_unknown)
    key = rule.rule, tuple(rule._trace), append_unknown
    if key not in _compiled:
        _compiled[key] = _compile_builder(rule, append_unknown)
    return _compiled[key]


Rule._compile_builder = _compile_once  # type: ignore[method-assign]
