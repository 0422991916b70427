"""Parts of URLs that are arguments of views."""

from werkzeug.routing import BaseConverter


class UrlPart(BaseConverter):
    """Any part of a path that is no URL of its own: `/profiles/import` is not the profile `import`."""

    regex = r"(?!import$)[^/]+"
