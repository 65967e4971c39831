"""tagmates.data.formats.jsonl: which objects are sentences, and the messages for others."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import tried

from tagmates.data.corpora import load_split
from tagmates.data.formats.jsonl import read_jsonl
from tagmates.data.sentence import Sentence
from tagmates.data.tasks import load_tasks
from tagmates.errors import DataError
from tagmates.model.tagged import Tagged
from tagmates.tagging.writing import write_json_lines

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), min_size=1, max_size=5)
rows = st.lists(st.tuples(texts, texts), min_size=1, max_size=4).filter(lambda row: row[0][0] != "-DOCSTART-")


def write(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


class TestRead:
    def test_sentences_know_their_lines(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        path.write_bytes(
            b'\xef\xbb\xbf{"tokens": ["Rain", "falls"], "tags": ["N", "V"]}\r\n\n{"tags": ["J"], "tokens": ["Good"]}'
        )
        assert read_jsonl(path) == [Sentence(("Rain", "falls"), ("N", "V"), 1), Sentence(("Good",), ("J",), 3)]

    @given(table=st.lists(rows, min_size=1, max_size=4))
    def test_what_tag_writes_is_read(self, table: list[list[tuple[str, str]]], tmp_path_factory: Any) -> None:
        """Each task's tags, below the object ``tags``: line separators, emoji and right-to-left script too."""
        stream = io.StringIO()
        sentences = [
            Tagged(tuple(token for token, _ in row), {"pos": tuple(t for _, t in row), "x": ("O",) * len(row)})
            for row in table
        ]
        write_json_lines(sentences, ["pos", "x"], stream)
        path = tmp_path_factory.getbasetemp() / "round.jsonl"
        path.write_text(stream.getvalue(), encoding="utf-8", newline="")
        read = read_jsonl(path, tag_key="tags.pos")
        assert [(s.tokens, s.tags) for s in read] == [(s.tokens, s.tags["pos"]) for s in sentences]

    def test_integers_with_names(self, tmp_path: Path) -> None:
        path = write(tmp_path / "f", {"tokens": ["Ada", "Ek", "."], "ner_tags": [1, 2, 0]})
        assert read_jsonl(path, tag_key="ner_tags", labels=["O", "B-PER", "I-PER"])[0].tags == ("B-PER", "I-PER", "O")

    def test_null_is_no_label(self, tmp_path: Path) -> None:
        (tmp_path / "a.jsonl").write_text('{"tokens": ["a", "b"], "tags": [null, "X"]}\n')
        assert [sentence.tags for sentence in read_jsonl(tmp_path / "a.jsonl")] == [(None, "X")]

    def test_what_holds_no_word_is_skipped(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "f",
            {"tokens": [], "tags": []},
            {"tokens": ["-DOCSTART-"], "tags": ["O"]},
            {"tokens": ["a"], "tags": ["O"]},
        )
        assert read_jsonl(path) == [Sentence(("a",), ("O",), 3)]
        with pytest.raises(DataError, match="holds no sentence"):
            read_jsonl(write(path, {"tokens": [], "tags": []}))

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("tokens", ":2: is not JSON (Expecting value"),
            ("[" * 100_000, ":2: is not JSON (nested too deeply)"),
            ("[1]", ":2: is not a JSON object; "),
            (
                '{"token": ["a"], "tags": ["O"]}',
                ":2: has no 'tokens' (did you mean 'token'?); set token_column to one of",
            ),
            ('{"tokens": ["a"]}', ":2: has no 'tags'"),
            ("{}", ":2: has no 'tokens'; "),
            ('{"tokens": "a", "tags": ["O"]}', ":2: 'tokens' is not a list; "),
            ('{"tokens": ["a"], "tags": {"x": ["O"]}}', ":2: 'tags' is an object; set tag_column to one of tags.x"),
            ('{"tokens": ["a", "b"], "tags": ["O"]}', ":2: 2 in 'tokens', but 1 in 'tags'; "),
            ('{"tokens": ["a", ""], "tags": ["O", "O"]}', ":2: number 2 in 'tokens' is empty; "),
            ('{"tokens": [null], "tags": ["O"]}', ":2: number 1 in 'tokens' is null, not a string; "),
            ('{"tokens": ["a"], "tags": [true]}', ":2: number 1 in 'tags' is true, not a string; "),
            ('{"tokens": [3], "tags": ["O"]}', ":2: number 1 in 'tokens' is 3, not a string; "),
            ('{"tokens": ["a\\n"], "tags": ["O"]}', ":2: number 1 in 'tokens', 'a\\n', has a line end"),
            ('{"tokens": ["a"], "tags": ["\\ud800"]}', ":2: number 1 in 'tags', '\\ud800', has "),
            ('{"tokens": ["a"], "tags": [0]}', ":2: 'tags' has integers; say what they stand for, from 0: labels = "),
        ],
    )
    def test_broken_lines(self, line: str, message: str, tmp_path: Path) -> None:
        path = tmp_path / "f"
        path.write_text('{"tokens": ["a"], "tags": ["O"]}\n' + line, encoding="utf-8")
        with pytest.raises(DataError) as caught:
            read_jsonl(path)
        assert str(caught.value).startswith(f"{path}{message}")
        str(caught.value).encode()  # can be printed

    @pytest.mark.parametrize("number", [-1, 2, 10**400])
    def test_integers_without_names(self, number: int, tmp_path: Path) -> None:
        path = write(tmp_path / "f", {"tokens": ["a"], "tags": [number]})
        with pytest.raises(DataError, match=r":1: 'tags' has -?\d+…?, but there are 2 labels, from 0; "):
            read_jsonl(path, labels=["O", "X"])

    @settings(max_examples=tried(50))
    @given(
        content=st.binary(max_size=60)
        | st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["tokens", "tags", "x"]), inner)
            ),
            max_leaves=8,
        ).map(lambda value: json.dumps(value).encode())
    )
    def test_any_bytes_give_sentences_or_a_data_error(self, content: bytes, tmp_path_factory: Any) -> None:
        path = tmp_path_factory.getbasetemp() / "any.jsonl"
        path.write_bytes(content)
        try:
            sentences = read_jsonl(path, labels=["O"])
        except DataError as error:
            assert str(error).startswith(str(path))
            str(error).encode()
        else:
            assert all(len(s.tokens) == len(s.tags or ()) > 0 < s.line for s in sentences)


