"""A damaged or edited model folder is refused by the commands that read it."""

import json
from pathlib import Path

import pytest
from command_line import refused

pytestmark = pytest.mark.usefixtures("here")


@pytest.mark.parametrize("name", ["config.json", "vocabulary.json", "model.safetensors"])
@pytest.mark.parametrize("damage", [None, b"", b"[]", b'{"a": 1}', b"half"])
def test_a_folder_without_a_whole_tagger_is_refused(run: Path, name: str, damage: bytes | None) -> None:
    path = run / name
    if damage is None:
        path.unlink()
    elif damage == b"half":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.write_bytes(damage)
    for args in (("evaluate", run), ("tag", run)):
        assert name in refused(1, "; ", *args, stdin=b"Otters sleep .")


def test_a_folder_that_is_no_run_is_refused(here: Path, corpus: Path) -> None:
    for command in ("evaluate", "tag"):
        refused(1, "nowhere: no such folder; give that of a tagmates run", command, "nowhere", stdin=b"a")
        refused(1, r"config\.json: is missing; give the folder of a tagmates run", command, corpus, stdin=b"a")


@pytest.mark.parametrize(
    ("key", "value", "pattern"),
    [
        ("model.hidden_size", 9, r"parameter \S+ has shape .* where the configuration and vocabulary ask for"),
        ("model.layers", 3, r"parameter \S+ has shape none"),
        ("model.layers", 0, r"config\.json: model\.layers: Input should be greater than or equal to 1"),
        ("sharing", "te_dec", r"not those of vocabulary"),
        ("sharing", "stl", r"config\.json: sharing 'stl' trains one task"),
        ("sharing", "none", r"config\.json: sharing: Input should be 'stl'"),
        ("training.speed", 1, r"config\.json: unknown key 'training\.speed'"),
        ("tasks", [], r"config\.json: tasks: "),
    ],
)
def test_a_configuration_edited_by_hand_is_refused(run: Path, key: str, value: object, pattern: str) -> None:
    config = json.loads((run / "config.json").read_text())
    *path, last = key.split(".")
    table = config
    for part in path:
        table = table[part]
    table[last] = value
    (run / "config.json").write_text(json.dumps(config))
    for command in ("evaluate", "tag"):
        refused(1, pattern, command, run, stdin=b"Otters sleep .")


def test_a_sharing_that_does_not_fit_the_vocabulary_is_refused(run: Path) -> None:
    path = run / "config.json"
    path.write_text(path.read_text().replace('"multi_dec"', '"te_enc"'))
    for command in ("evaluate", "tag"):
        refused(1, "run/.*sharing", command, run, stdin=b"Otters sleep .")


def test_an_unfinished_run_is_called_unfinished(run: Path) -> None:
    for name in ("result.json", "model.safetensors"):
        (run / name).unlink()
    for command in ("evaluate", "tag"):
        refused(1, "run: .*not finished.* --resume", command, run, stdin=b"Otters")


def test_a_vocabulary_that_is_none_has_a_place(run: Path) -> None:
    (run / "vocabulary.json").write_text("{}")
    refused(1, r"run/vocabulary\.json", "tag", run, stdin=b"Otters")
