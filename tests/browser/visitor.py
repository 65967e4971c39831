"""Helpers of the tests in a browser: the tags of the models, a text, and a visitor who opens pages."""

import json
import os
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright

TEXT = "Maria picked up the keys in Dublin. By the way, nobody went home before midnight."
SCRIPT = "<img src=x onerror=alert(1)>"  # also a folder's name, so without a slash
TAGS = {
    "pos": ["NOUN", "VERB", "ADJ", "DET", "X"],
    "names": ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"],
    "chunk": ["O", "B-NP", "I-NP", "E-NP", "S-NP", "S-VP"],
}
OTHER = {"pos": TAGS["pos"], "names": TAGS["names"], "sense": ["O", "n.PERSON", "v.motion"]}
HOSTILE = {"pos": [SCRIPT, "<script>alert(2)</script>", "'\"&amp;"], "names": ["O", f"B-{SCRIPT}", f"I-{SCRIPT}"]}

EN = ["en"] if (Path(__file__).parents[2] / "tagmates" / "models" / "en" / "model.safetensors").exists() else []


def launch(playwright: Playwright) -> Browser:
    """The Chromium that is installed here, not one of Playwright's own."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert path, "no Chromium here; make test-browser installs it"
    sandbox = [] if os.geteuid() else ["--no-sandbox"]  # as root it has none
    return playwright.chromium.launch(executable_path=path, args=sandbox)


class Visitor:
    """A user with a fresh browser; ``complaints`` holds all that the console, a dialog or an error ever said."""

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser = browser
        self._address = address
        self.complaints: list[str] = []

    def open(self, **settings: object) -> Page:
        """A page, not yet at the service."""
        usual = {"viewport": {"width": 1180, "height": 800}, "permissions": ["clipboard-read", "clipboard-write"]}
        page = self._browser.new_context(**{**usual, **settings}).new_page()
        page.set_default_timeout(10_000)
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: (self.complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
        return page

    def visit(self, text: str | None = TEXT, **link: str) -> Page:
        """A page with this text tagged."""
        page = self.open()
        self.go(page, text, **link)
        return page

    def go(self, page: Page, text: str | None = TEXT, **link: str) -> None:
        """Follow the link to a text, and wait for its first words; None is the page without a link."""
        page.goto(self.link(text, **link))
        page.locator(".word").first.wait_for()

    def link(self, text: str | None = TEXT, **link: str) -> str:
        return self._address if text is None else f"{self._address}#{urlencode({'text': text, **link})}"

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


def api_sentences(address: str, text: str, model: str = "one") -> list[dict[str, Any]]:
    """The sentences of what ``POST /api/tag`` answers."""
    body = json.dumps({"text": text, "model": model, "probabilities": True}).encode()
    with urlopen(Request(f"{address}api/tag", body, {"Content-Type": "application/json"})) as reply:
        return json.load(reply)["documents"][0]["sentences"]
