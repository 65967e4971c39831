"""tagmates.data.formats.huggingface: folders made by hand, and by the real library if it is installed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import ipc, parquet
from strategies import tried

from tagmates.data.corpora import load_split
from tagmates.data.formats.huggingface import read_huggingface, read_rows, splits_in
from tagmates.data.formats.parquet_footer import column_chunks
from tagmates.data.sentence import Sentence
from tagmates.data.tasks import load_tasks
from tagmates.errors import ConfigError, DataError

NAMES = ["O", "B-PER", "I-PER"]
COLUMNS = {
    "id": ["0", "1"],
    "tokens": [["Ada", "Ek", "naps"], ["💤", "שלום"]],
    "ner_tags": [[1, 2, 0], [0, 0]],
    "pos": [["N", "N", "V"], ["S", "S"]],
}
FEATURES = {
    "ner_tags": {"feature": {"names": NAMES, "_type": "ClassLabel"}, "_type": "List"},
    "tokens": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"},
}
READ = [Sentence(("Ada", "Ek", "naps"), ("B-PER", "I-PER", "O"), 1), Sentence(("💤", "שלום"), ("O", "O"), 2)]


def table(features: Mapping[str, Any] | None = FEATURES, columns: Mapping[str, Sequence[Any]] = COLUMNS) -> pa.Table:
    metadata = {"huggingface": json.dumps({"info": {"features": features}})} if features else None
    return pa.table(dict(columns)).replace_schema_metadata(metadata)


def write_arrow(path: Path, content: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with ipc.new_stream(str(path), content.schema) as stream:
        stream.write_table(content)


def write_parquet(path: Path, content: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(content, path)


def read(path: Path, **keys: Any) -> list[Sentence]:
    return read_huggingface(path, **{"tag_key": "ner_tags", **keys})


class TestSavedToDisk:
    def test_splits_and_shards(self, tmp_path: Path) -> None:
        write_arrow(tmp_path / "train" / "data-00000-of-00002.arrow", table())
        write_arrow(tmp_path / "train" / "data-00001-of-00002.arrow", table())
        (tmp_path / "train" / "state.json").write_text("{}")
        assert splits_in(tmp_path) == ["train"]
        found = read(tmp_path / "train")
        assert [s.tags for s in found] == [s.tags for s in READ] * 2
        assert [s.line for s in found] == [1, 2, 3, 4]
        (tmp_path / "train" / "data-00001-of-00002.arrow").unlink()
        with pytest.raises(DataError, match="is one of 2 files, and 1 are there; copy all of them"):
            read(tmp_path / "train")

    def test_a_set_that_is_one_split(self, tmp_path: Path) -> None:
        write_arrow(tmp_path / "data-00000-of-00001.arrow", table())
        (tmp_path / "state.json").write_text("{}")
        assert splits_in(tmp_path) == ["."]
        assert read(tmp_path / ".") == READ

    def test_features_beside_the_data(self, tmp_path: Path) -> None:
        write_arrow(tmp_path / "data-00000-of-00001.arrow", table(features=None))
        (tmp_path / "dataset_info.json").write_text(json.dumps({"features": FEATURES}))
        assert read(tmp_path) == READ


class TestHub:
    @pytest.mark.parametrize(
        ("file", "split"),
        [
            ("data/train-00000-of-00001.parquet", "train"),
            ("data/train-00000-of-00001-0123abcd.parquet", "train"),
            ("train.parquet", "train"),
            ("en/train-00000-of-00001.parquet", "en/train"),
            ("en/train/0000.parquet", "en/train"),
        ],
    )
    def test_names_of_files(self, file: str, split: str, tmp_path: Path) -> None:
        write_parquet(tmp_path / file, table())
        write_parquet(
            tmp_path / file.replace("train", "test"), table(columns={**COLUMNS, "tokens": [["x"] * 3, ["y"] * 2]})
        )
        assert splits_in(tmp_path) == sorted([split, split.replace("train", "test")])
        assert read(tmp_path / split) == READ
        assert read(tmp_path / file) == READ

    def test_what_is_no_split(self, tmp_path: Path) -> None:
        for split in ("train", "test"):
            write_parquet(tmp_path / "data" / f"{split}-00000-of-00001.parquet", table())
        with pytest.raises(DataError, match="dev: is not a split of a Hugging Face data set; there are test, train"):
            read(tmp_path / "dev")
        with pytest.raises(DataError, match="data: holds several splits; name one of test, train"):
            read(tmp_path / "data")
        with pytest.raises(DataError, match="none/train: is not a split of a Hugging Face data set; give a folder"):
            read(tmp_path / "none" / "train")

    def test_names_of_integers(self, tmp_path: Path) -> None:
        write_parquet(tmp_path / "train.parquet", table(features=None))
        with pytest.raises(DataError, match="train: sentence 1: 'ner_tags' has integers; say what they stand for"):
            read(tmp_path / "train")
        assert read(tmp_path / "train", labels=NAMES) == READ

    @pytest.mark.parametrize("rows", [700, 1_500, 10_000])
    def test_row_groups_and_batches(self, rows: int, tmp_path: Path) -> None:
        sentences = [[f"w{i % 7}", f"v{i}", "w"] for i in range(3_001)]
        columns = {
            "tokens": sentences,
            "ner_tags": sentences,
            "spans": [[{"text": word, "at": at} for at, word in enumerate(own)] for own in sentences],
        }
        content = table(None, columns)
        parquet.write_table(content, tmp_path / "a.parquet", row_group_size=rows, data_page_size=512)
        with ipc.new_stream(str(tmp_path / "b.arrow"), content.schema) as stream:
            stream.write_table(content, max_chunksize=rows)
        wanted = list(map(tuple, sentences))
        for name in ("a.parquet", "b.arrow"):
            assert [sentence.tokens for sentence in read(tmp_path / name)] == wanted
            assert [record["spans"] for record, _ in read_rows(tmp_path / name)] == columns["spans"]

    def test_answers_of_prodigy(self, tmp_path: Path) -> None:
        spans = [[{"start": 0, "end": 1, "label": "X"}]] * 3
        columns = {"text": ["a b", "c d", "e f"], "spans": spans, "n": [1, 2, 3]}
        columns |= {"answer": ["accept", "reject", "accept"], "_is_binary": [False, False, True]}
        content = table(None, columns)
        parquet.write_table(content, tmp_path / "a.parquet")
        with ipc.new_stream(str(tmp_path / "b.arrow"), content.schema) as stream:
            stream.write_table(content)
        for name in ("a.parquet", "b.arrow"):
            found = read(tmp_path / name, token_key="text", tag_key="spans", scheme="iob2")
            assert [sentence.tags for sentence in found] == [("B-X", "O"), ("B-X", None)]

    def test_columns_in_columns(self, tmp_path: Path) -> None:
        columns = {"words": [["a", "b"]], "tags": [{"upos": [1, 0], "x": ["p", "q"]}]}
        features = {"tags": {"upos": [{"names": ["N", "V"], "_type": "ClassLabel"}]}}
        write_parquet(tmp_path / "train.parquet", table(features, columns))
        assert read(tmp_path / "train", token_key="words", tag_key="tags.upos")[0].tags == ("V", "N")
        with pytest.raises(
            DataError, match=r"sentence 1: has no 'tokens'; set token_column to one of words, tags\.upos"
        ):
            read(tmp_path / "train", tag_key="tags.upos")


class TestBroken:
    @pytest.mark.parametrize("name", ["train.parquet", "train.arrow"])
    def test_other_files(self, name: str, tmp_path: Path) -> None:
        (tmp_path / name).write_bytes(b"PAR1 is how it begins")
        with pytest.raises(DataError, match=f"{name}: cannot be read as Arrow or parquet .*; copy it again"):
            read(tmp_path / name)

    @settings(max_examples=tried(150))
    @given(data=st.data(), suffix=st.sampled_from(["parquet", "arrow"]))
    def test_damaged_files_give_sentences_or_a_data_error(
        self, data: st.DataObject, suffix: str, tmp_path_factory: Any
    ) -> None:
        path = tmp_path_factory.getbasetemp() / f"any.{suffix}"
        {"parquet": write_parquet, "arrow": write_arrow}[suffix](path, table())
        content = bytearray(path.read_bytes())
        for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
            content[at] = data.draw(st.integers(0, 255))
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
        try:
            sentences = read(path)
        except DataError as error:
            assert str(error).startswith(str(path))
        else:
            assert all(len(s.tokens) == len(s.tags or ()) > 0 < s.line for s in sentences)

    def test_without_pyarrow(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_parquet(tmp_path / "train.parquet", table())
        monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
        with pytest.raises(ConfigError, match=r"needs the package pyarrow: pip install .*(\[hf\]|pyarrow)"):
            read(tmp_path / "train")


@pytest.mark.parametrize("size", [1, 20])
def test_a_footer_says_what_pyarrow_says(size: int, tmp_path: Path) -> None:
    write_parquet(tmp_path / "f", pa.concat_tables([table()] * size).append_column("n", pa.array([1.5, None] * size)))
    said = parquet.read_metadata(tmp_path / "f")
    columns = [said.row_group(i).column(j) for i in range(said.num_row_groups) for j in range(said.num_columns)]
    assert [(".".join(c.path), c.values, c.bytes) for c in column_chunks(tmp_path / "f")] == [
        (c.path_in_schema, c.num_values, c.total_uncompressed_size) for c in columns
    ]


def test_a_task_names_its_splits(tmp_path: Path) -> None:
    for split in ("train", "validation"):
        write_parquet(tmp_path / "copy" / "data" / f"{split}-00000-of-00001.parquet", table())
    (tmp_path / "tasks.toml").write_text(
        'format = "huggingface"\nfolder = "copy"\ntrain = "train"\ndev = "validation"\n'
        '[tasks.ner]\ntag_column = "ner_tags"\nscheme = "iob2"\n[tasks.pos]\ntag_column = "pos"\n'
        '[tasks.bad]\ntag_column = "ner_tags"\nscheme = "iobes"\n'
    )
    tasks = load_tasks(str(tmp_path))
    assert load_split(tasks["ner"], "dev") == READ
    assert load_split(tasks["pos"], "train")[0].tags == ("N", "N", "V")
    with pytest.raises(DataError, match="copy/train: sentence 1: word 2: no E tag closes the span"):
        load_split(tasks["bad"], "train")


def test_folders_of_the_real_library(tmp_path: Path) -> None:
    library = pytest.importorskip("datasets")
    names = library.Features(
        {
            "id": library.Value("string"),
            "tokens": library.Sequence(library.Value("string")),
            "ner_tags": library.Sequence(library.ClassLabel(names=NAMES)),
            "pos": library.Sequence(library.Value("string")),
        }
    )
    whole = library.Dataset.from_dict(COLUMNS, features=names)
    library.DatasetDict(train=whole, test=whole).save_to_disk(tmp_path / "saved")
    whole.select([1, 0]).save_to_disk(tmp_path / "turned")
    whole.to_parquet(tmp_path / "train.parquet")
    assert splits_in(tmp_path / "saved") == ["test", "train"]
    assert read(tmp_path / "saved" / "train") == READ
    assert read(tmp_path / "train") == READ
    assert [s.tokens for s in read(tmp_path / "turned")] == [s.tokens for s in reversed(READ)]
