"""`python -m demo.pictures`: take the screenshots of the console for the documents.

They show every page of the console with fictional people and thousands of jobs: the registry and the data are those of
the tests, so that a new page has its pictures without an edit. Ids and times differ from run to run; file names do not.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Literal

import click
from playwright.sync_api import Browser, Page, StorageState, ViewportSize, sync_playwright

from app.config import Settings
from cli.database import connected
from demo.chromium import OPTIONS, find_chromium
from demo.client import Client
from demo.errors import DemoError
from demo.product import running_product_in_folder
from demo.report import make_console
from tests.support.console_data import make_console_data
from tests.support.console_pages import page_paths

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
#: Size of a picture, by the end of its file name.
SIZES: Mapping[str, ViewportSize] = {"wide": {"width": 1280, "height": 800}, "narrow": {"width": 390, "height": 844}}
Scheme = Literal["light", "dark"]
#: Each page twice, so that a clone stays small. tests/e2e/test_console_pages.py opens every page in these two looks.
LOOKS: tuple[tuple[str, Scheme], ...] = (("wide", "light"), ("narrow", "dark"))
#: Maximum size of a picture in bytes, so that a clone stays small.
MOST_BYTES = 200_000
#: Seconds until the few real merges have finished.
MERGE_S = 60

#: The singular of words that do not end with only an "s" more.
SINGULAR: Mapping[str, str] = {"batches": "batch", "entries": "entry", "policies": "policy"}

#: Opens a page of the console and brings it into the state to show.
OpenPage = Callable[[Page], None]


@click.command()
@click.option("--only", default="", help="Take only the pictures of this page.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    help="Folder for the pictures; default: docs/pictures.",
)
def main(only: str, folder: Path) -> None:
    """Take two pictures of every page of the console: wide and light, narrow and dark."""
    console = make_console()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        program = find_chromium()
        with running_product_in_folder() as (client, data_dir), sync_playwright() as playwright:
            pages = load_pages(client, data_dir.database_url() or "")
            browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
            signed_in = sign_in(browser, client)
            for name, open_page in pages.items():
                if only in {"", name}:
                    take_pictures(
                        browser, client.base_url, folder / name, open_page, None if name == "sign-in" else signed_in
                    )
                    console.print(f"Took the pictures of {name}.")
            browser.close()
    except (DemoError, FileNotFoundError) as error:
        console.print(f"The pictures could not be taken. {error}", style="bold red", markup=False)
        sys.exit(1)


def load_pages(client: Client, database_url: str) -> Mapping[str, OpenPage]:
    """Fill the system; return a function that opens each page, by the name of its pictures."""

    def settle(batch_id: str) -> None:
        pause, deadline = Event(), monotonic() + MERGE_S
        while client.get(f"/merge/batches/{batch_id}")["state"] != "finished":
            if monotonic() > deadline:
                raise DemoError(f"The batch {batch_id} did not finish within {MERGE_S} seconds.")
            pause.wait(0.1)

    with connected(Settings(), database_url, name="pictures") as connection:
        values = make_console_data(client.send, settle, connection, workspace="default")
    pages: dict[str, OpenPage] = {picture_name(rule): partial(_go, path=path) for rule, path in page_paths(values)}
    return {
        **pages,
        "sign-in": lambda page: _go(page, "/console/sign-in"),
        "search": lambda page: _search(page, "customer-1"),
        "merge": lambda page: _preview_merge(page, "customer-11", "customer-12"),
    }


def picture_name(rule: str) -> str:
    """Return the name of the pictures of the page at *rule*: its words, in the singular where an argument follows."""
    words: list[str] = []
    for part in rule.removeprefix("/console").strip("/").split("/"):
        if part.startswith("<") and words:
            words[-1] = SINGULAR.get(words[-1], words[-1].removesuffix("s"))
        elif part:
            words.append(part)
    return "-".join(words) or "overview"


def sign_in(browser: Browser, client: Client) -> StorageState:
    """Sign in with the client's key; return the browser's state, such as its cookies."""
    context = browser.new_context(base_url=client.base_url)
    page = context.new_page()
    _go(page, "/console/sign-in")
    page.get_by_label("API key").fill(client.key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()
    state = context.storage_state()
    context.close()
    return state


def take_pictures(browser: Browser, base_url: str, path: Path, open_page: OpenPage, state: StorageState | None) -> None:
    """Take the pictures of a page, with file names that begin with *path*; *state* is the browser's state.

    Raises DemoError when a picture is too large for the repository.
    """
    for size, scheme in LOOKS:
        context = browser.new_context(
            base_url=base_url,
            viewport=SIZES[size],
            color_scheme=scheme,
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="UTC",
            storage_state=state,
        )
        page = context.new_page()
        open_page(page)
        picture = path.with_name(f"{path.name}-{size}-{scheme}.png")
        page.screenshot(path=picture)
        context.close()
        if picture.stat().st_size > MOST_BYTES:
            raise DemoError(f"{picture} has {picture.stat().st_size:,} bytes, more than {MOST_BYTES:,}.")


def _go(page: Page, path: str) -> None:
    """Open the page at *path*; raise DemoError on any status except 200."""
    answer = page.goto(path)
    if answer is None or not answer.ok:
        raise DemoError(f"GET {path} returned {answer.status if answer else 'no response'}.")


def _search(page: Page, value: str) -> None:
    _go(page, "/console")
    search = page.get_by_role("search")
    search.get_by_role("searchbox").fill(value)
    search.get_by_role("button", name="Search").click()
    page.get_by_role("heading", name="Search").wait_for()


def _preview_merge(page: Page, orphan: str, survivor: str) -> None:
    """Fill in the merge form and request its preview."""
    _go(page, "/console/merge")
    for title, external_id in (("Merge this profile", orphan), ("Into this one, which stays", survivor)):
        page.get_by_role("group", name=title).get_by_label("Value").fill(external_id)
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("heading", name="Preview").wait_for()


if __name__ == "__main__":
    main(prog_name="python -m demo.pictures")
