"""``export --onnx``: the reader of docs/onnx.md, without torch and tagmates, finds every tag of ``Tagger.tag``."""

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import make_corpora, make_run

from tagmates.batching.vectors import Vectors
from tagmates.config import Sharing
from tagmates.data.corpora import load_split
from tagmates.data.tasks import load_tasks
from tagmates.model.tagger import Tagger

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from tagmates.model.onnx_export import write_onnx

READER = re.search(r"```python\n(import json.*?)```", Path("docs/onnx.md").read_text(encoding="utf-8"), re.DOTALL)
NUM_SENTENCES = 1000
TAGS = {"colour": ("O", "RED", "BLUE"), "shape": ("O", "B", "I", "E", "S")}


def read_tags(folder: Path, sentences: Sequence[Sequence[str]], place: Path) -> list[dict[str, list[str]]]:
    """The tags that the reader finds in a process in which torch and tagmates cannot be imported."""
    assert READER is not None
    lines = [
        "import sys",
        "sys.modules['torch'] = sys.modules['tagmates'] = None",
        READER[1],
        "sentences = json.loads(Path(sys.argv[2]).read_text(encoding='utf-8'))",
        "print(json.dumps(Reader(sys.argv[1]).tag(sentences)))",
    ]
    (place / "reader.py").write_text("\n".join(lines), encoding="utf-8")
    (place / "sentences.json").write_text(json.dumps(sentences), encoding="utf-8")
    command = [sys.executable, "reader.py", str(folder), "sentences.json"]
    ended = subprocess.run(command, cwd=place, check=True, capture_output=True)
    found: list[dict[str, list[str]]] = json.loads(ended.stdout)
    return found


def check_agreement(tagger: Tagger, sentences: Sequence[Sequence[str]], place: Path) -> None:
    write_onnx(place / "onnx", tagger, len(tagger.vectors.index))
    expected = [{task: list(tags) for task, tags in sentence.tags.items()} for sentence in tagger.tag(sentences)]
    assert read_tags(place / "onnx", sentences, place) == expected
    assert len({tag for sentence in expected for tags in sentence.values() for tag in tags}) > 2


def some_sentences(words: Sequence[str], number: int) -> list[list[str]]:
    """Sentences of known and new words, without words, with an empty one, and with characters that nobody knows."""
    draw = random.Random(1)
    pool = [*words, "", "☂", "novelty", "vector", "ÄÖ" * 40]
    return [[], [""], *([draw.choice(pool) for _ in range(draw.randint(1, 30))] for _ in range(number - 2))]


@pytest.mark.parametrize("unknown_rate", [0.0, 0.5])
@pytest.mark.parametrize("sharing", ["stl", "multi_dec", "te_dec", "te_enc"])
def test_the_reader_finds_the_same_tags(tmp_path: Path, sharing: Sharing, unknown_rate: float) -> None:
    corpora = make_corpora(1, dict(list(TAGS.items())[: 1 if sharing == "stl" else None]))
    run = make_run(corpora, sharing, training={"unknown_rate": unknown_rate})
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in run.module.named_parameters():  # as initialised, all scores are near 0
            if not name.endswith(("transitions", "start", "end")):
                parameter.normal_(std=1, generator=draw)
    vectors = Vectors("file", {"vector": 0}, np.full((1, 6), 0.5, dtype=np.float32))
    tagger = Tagger(run.config, run.vocabulary, run.module, vectors)
    words = [word for _, sentence in run.pairs("train") for word in sentence.tokens]
    check_agreement(tagger, some_sentences(words, 60), tmp_path)


@pytest.mark.slow
def test_the_bundled_model(tmp_path: Path) -> None:
    """On the paper's own sentences where they are, else on words of the starter corpus."""
    folder = os.environ.get("TAGMATES_DATA")
    if folder:
        sentences = [list(s.tokens) for s in load_split(load_tasks(folder)["chunk"], "test")[:NUM_SENTENCES]]
    else:
        starter = load_split(load_tasks("starter")["upos"], "train")
        sentences = some_sentences([word for sentence in starter for word in sentence.tokens], NUM_SENTENCES)
    assert len(sentences) == NUM_SENTENCES
    sentences += [["a"] * 2000]  # its scores add up to thousands
    check_agreement(Tagger.from_pretrained("en"), sentences, tmp_path)
