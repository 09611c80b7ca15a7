"""Take the pictures of the README anew: ``python -m tests.pictures STORE.h5``.

The store is the demo's, with the experiments ``dissection``, ``random_weights`` and ``compression``.
"""

import argparse
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import PAINTED, QUIET, ROOT, serve

WIDTH, LAYER = 1280, "features.10"
PICTURES = {
    "unit": ("/unit", {"unit": 27}, None),
    "layer": ("/layer", {}, 1960),
    "experiments": ("/experiments", {"experiment": "compression"}, 980),
}
"""Each picture's page, what it shows, and how high it is; None for as high as the page."""
_WHOLE_HEIGHT = "() => document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight"


def main() -> None:
    """Serve the store under the name of the demo and take every picture."""
    parser = argparse.ArgumentParser(prog="python -m tests.pictures", description=__doc__)
    parser.add_argument("store", type=Path)
    options = parser.parse_args()
    with TemporaryDirectory() as runs, sync_playwright() as playwright:
        shutil.copyfile(options.store, Path(runs) / "demo.h5")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
        page = browser.new_page(viewport={"width": WIDTH, "height": 800})
        for server in serve(Path(runs), {}):
            for name, (path, shown, height) in PICTURES.items():
                query = urlencode({"store": "demo", "layer": LAYER, **shown})
                take(page, f"{server.url}{path}?{query}", ROOT / "assets" / f"{name}.png", height)


def take(page: Page, address: str, file: Path, height: int | None) -> None:
    """Take one picture of a page that has come to rest."""
    page.set_viewport_size({"width": WIDTH, "height": height or 800})
    page.goto(address)
    page.wait_for_function(f"() => document.querySelector('.us-sentence') && {PAINTED}", timeout=120_000)
    if height is None:
        page.set_viewport_size({"width": WIDTH, "height": page.evaluate(_WHOLE_HEIGHT)})
    page.wait_for_timeout(2000)
    page.screenshot(path=file)
    Image.open(file).convert("RGB").save(file, optimize=True)
    print(f"{file.name}: {file.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
