"""Draw the Mermaid diagrams of docs/ as SVG files in docs/diagrams, named by the hash of their text.

`make docs` uses the committed files, so a build and its readers load nothing from elsewhere. This script needs npm (for
Mermaid) and Chromium; run it after you change a diagram.
"""

import hashlib
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parents[1] / "docs"
FOLDER = DOCS / "diagrams"
VERSION = "11.12.1"
FENCE = re.compile(r"^```mermaid\n(.*?)\n```", re.MULTILINE | re.DOTALL)
#: SVG text instead of HTML labels: browsers draw it in an <img> too. The fixed seed keeps the ids stable.
CONFIG = {
    "startOnLoad": False,
    "theme": "neutral",
    "htmlLabels": False,
    "deterministicIds": True,
    "deterministicIDSeed": "mergelane",
    "fontFamily": "sans-serif",
}

#: Draws a diagram and returns it as XML: Mermaid's own text is HTML, which an <img> does not accept.
RENDER = """async text => {
    const { svg } = await mermaid.render("diagram", text);
    const holder = document.createElement("div");
    holder.innerHTML = svg;
    return new XMLSerializer().serializeToString(holder.firstElementChild);
}"""


def file_of(text: str) -> Path:
    """Return the file of the diagram *text*."""
    return FOLDER / f"{hashlib.sha256(text.strip().encode()).hexdigest()[:12]}.svg"


def diagrams() -> dict[Path, str]:
    """Return the diagrams of all pages, by their file."""
    texts = [text for page in sorted(DOCS.rglob("*.md")) for text in FENCE.findall(page.read_text(encoding="utf-8"))]
    return {file_of(text): text for text in texts}


def draw(texts: dict[Path, str], script: Path) -> None:
    """Write each diagram to its file, with the Mermaid of *script*."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("Install Chromium (on Debian: chromium and fonts-liberation).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.add_script_tag(path=script)
        page.evaluate("config => mermaid.initialize(config)", CONFIG)
        for path, text in texts.items():
            svg = page.evaluate(RENDER, text)
            path.write_text(
                svg.replace('style="', 'style="background-color: white; ', 1).strip() + "\n", encoding="utf-8"
            )
        browser.close()


def main() -> None:
    """Draw all diagrams, and delete the files of diagrams that no page has."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("Install npm, which fetches Mermaid.")
    texts = diagrams()
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        subprocess.run([npm, "pack", "--silent", f"mermaid@{VERSION}"], cwd=folder, check=True, capture_output=True)
        with tarfile.open(Path(folder, f"mermaid-{VERSION}.tgz")) as archive:
            archive.extract("package/dist/mermaid.min.js", folder, filter="data")
        draw(texts, Path(folder, "package/dist/mermaid.min.js"))
    for path in FOLDER.glob("*.svg"):
        if path not in texts:
            path.unlink()
    print(f"Drew {len(texts)} diagrams in docs/diagrams.")


if __name__ == "__main__":
    main()
