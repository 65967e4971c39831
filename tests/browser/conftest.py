"""The real service with small models, and Debian's Chromium in front of it (``make test-browser``)."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import make_corpora, make_run
from playwright.sync_api import Browser, sync_playwright
from visitor import EN, HOSTILE, OTHER, SCRIPT, TAGS, Visitor, launch


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of ``tagmates serve one two '<img …>'``, and of ``en`` where it is in the package."""
    folder = tmp_path_factory.mktemp("models")
    for seed, (name, tags) in enumerate({"one": TAGS, "two": OTHER, SCRIPT: HOSTILE}.items(), 1):
        make_run(make_corpora(seed, tags), "multi_dec", seed=seed).tagger.save_pretrained(folder / name)
    command = [sys.executable, "-m", "tagmates.apps.cli", "serve", "one", "two", SCRIPT, *EN, "--port", "0"]
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": root}
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if found := re.search(r"http://[\w.]+:\d+", line):
                yield f"{found[0]}/"
                break
        else:
            pytest.fail(f"tagmates serve ended: {said}")
        process.terminate()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        yield chromium
        chromium.close()


@pytest.fixture
def visitor(browser: Browser, service: str) -> Iterator[Visitor]:
    visitor = Visitor(browser, service)
    yield visitor
    for context in browser.contexts:
        context.close()
    assert visitor.complaints == []
