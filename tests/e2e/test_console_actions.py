"""Each action of the console, on a desk and on a phone, light and dark, by mouse, by keyboard and without JavaScript.

All actions in all browser modes take minutes. Without MERGELANE_TEST_WALK=all each action runs in one browser mode, and
each mode runs several actions.
"""

import os
from typing import Any

import pytest
from playwright.sync_api import Error

from tests.support.accessibility import grave_faults
from tests.support.chromium import Visit
from tests.support.console import sign_in
from tests.support.console_actions import ACTIONS
from tests.support.console_pages import console_routes
from tests.support.console_settings import SETTINGS
from tests.support.console_walk import BROWSER_MODES, BrowserMode, Walk
from tests.support.system import System

ALL = {**ACTIONS, **SETTINGS}
#: Whether to do each action in each mode.
EVERYTHING = os.environ.get("MERGELANE_TEST_WALK") == "all"


def actions_of(mode: BrowserMode) -> list[str]:
    """Return the rules of the actions to do in *mode*."""
    return list(ALL) if EVERYTHING else list(ALL)[BROWSER_MODES.index(mode) :: len(BROWSER_MODES)]


def test_every_route_that_takes_a_form_is_an_action() -> None:
    routes = {rule.rule for method, rule in console_routes() if method == "POST"}

    assert sorted(routes - set(ALL)) == [], "Add the action to tests/support/console_actions.py or console_settings.py."
    assert {rule for mode in BROWSER_MODES for rule in actions_of(mode)} == set(ALL)


@pytest.fixture(scope="module")
def session() -> dict[str, Any]:
    """The client and the cookie of the sign-in that all modes share, empty before the first one."""
    return {}


@pytest.mark.parametrize("mode", BROWSER_MODES, ids=str)
def test_the_actions_work_in_a_browser_mode(
    running_system: System, visit: Visit, session: dict[str, Any], mode: BrowserMode
) -> None:
    javascript = mode.control != "without JavaScript"
    visitor = visit(running_system.base_url, scheme=mode.scheme, narrow=mode.narrow, javascript=javascript)
    if session and not EVERYTHING:
        visitor.put(session["cookie"])
    else:
        session["client"] = running_system.new_client()
        sign_in(visitor, session["client"].key)
        (session["cookie"],) = visitor.cookies()
    walk = Walk(running_system, session["client"], visitor.page, mode)
    failed: list[Exception] = []
    for rule in actions_of(mode):
        try:
            ALL[rule](walk)
            # The fault that the action shows; test_console_pages.py checks the pages themselves.
            if javascript and (EVERYTHING or mode.control == "mouse"):
                assert (rule, grave_faults(walk.page)) == (rule, [])
        except (AssertionError, Error) as error:
            error.add_note(f"The action is {rule}; the mode is {mode}; the page is {walk.page.url}.")
            failed.append(error)
    # All actions of the mode are done, so that one run of minutes reports all faults.
    if failed:
        raise ExceptionGroup(f"{len(failed)} actions failed in the mode {mode}.", failed)
