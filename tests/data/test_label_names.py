"""Names of integer tags in files beside the records."""

import json
from pathlib import Path

import pytest

from tagmates.data.describing.label_names import names_beside
from tagmates.data.describing.proposal import propose
from tagmates.data.tasks import load_tasks

NAMES = ("O", "B-PER", "I-PER", "B-LOC")
CARD = """---
dataset_info:
  features:
  - name: id
    dtype: string
  - name: pos_tags
    sequence:
      class_label:
        names:
          '0': NOUN
          '1': VERB
  - name: ner_tags
    sequence:
      class_label:
        names:
          '0': O
          '1': B-PER
          '2': I-PER
          '3': B-LOC
  splits:
  - name: train
---
"""


FEATURES = {
    "tokens": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "Sequence"},
    "ner_tags": {"feature": {"names": NAMES, "_type": "ClassLabel"}, "_type": "Sequence"},
}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("label.json", json.dumps({"B-LOC": 3, "O": 0, "B-PER": 1, "I-PER": 2})),
        ("id2label.json", json.dumps({str(number): name for number, name in enumerate(NAMES)})),
        ("config.json", json.dumps({"id2label": dict(enumerate(NAMES)), "hidden_size": 3})),
        ("labels.json", json.dumps(NAMES)),
        ("labels.txt", "O\nB-PER\nI-PER\nB-LOC\n"),
        ("ner_labels.json", json.dumps(NAMES)),
        ("dataset_infos.json", json.dumps({"default": {"features": FEATURES}})),
        ("dataset_info.json", json.dumps({"features": FEATURES})),
        ("README.md", CARD),
    ],
)
def test_names_are_found(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert names_beside([tmp_path], "ner_tags", 4) == (NAMES, [tmp_path / name])
    assert names_beside([tmp_path], "ner_tags", 5) == ((), [])


def test_the_names_of_another_feature_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(CARD, encoding="utf-8")
    assert names_beside([tmp_path], "pos_tags", 2) == (("NOUN", "VERB"), [tmp_path / "README.md"])
    assert names_beside([tmp_path], "id", 1) == names_beside([tmp_path], "tags", 1) == ((), [])


@pytest.mark.parametrize(
    "text", ["{", "[]", "[1, 2]", '["O", ""]', '["O", "O"]', '{"O": 0, "B": 2}', '{"O": true}', "3", "{}"]
)
def test_other_files_are_passed_over(text: str, tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(text, encoding="utf-8")
    assert names_beside([tmp_path], "ner_tags", 1) == ((), [])


def test_different_names_are_not_chosen_between(tmp_path: Path) -> None:
    (tmp_path / "label.json").write_text(json.dumps(["O", "B-X"]), encoding="utf-8")
    (tmp_path / "labels.txt").write_text("O\nB-X\n", encoding="utf-8")
    assert names_beside([tmp_path, tmp_path], "tags", 2) == (
        ("O", "B-X"),
        [tmp_path / "label.json", tmp_path / "labels.txt"] * 2,
    )
    (tmp_path / "labels.txt").write_text("B-X\nO\n", encoding="utf-8")
    assert names_beside([tmp_path], "tags", 2) == ((), [])


def test_init_takes_them_from_the_folder_above(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for split in ("train", "valid"):
        records = [{"tokens": ["Kito", "Lund", "naps"], "tags": [1, 2, 0]}, {"tokens": ["In", "Oslo"], "tags": [0, 3]}]
        (tmp_path / "data" / f"{split}.json").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    (tmp_path / "label.json").write_text(json.dumps(NAMES), encoding="utf-8")
    proposal = propose(tmp_path, "")
    (tmp_path / "tasks.toml").write_text(proposal.text, encoding="utf-8")
    (task,) = load_tasks(str(tmp_path)).values()
    assert (task.labels, task.scheme) == (NAMES, "iob2")
    assert "# the names of the integers are those in label.json" in proposal.text
