"""`python -m demo.pictures`: take pictures of the console, for the documents and for reviews of each page.

They show every page of the console, and states such as errors and empty lists, with fictional people and thousands of
jobs. The list of pages and the data are from the tests, so a new page gets its pictures without an edit. The folder of
the documents gets only the pictures that a document contains. Ids and times differ between runs; file names do not.
"""

import re
import secrets
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Literal

import click
from playwright.sync_api import Browser, StorageState, ViewportSize, sync_playwright

from app import keys
from app.config import Settings
from cli.database import connected
from demo.chromium import OPTIONS, find_chromium
from demo.client import Client
from demo.errors import DemoError
from demo.picture_states import EMPTY, OpenPage, go, states
from demo.product import running_product_in_folder
from demo.report import make_console
from tests.support.console_data import make_console_data
from tests.support.console_pages import page_paths

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
#: Size of a picture, by the end of its file name.
SIZES: Mapping[str, ViewportSize] = {"wide": {"width": 1280, "height": 800}, "narrow": {"width": 390, "height": 844}}
#: A picture in a document, by the name of its page.
PICTURE_LINK = re.compile(r"pictures/([a-z-]+)-(?:wide|narrow)-(?:light|dark)\.png")
Scheme = Literal["light", "dark"]
#: Two pictures of each page, so that a clone stays small. tests/e2e/test_console_pages.py tests the same variants.
VARIANTS: tuple[tuple[str, Scheme], ...] = (("wide", "light"), ("narrow", "dark"))
#: Maximum size of a picture in bytes, so that a clone stays small.
MOST_BYTES = 200_000
#: Seconds until the few real merges have finished.
MERGE_S = 60

#: The singular of words that do not end with only an "s" more.
SINGULAR: Mapping[str, str] = {"batches": "batch", "entries": "entry", "policies": "policy"}
#: Names of pages whose rule alone would give the name of another page.
NAMES: Mapping[str, str] = {
    "/console/audit/<uuid:entry_id>": "audit-entry",
    "/console/duplicates/run": "duplicates-start",
}
#: The workspace that has nothing, and its key.
EMPTY_WORKSPACE, EMPTY_KEY = "empty", secrets.token_urlsafe(24)


@click.command()
@click.option("--only", default="", help="Take only the pictures of this page.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    help="Folder for the pictures of all pages; default: docs/pictures, with only the pictures in documents.",
)
@click.option("--whole", is_flag=True, help="Take the whole page instead of its first screen.")
def main(only: str, folder: Path, *, whole: bool) -> None:
    """Take two pictures of each page of the console: wide and light, narrow and dark."""
    console = make_console()
    folder.mkdir(parents=True, exist_ok=True)
    names = {only} if only else names_in_documents() if folder == FOLDER else None
    try:
        program = find_chromium()
        with running_product_in_folder() as (client, data_dir), sync_playwright() as playwright:
            pages = load_pages(client, data_dir.database_url() or "")
            browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
            full = sign_in(browser, client.base_url, client.key)
            empty = sign_in(browser, client.base_url, EMPTY_KEY)
            for name, open_page in pages.items():
                if names is None or name in names:
                    state = None if name == "sign-in" else empty if name in EMPTY else full
                    take_pictures(browser, client.base_url, folder / name, open_page, state, whole=whole)
                    console.print(f"Took the pictures of {name}.")
            browser.close()
        if folder == FOLDER and not only:
            remove_all_but(names_in_documents())
    except (DemoError, FileNotFoundError) as error:
        console.print(f"The pictures could not be taken. {error}", style="bold red", markup=False)
        sys.exit(1)


def names_in_documents() -> set[str]:
    """Return the names of the pages whose pictures a document contains."""
    documents = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    return {match[1] for each in documents for match in PICTURE_LINK.finditer(each.read_text(encoding="utf-8"))}


def remove_all_but(names: set[str]) -> None:
    """Remove the pictures of all pages except *names* from the folder of the documents."""
    for picture in FOLDER.glob("*.png"):
        if picture.stem.rsplit("-", 2)[0] not in names:
            picture.unlink()


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
        keys.ensure_key(connection, key=EMPTY_KEY, workspace=EMPTY_WORKSPACE, permissions=["*"])
    pages: dict[str, OpenPage] = {}
    for rule, path in page_paths(values):
        name = picture_name(rule)
        if name in pages:
            raise DemoError(f"{rule} would have the pictures of another page, {name}: add it to NAMES.")
        pages[name] = partial(go, path=path)
    return {**pages, **{name: partial(go, path=path) for name, path in EMPTY.items()}, **states(values)}


def picture_name(rule: str) -> str:
    """Return the name of the pictures of the page at *rule*: its words, in the singular where an argument follows."""
    if rule in NAMES:
        return NAMES[rule]
    words: list[str] = []
    for part in rule.removeprefix("/console").strip("/").split("/"):
        if part.startswith("<") and words:
            words[-1] = SINGULAR.get(words[-1], words[-1].removesuffix("s"))
        elif part:
            words.append(part)
    return "-".join(words) or "overview"


def sign_in(browser: Browser, base_url: str, key: str) -> StorageState:
    """Sign in with *key*; return the browser's state, such as its cookies."""
    context = browser.new_context(base_url=base_url)
    page = context.new_page()
    go(page, "/console/sign-in")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()
    state = context.storage_state()
    context.close()
    return state


def take_pictures(
    browser: Browser, base_url: str, path: Path, open_page: OpenPage, state: StorageState | None, *, whole: bool
) -> None:
    """Take the pictures of a page, with file names that begin with *path*; *state* is the browser's state.

    Raises DemoError when a picture of the first screen is too large for the repository.
    """
    for size, scheme in VARIANTS:
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
        page.screenshot(path=picture, full_page=whole)
        context.close()
        if picture.stat().st_size > MOST_BYTES and not whole:
            raise DemoError(f"{picture} has {picture.stat().st_size:,} bytes, more than {MOST_BYTES:,}.")


if __name__ == "__main__":
    main(prog_name="python -m demo.pictures")
