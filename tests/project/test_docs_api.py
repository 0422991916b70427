"""docs/api.md tells every endpoint as the server describes it."""

import runpy

from tests.project.tree import ROOT, text_of


def test_the_endpoints_are_those_of_the_server() -> None:
    """`python .ci/endpoints.py` brings it up to date."""
    renewed = runpy.run_path(str(ROOT / ".ci" / "endpoints.py"))["renewed"]

    assert text_of("docs/api.md") == renewed(text_of("docs/api.md"))
