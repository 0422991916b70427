"""Checks pages with axe, an engine of accessibility checkers."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

#: By default axe checks the rules of WCAG 2.2 up to level AA and its own best practices.
OPTIONS = {"resultTypes": ["violations"], "preload": False}
#: The impacts of faults that prevent people from using a page, or make it hard.
GRAVE = frozenset({"serious", "critical"})
#: Returns only the faults. The rest of the result is a hundred times as long.
RUN = "options => axe.run(options).then(found => found.violations)"
_script = Axe().axe_script


def grave_faults(page: Page) -> list[str]:
    """Return the serious and critical faults of *page*, each with its rule and the elements that break it."""
    page.evaluate(_script)
    found = page.evaluate(RUN, OPTIONS)
    return [
        f"{fault['id']} ({fault['impact']}): {node['html'][:200]} {node['failureSummary']}"
        for fault in found
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]
