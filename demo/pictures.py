"""`python -m demo.pictures`: take the screenshots of the console for the documents.

They show a system with fictional people. Ids and times differ from run to run; file names do not.
"""

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click
from playwright.sync_api import Browser, Page, StorageState, ViewportSize, sync_playwright

from demo import steps
from demo.chromium import OPTIONS, find_chromium
from demo.client import Client
from demo.errors import DemoError
from demo.people import Json
from demo.product import running_product
from demo.report import make_console
from demo.world import World, make_world

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
#: Fictional people: enough to fill the lists, and few enough to load quickly.
PEOPLE = 300
#: Size of a picture, by the end of its file name.
SIZES: Mapping[str, ViewportSize] = {"wide": {"width": 1280, "height": 800}, "narrow": {"width": 390, "height": 844}}
Scheme = Literal["light", "dark"]
#: Each page twice, so that a clone stays small; tests/e2e/test_console_pages.py opens every page in all four ways.
LOOKS: tuple[tuple[str, Scheme], ...] = (("wide", "light"), ("narrow", "dark"))
#: Maximum size of a picture in bytes, so that a clone stays small.
MOST_BYTES = 150_000

#: Opens a page of the console and brings it into the state to show.
OpenPage = Callable[[Page], None]


@click.command()
@click.option(
    "--people", type=click.IntRange(50), default=PEOPLE, show_default=True, help="Fictional people to create."
)
@click.option("--only", default="", help="Take only the pictures of this page.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    help="Folder for the pictures; default: docs/pictures.",
)
def main(people: int, only: str, folder: Path) -> None:
    """Take two pictures of every page of the console: wide and light, narrow and dark."""
    console = make_console()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        program = find_chromium()
        with running_product() as client, sync_playwright() as playwright:
            pages = load_pages(client, make_world(now=datetime.now(UTC), people=people))
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


def load_pages(client: Client, world: World) -> Mapping[str, OpenPage]:
    """Load *world* and merge all pairs except the last one; return a function that opens each page."""
    console = make_console()
    steps.load_world(client, console, world)
    *_, (previewed,) = (family for family in world.families if len(family) == 1 and family[0].expected == "merged")
    families = tuple(family for family in world.families if family != (previewed,))
    jobs = steps.merge_all(
        client, console, World(accounts=world.accounts, duplicates=world.duplicates, families=families)
    )
    job = steps.most_varied_job(client, jobs)
    return {
        "sign-in": lambda page: _go(page, "/console/sign-in"),
        "overview": lambda page: _go(page, "/console"),
        "batches": lambda page: _go(page, "/console/batches"),
        "batch": lambda page: _go(page, f"/console/batches/{job['batch_id']}"),
        "jobs": lambda page: _go(page, "/console/jobs"),
        "search": lambda page: _search(page, "customer-1"),
        "job": lambda page: _go(page, f"/console/jobs/{job['job_id']}"),
        "undo": lambda page: _go(page, f"/console/jobs/{job['job_id']}/undo"),
        "profile": lambda page: _go(page, f"/console/profiles/{job['survivor']['braze_id']}"),
        "dead": lambda page: _go(page, "/console/dead"),
        "throughput": lambda page: _go(page, "/console/throughput"),
        "merge": lambda page: _preview_merge(page, previewed.orphan, previewed.survivor),
    }


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


def _preview_merge(page: Page, orphan: Json, survivor: Json) -> None:
    """Fill in the merge form and request its preview."""
    _go(page, "/console/merge")
    for title, identifier in (("Merge this profile", orphan), ("Into this one, which stays", survivor)):
        side = page.get_by_role("group", name=title)
        (kind,) = identifier.keys() - {"prioritization"}
        value = identifier[kind]
        side.get_by_label("Named by").select_option(kind)
        if kind == "user_alias":
            side.get_by_label("Label of the alias").fill(value["alias_label"])
            value = value["alias_name"]
        side.get_by_label("Value").fill(value)
        for label, step in zip(("Of several", "and of those"), identifier.get("prioritization", ()), strict=False):
            side.get_by_label(label).select_option(step)
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("heading", name="What a merge now would do").wait_for()


if __name__ == "__main__":
    main(prog_name="python -m demo.pictures")
