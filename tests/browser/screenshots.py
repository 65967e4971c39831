"""Pictures of a running service for docs/: ``python tests/browser/screenshots.py http://127.0.0.1:8000/ docs``.

It takes ``serve.png`` (by day), ``serve-dark.png``, ``serve-phone.png`` and, of a service with two models, the first
two side by side as ``serve-compare.png``.
"""

import sys
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, sync_playwright
from visitor import launch

TEXT = (
    "Maria picked up the keys in Dublin on Friday. By the way, our small team won its last match in Oslo, so nobody "
    "went home before midnight."
)
SIZE = {"width": 1180, "height": 800}


def take(address: str, folder: Path) -> None:
    """Write the pictures of the service at ``address`` into ``folder``."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = _open(browser, address, viewport=SIZE)
        page.locator(".token", has_text="Dublin").hover()
        page.screenshot(path=folder / "serve.png", full_page=True)
        names = page.locator("#model option").all_text_contents()
        page = _open(browser, address, viewport=SIZE, color_scheme="dark")
        page.screenshot(path=folder / "serve-dark.png", full_page=True)
        phone = {"width": 360, "height": 900}
        page = _open(browser, address, viewport=phone, device_scale_factor=2, has_touch=True)
        page.locator(".word", has_text="picked").locator(".cell").first.tap()
        page.screenshot(path=folder / "serve-phone.png")
        if len(names) > 1:
            page = _open(browser, f"{address}#{urlencode({'with': names[1]})}", viewport=SIZE)
            page.locator("#sides").wait_for()
            page.screenshot(path=folder / "serve-compare.png", full_page=True)


def _open(browser: Browser, address: str, **settings: object) -> Page:
    page = browser.new_context(**settings).new_page()
    link = address if "#" in address else f"{address}#"
    page.goto(f"{link}&{urlencode({'text': TEXT})}")
    page.locator(".word").first.wait_for()
    return page


if __name__ == "__main__":
    take(sys.argv[1], Path(sys.argv[2]))
