"""Makes a failing request smaller while it still fails in the same way."""

import copy
import dataclasses
import json  # noqa: TID251  as in fuzz.bodies
from collections.abc import Callable, Iterator
from typing import Any

from fuzz.bodies import places
from fuzz.request import Request

#: Maximum number of tries.
TRIES = 250


def shrunk(request: Request, still_fails: Callable[[Request], bool]) -> Request:
    """Leave out part after part; return the smallest request for which *still_fails* is true."""
    tries = 0
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(request):
            tries += 1
            if tries > TRIES:
                return request
            if still_fails(candidate):
                request, smaller = candidate, True
                break
    return request


def _smaller(request: Request) -> Iterator[Request]:
    """Yield *request* without one of its parts, the largest parts first."""
    if request.query:
        yield dataclasses.replace(request, query="")
    for place in range(1, len(request.headers)):
        headers = request.headers
        yield dataclasses.replace(request, headers=headers[:place] + headers[place + 1 :])
    if request.tree is not None:
        for tree in _smaller_trees(request.tree):
            body = json.dumps(tree).encode("utf-8", "surrogatepass")
            yield dataclasses.replace(request, tree=tree, body=body)
    elif request.body:
        half = len(request.body) // 2
        yield dataclasses.replace(request, body=request.body[:half])
        yield dataclasses.replace(request, body=request.body[half:])


def _smaller_trees(tree: Any) -> Iterator[Any]:
    """Yield *tree* without one of its parts, or with a long text cut in half."""
    for number in range(len(places([tree]))):
        whole = [copy.deepcopy(tree)]
        node, key = places(whole)[number]
        if node is not whole:
            del node[key]
            yield whole[0]
        elif isinstance(node[key], str) and len(node[key]) > 1:
            yield node[key][: len(node[key]) // 2]
    for number in range(1, len(places([tree]))):
        whole = [copy.deepcopy(tree)]
        node, key = places(whole)[number]
        if isinstance(node[key], str) and len(node[key]) > 1:
            node[key] = node[key][: len(node[key]) // 2]
            yield whole[0]
