"""Find a Chromium of the system, for the tests of pages and for the screenshots in the documents."""

import shutil

#: Names of the program on different systems.
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
#: No sandbox: it does not work for root, and the browser only visits pages of this project.
OPTIONS = ("--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb", "--hide-scrollbars")
MISSING = "install it (on Debian: chromium and fonts-liberation)"


def find_chromium() -> str:
    """Return the path of the browser; raise FileNotFoundError with a remedy when there is none."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise FileNotFoundError(MISSING)
    return program
