"""The requests whose bodies may have any length, since their views read them while they arrive.

A module without Flask, since the server reads it too.
"""

#: The method and the path of each.
STREAMED_BODIES = frozenset({("POST", "/profiles/import")})
