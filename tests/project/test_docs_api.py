"""docs/api.md describes every endpoint as the server describes it."""

import runpy

import pytest

from tests.project.tree import ROOT, text_of


def test_the_endpoints_are_the_endpoints_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python .ci/endpoints.py` brings it up to date."""
    monkeypatch.syspath_prepend(ROOT / ".ci")
    part = runpy.run_path(str(ROOT / ".ci" / "endpoints.py"))["PART"]

    assert text_of("docs/api.md") == part.renewed(text_of("docs/api.md"))
