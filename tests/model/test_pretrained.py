"""tagmates.model.pretrained: model folders are read as they were saved, and malicious ones are refused."""

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import make_corpora, make_run
from safetensors.torch import load_file, save_file

from tagmates import ConfigError, ModelError, Tagger
from tagmates.batching.vectors import Vectors
from tagmates.model.pretrained import bundled_models, find_model

TAGS = {"one": ["A", "B", "O"], "names": ["O", "B-x", "I-x"]}
WORDS = ["zebra", "yak", "gnu", "emu"]
SENTENCES = [["Anna", "saw", "a", "zebra"], ["Gnu", "?"]]


def some_tagger(sharing: str = "multi_dec") -> Tagger:
    matrix = np.linspace(-1, 1, 24, dtype=np.float32).reshape(4, 6)
    vectors = Vectors("made up", {word: i for i, word in enumerate(WORDS)}, matrix)
    return make_run(make_corpora(1, TAGS), sharing, training={"unknown_rate": 0.5}, vectors=vectors).tagger  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    some_tagger().save_pretrained(tmp_path / "model", vectors=3)
    return tmp_path / "model"


@pytest.mark.parametrize("sharing", ["multi_dec", "te_dec", "te_enc"])
def test_a_model_goes_along_with_the_first_of_its_vectors(tmp_path: Path, sharing: str) -> None:
    tagger = some_tagger(sharing)
    tagger.save_pretrained(tmp_path, vectors=3)
    loaded = Tagger.from_pretrained(tmp_path)
    assert list(loaded.vectors.index) == WORDS[:3]
    assert np.array_equal(loaded.vectors.matrix, tagger.vectors.matrix[:3])
    assert loaded.tag(SENTENCES) == tagger.tag(SENTENCES)
    assert loaded.schemes == tagger.schemes == {"one": "plain", "names": "iob2"}
    # words that training saw have a row of their own already
    known = tagger.vocabulary.words[2]
    more = Vectors("", {known: 0, "okapi": 1}, np.ones((2, 6), dtype=np.float32))
    Tagger(tagger.config, tagger.vocabulary, tagger.module, more).save_pretrained(tmp_path, vectors=9)
    assert list(Tagger.from_pretrained(tmp_path).vectors.index) == ["okapi"]
    none = Vectors("", {known: 0}, np.ones((1, 6), dtype=np.float32))
    Tagger(tagger.config, tagger.vocabulary, tagger.module, none).save_pretrained(tmp_path / "none", vectors=9)
    assert not Tagger.from_pretrained(tmp_path / "none").vectors.index
    # nor do those of a model that was there before stay
    tagger.save_pretrained(tmp_path)
    assert not Tagger.from_pretrained(tmp_path).vectors.index


def test_half_the_digits_halve_the_files(tmp_path: Path) -> None:
    tagger = some_tagger()
    tagger.save_pretrained(tmp_path / "whole", vectors=4)
    tagger.save_pretrained(tmp_path / "half", half=True, vectors=4)
    loaded = Tagger.from_pretrained(tmp_path / "half")
    for mine, theirs in zip(loaded.module.parameters(), tagger.module.parameters(), strict=True):
        assert mine.dtype == torch.float32
        assert torch.equal(mine, theirs.to(torch.float16).to(torch.float32))
    assert loaded.vectors.matrix.dtype == np.float16
    assert loaded.vectors.rows(WORDS)[1].dtype == np.float32
    sizes = [sum(t.nbytes for t in load_file(tmp_path / f / "model.safetensors").values()) for f in ("whole", "half")]
    assert sizes[0] == 2 * sizes[1]


def test_where_models_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_model(tmp_path) == tmp_path
    for name in ("nowhere", "a" * 5000, "en/../no", "hf:/user/name"):
        with pytest.raises(ModelError, match="no such folder"):
            find_model(name)
    monkeypatch.chdir(tmp_path)
    for name in bundled_models():
        (tmp_path / name).mkdir()  # the name means the model in the box, whatever lies about here
        assert find_model(name) != Path(name)
        assert find_model(f"./{name}") == Path(name)


