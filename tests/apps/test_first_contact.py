"""Problems of first users: odd folder names, small homes, mistakes in a first TOML file, missing extras."""

import json
import logging
import os
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

from tagmates import Tagger
from tagmates.apps.shared import MAX_THREADS, say, screen, use_threads
from tagmates.data.tasks import load_tasks
from tagmates.errors import ConfigError
from tagmates.files import read_json, write_json
from tagmates.formatting import visible
from tagmates.installed import get_extra
from tagmates.kernels.build import FOLDER_VARIABLE, compiled
from tagmates.settings_parsing import read_toml

ROWS = "Ada\tN\nsings\tV\n\nMika\tN\npaints\tV\n\n"


def run(*args: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The command line in a process of its own."""
    code = "from tagmates.apps.cli import main; main()"
    command = [sys.executable, "-c", code, *args]
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | environment, check=False, errors="surrogateescape"
    )


def corpus(folder: Path, name: str = "train.txt") -> Path:
    """A folder of one small task."""
    folder.mkdir()
    for file in (name, "dev.txt", "test.txt"):
        (folder / file).write_text(ROWS, encoding="utf-8")
    toml = f'train = "{name}"\ndev = "dev.txt"\ntest = "test.txt"\n[tasks.pos]\n'
    (folder / "tasks.toml").write_text(toml, encoding="utf-8")
    return folder


@pytest.mark.slow
def test_a_folder_whose_name_is_not_utf8_is_checked_and_trained_on(tmp_path: Path) -> None:
    folder = corpus(Path(os.fsdecode(os.fsencode(tmp_path) + b"/k\xf6rpus")))
    checked = run("data", "check", str(folder))
    assert (checked.returncode, "k\\udcf6rpus/dev.txt" in checked.stdout) == (0, True)
    small = ("--set", "model.hidden_size=4", "--set", "training.max_epochs=1", "--vectors", "random")
    trained = run("train", "--data", str(folder), "--tasks", "all", *small, "--output-dir", str(folder / "run"))
    assert trained.returncode == 0, trained.stderr
    environment = read_json(folder / "run" / "environment.json")
    assert environment["data"] == str(folder.resolve())  # read back as it was


def test_json_keeps_what_stands_for_a_byte_of_a_file_name(tmp_path: Path) -> None:
    value = {"path": os.fsdecode(b"/k\xf6rpus"), "text": "gr\u00fc\u00df"}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == value


@pytest.mark.slow
def test_a_locale_without_the_characters_of_a_file_name_is_said_in_one_line(tmp_path: Path) -> None:
    folder = corpus(tmp_path / "data", "gr\u00f6\u00dfe.txt")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    stats = run("data", "stats", str(folder), **ascii_only)
    assert (stats.returncode, "PYTHONUTF8=1" in stats.stderr, "Traceback" in stats.stderr) == (1, True, False)
    assert run("data", "stats", str(folder), LC_ALL="C").returncode == 0  # where Python itself reads UTF-8


@pytest.mark.slow
def test_kernels_are_compiled_elsewhere_where_the_cache_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()  # no folder can be made below it, whoever runs this test
    monkeypatch.setenv("TAGMATES_CACHE", str(blocked / "cache"))
    monkeypatch.setenv(FOLDER_VARIABLE, "")
    monkeypatch.delenv("TAGMATES_NATIVE", raising=False)
    compiled.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            assert compiled().library is not None
        assert "set TAGMATES_CACHE to a folder that can be written" in caplog.text
        assert list(Path(os.environ[FOLDER_VARIABLE]).glob("kernels-*.so"))
        caplog.clear()
        compiled.cache_clear()  # as a process does that this one starts
        assert compiled().library is not None
        assert not caplog.text
    finally:
        compiled.cache_clear()


@pytest.mark.parametrize(
    ("compiler", "why"),
    [("false", "the C compiler fails"), ("/nowhere/cc", "No such file")],
)
def test_what_keeps_the_kernels_from_being_compiled_is_said(
    compiler: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAGMATES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CC", compiler)
    monkeypatch.delenv("TAGMATES_NATIVE", raising=False)
    compiled.cache_clear()
    try:
        assert compiled().library is None
        assert why in compiled().problem
    finally:
        compiled.cache_clear()


@pytest.mark.parametrize("line", ["[tasks.gr\u00f6\u00dfe]", "gr\u00f6\u00dfe = 1", "[tasks]\ngr\u00f6\u00dfe = {}"])
def test_a_key_that_toml_wants_in_quotes_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "tasks.toml"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape('stands in quotes: "gr\u00f6\u00dfe"')):
        read_toml(path)


def test_other_slips_in_toml_get_no_advice_on_quotes(tmp_path: Path) -> None:
    path = tmp_path / "tasks.toml"
    path.write_text('a = "gr\u00f6\u00dfe"\nb = gr\u00f6\u00dfe\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"at line 2, column 5\)$"):
        read_toml(path)


@pytest.mark.parametrize("character", "\u202e\u200b\u2066\u0007\ufeff\u3164\ufe0f\u00ad\u2800\U000e0041")
def test_a_task_name_with_what_cannot_be_seen_is_refused(character: str, tmp_path: Path) -> None:
    path = tmp_path / "tasks.toml"
    path.write_text(f'[tasks."a\\U{ord(character):08x}b"]\ntrain = "x"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be seen") as refused:
        load_tasks(str(path))
    assert character not in str(refused.value)
    assert visible(character) in str(refused.value)


def test_names_of_other_scripts_are_kept() -> None:
    for name in ("gr\u00f6\u00dfe", "\u0928\u093e\u092e", "\u540d\u524d", "e\u0301"):
        assert visible(name) == name


def test_more_threads_than_a_machine_could_use_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"--threads 100000: must be at most \d+; this process may use"):
        use_threads(100_000)
    assert MAX_THREADS >= 64


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nodir", "nofile.txt"])
def test_init_of_what_is_missing_is_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "tasks.toml").write_text("")
    ended = run("data", "init", str(tmp_path / name))
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert f"{name}: no such file or folder" in ended.stderr


class _Installed:
    """A stand-in for the record of an installation."""

    requires = ("torch>=2.6", 'pebble>=5.0.7; extra == "study"', 'scipy>=1.11; extra == "study"', 'x; extra == "ray"')

    def __init__(self, origin: str | None) -> None:
        self._origin = origin

    def read_text(self, name: str) -> str | None:
        """As ``importlib.metadata`` has it."""
        return self._origin


def test_extras_are_named_as_this_installation_can_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(origin: dict[str, Any] | None) -> str:
        made = _Installed(None if origin is None else json.dumps(origin))
        monkeypatch.setattr("tagmates.installed.distribution", lambda name: made)
        return get_extra("study")

    clone = tmp_path / "my clone"
    clone.mkdir()
    (clone / "pyproject.toml").touch()
    assert told({"url": clone.as_uri(), "dir_info": {}}) == f"pip install '{clone}[study]'"
    assert told({"url": clone.as_uri(), "dir_info": {"editable": True}}) == f"pip install -e '{clone}[study]'"
    by_name = "pip install 'pebble>=5.0.7' 'scipy>=1.11'"
    assert told(None) == by_name
    assert told({"url": "file:///gone/away", "dir_info": {}}) == by_name
    assert told({"url": "file:///a/tagmates-0.1.0.whl", "archive_info": {}}) == by_name


def test_every_extra_of_this_installation_can_be_named() -> None:
    for extra in distribution("tagmates").metadata.get_all("Provides-Extra") or []:
        assert get_extra(extra).startswith("pip install ")


def test_a_tagger_is_shown_in_one_line() -> None:
    shown = repr(Tagger.from_pretrained("en"))
    assert shown.startswith("<Tagger of upos, xpos, mwe, supsense: multi_dec")
    assert len(shown) < 200
    assert "\n" not in shown


def test_tables_show_colons_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """Rich makes emoji of :cat: and :100: otherwise."""
    screen(80).print("a.txt:100: the tag I-:cat:")
    say("a.txt:100: the tag I-:cat:")
    said = capsys.readouterr()
    assert said.out == said.err == "a.txt:100: the tag I-:cat:\n"