class TestTasks:
    def test_one_file_serves_several_tasks(self, tmp_path: Path) -> None:
        write(tmp_path / "a.jsonl", {"words": ["Ada", "naps"], "tags": {"pos": ["N", "V"]}, "ner_tags": [1, 0]})
        (tmp_path / "tasks.toml").write_text(
            'format = "jsonl"\ntoken_column = "words"\ntrain = "a.jsonl"\n[tasks.pos]\ntag_column = "tags.pos"\n'
            '[tasks.ner]\ntag_column = "ner_tags"\nlabels = ["O", "B-PER"]\nscheme = "iob2"\n'
        )
        tasks = load_tasks(str(tmp_path))
        assert [load_split(task, "train")[0].tags for task in tasks.values()] == [("N", "V"), ("B-PER", "O")]
        assert [task.score for task in tasks.values()] == ["plain", "spans"]

    def test_a_tag_that_breaks_its_scheme(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.jsonl", {"tokens": ["a", "b"], "tags": ["O", "I-x"]})
        (tmp_path / "tasks.toml").write_text('[tasks.x]\nformat = "jsonl"\nscheme = "iob2"\ntrain = "a.jsonl"\n')
        with pytest.raises(DataError, match=f"^{path}:1: word 2: 'I-x' continues no span; "):
            load_split(load_tasks(str(tmp_path))["x"], "train")