def edit(name: str, change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        path = folder / name
        value = json.loads(path.read_text())
        change(value)
        path.write_text(json.dumps(value))

    return do


def with_tensors(change: Callable[[dict[str, torch.Tensor]], object], name: str = "model") -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        path = folder / f"{name}.safetensors"
        tensors = load_file(path)
        change(tensors)
        save_file(tensors, path)

    return do


def link(folder: Path) -> None:
    (folder / "vocabulary.json").rename(folder.parent / "elsewhere.json")
    (folder / "vocabulary.json").symlink_to(folder.parent / "elsewhere.json")


def dangling(folder: Path) -> None:
    (folder / "vectors.safetensors").unlink()
    (folder / "vectors.safetensors").symlink_to("/dev/zero")


def pipe(folder: Path) -> None:
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")


def directory(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "config.json").mkdir()


def sparse(folder: Path) -> None:
    with (folder / "config.json").open("r+b") as file:
        file.truncate(2**40)


def header(length: int) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        path = folder / "model.safetensors"
        path.write_bytes(struct.pack("<Q", length) + path.read_bytes()[8:])

    return do


def deep(folder: Path) -> None:
    (folder / "config.json").write_text("[" * 100_000)


def nan(tensors: dict[str, torch.Tensor]) -> None:
    tensors["decoders.0.bias"][1] = torch.nan


def infinite(tensors: dict[str, torch.Tensor]) -> None:
    tensors["words"][0, 0] = torch.inf


STRANGE = {
    "a shape that the settings do not ask for": edit("config.json", lambda c: c["model"].update(hidden_size=9)),  # type: ignore[attr-defined]
    "sizes of a giant": edit("config.json", lambda c: c["model"].update(hidden_size=16384, layers=64)),  # type: ignore[attr-defined]
    "a size beyond all": edit("config.json", lambda c: c["model"].update(hidden_size=10**12)),  # type: ignore[attr-defined]
    "an unknown key": edit("config.json", lambda c: c.update(code="import os")),
    "tasks of another": edit("config.json", lambda c: c.update(tasks=["one", "two"])),
    "no words": edit("vocabulary.json", lambda v: v.pop("words")),
    "words that are numbers": edit("vocabulary.json", lambda v: v.update(words=[1, 2])),
    "fewer words": edit("vocabulary.json", lambda v: v["words"].pop()),  # type: ignore[attr-defined]
    "a label twice": edit("vocabulary.json", lambda v: v["labels"]["one"].append("A")),  # type: ignore[index]
    "a label with a line end": edit("vocabulary.json", lambda v: v["labels"]["one"].__setitem__(0, "A\nB")),  # type: ignore[index]
    "a label that moves the cursor": edit("vocabulary.json", lambda v: v["labels"]["one"].__setitem__(0, "\x1b[2J")),  # type: ignore[index]
    "no labels": edit("vocabulary.json", lambda v: v["labels"].update(one=[])),  # type: ignore[attr-defined]
    "a scheme that is none": edit("vocabulary.json", lambda v: v.update(schemes={"one": "bio"})),
    "schemes of a list": edit("vocabulary.json", lambda v: v.update(schemes=[["one"]])),
    "a key too few": with_tensors(lambda t: t.pop("words")),
    "a key too many": with_tensors(lambda t: t.update(more=torch.zeros(3))),
    "a NaN": with_tensors(nan),
    "an infinity": with_tensors(infinite),
    "whole numbers": with_tensors(lambda t: t.update(words=t["words"].long())),
    "a header of 2^63 bytes": header(2**63),
    "a header as long as the file": header(2000),
    "a header of nothing": header(0),
    "a link": link,
    "a link to a device": dangling,
    "a pipe": pipe,
    "a folder for a file": directory,
    "a terabyte of nothing": sparse,
    "brackets without end": deep,
    "vectors of other words": with_tensors(lambda t: t.update(words=t["words"][:3]), "vectors"),
    "vectors of another size": with_tensors(lambda t: t.update(vectors=t["vectors"][:, :5].contiguous()), "vectors"),
    "vectors that are NaN": with_tensors(lambda t: t["vectors"].fill_(torch.nan), "vectors"),
    "vectors too large for 32 bits": with_tensors(
        lambda t: t.update(vectors=torch.full_like(t["vectors"], 1e300, dtype=torch.float64)), "vectors"
    ),
    "words that are no UTF-8": with_tensors(lambda t: t["words"].fill_(255), "vectors"),
    "words that are no bytes": with_tensors(lambda t: t.update(words=t["words"].float()), "vectors"),
    "no vectors at all": with_tensors(lambda t: t.pop("vectors"), "vectors"),
}


@pytest.mark.parametrize("what", STRANGE)
def test_a_stranger_s_folder_is_refused_in_one_line(folder: Path, what: str) -> None:
    Tagger.from_pretrained(folder)
    STRANGE[what](folder)
    with pytest.raises(ModelError) as caught:
        Tagger.from_pretrained(folder)
    assert str(folder) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 600


def test_a_model_s_path_of_vectors_is_not_followed(
    tmp_path: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = tmp_path / "vectors.txt"
    secret.write_text("word 1 2 3 4 5 6\n")
    (folder / "vectors.safetensors").unlink()
    edit("config.json", lambda c: c.update(vectors=str(secret)))(folder)
    assert not Tagger.from_pretrained(folder).vectors.index
    assert "give --vectors" in caplog.text
    assert list(Tagger.from_pretrained(folder, vectors=str(secret)).vectors.index) == ["word"]


def test_a_run_and_files_of_others_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.jsonl").write_text("{}")
    with pytest.raises(ConfigError, match="run: holds a run, which must stay; name another folder"):
        some_tagger().save_pretrained(tmp_path / "run")
    (tmp_path / "config.json").write_text("mine")
    with pytest.raises(ConfigError, match="not of a tagger; name another folder"):
        some_tagger().save_pretrained(tmp_path)
    assert (tmp_path / "config.json").read_text() == "mine"
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["metrics.jsonl"]
