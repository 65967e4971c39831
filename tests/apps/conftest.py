"""A small corpus, a run on it, and an empty working directory, for the tests of the command line."""

import shutil
from pathlib import Path

import pytest
from command_line import TINY, done, write_corpus


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("data") / "corpus")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    """A finished run of both tasks; never to be written to."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    done("train", "--data", corpus, "--tasks", "pos,ner", *TINY, "--output-dir", folder)
    return folder


@pytest.fixture
def run(trained: Path, here: Path) -> Path:
    """A copy of the finished run in the working directory."""
    return Path(shutil.copytree(trained, here / "run")).relative_to(here)
