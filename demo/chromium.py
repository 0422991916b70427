"""A Chromium from the system's packages, for those who look at pages: the tests and the pictures of the documents."""

import shutil

#: Names under which systems install it.
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
#: It may run as root, where its sandbox does not work; what it visits is our own.
OPTIONS = ("--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb", "--hide-scrollbars")
MISSING = "install it (on Debian: chromium and fonts-liberation)"


def find() -> str:
    """Return the path of the browser; raise FileNotFoundError, with the way out, when there is none."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise FileNotFoundError(MISSING)
    return program
