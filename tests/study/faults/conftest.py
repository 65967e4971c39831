"""The small study of the tests of faults, trained undisturbed, and a place in which each test has its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import write_corpus
from study_faults import FOLDER, LONG, SHORT, STARTED, Hook, all_numbers, undisturbed, write_study


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with a corpus of two tasks, and no settings from outside."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAGMATES_DATA", raising=False)
    write_corpus(tmp_path / "corpus")
    yield tmp_path
    for process in STARTED:  # where a test has failed
        process.kill()
        process.communicate()
    STARTED.clear()


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the short study has been trained, undisturbed and with one thread; never to be written to."""
    folder = tmp_path_factory.mktemp("short")
    undisturbed(folder, SHORT)
    return folder


@pytest.fixture(scope="session")
def short(whole: Path) -> dict[str, Any]:
    """The results of the runs of the short study."""
    return all_numbers(whole / FOLDER)


@pytest.fixture
def trained(whole: Path, here: Path) -> None:
    """A copy of the short study, all of it done."""
    shutil.copytree(whole / FOLDER, FOLDER)
    write_study(SHORT)


@pytest.fixture(scope="session")
def long(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The results of the runs of the long study."""
    return undisturbed(tmp_path_factory.mktemp("long"), LONG)


@pytest.fixture
def hook(here: Path, monkeypatch: pytest.MonkeyPatch) -> Hook:
    return Hook(here / "hooks", monkeypatch)
