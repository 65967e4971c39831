"""Records of JSON as annotation tools write them: incomplete spans, partial answers, several ways of counting."""

import json
from pathlib import Path
from typing import Any

import pytest

from tagmates.data.formats.jsonl import read_jsonl, read_records
from tagmates.data.formats.records import RecordKeys, record_remarks
from tagmates.data.sentence import Sentence
from tagmates.errors import DataError

Pairs = list[list[tuple[str, str | None]]]


def write(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in records), encoding="utf-8")
    return path


def read(path: Path, *records: Any, **keys: Any) -> list[Sentence]:
    return read_jsonl(write(path, *records), **{"token_key": "text", "tag_key": "label", "scheme": "iob2", **keys})


def pairs(sentences: list[Sentence]) -> Pairs:
    return [list(zip(sentence.tokens, sentence.labels, strict=True)) for sentence in sentences]


def studio(*values: Any, **more: Any) -> dict[str, Any]:
    """Label Studio's task of one text, with these values as its results."""
    result = [{"id": "q", "from_name": "label", "to_name": "text", "value": value, **more} for value in values]
    return {"data": {"text": "Kito sleeps"}, "annotations": [{"result": result}]}


class TestSpansWithoutALabel:
    @pytest.mark.parametrize(
        "value",
        [
            {"start": 0, "end": 4, "text": "Kito"},
            {"start": 0, "end": 4, "text": "Kito", "labels": []},
            {"start": 0, "end": 4, "text": "Kito", "labels": None},
            {"start": "/p[1]", "end": "/p[1]", "globalOffsets": {"start": 0, "end": 4}, "text": "Kito"},
        ],
    )
    def test_they_are_errors_with_their_record(self, value: Any, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        good = studio({"start": 0, "end": 4, "text": "Kito", "labels": ["PER"]})
        with pytest.raises(DataError, match=r"a\.jsonl:2: span 1 has no label; give it one, or delete it"):
            read(path, good, studio(value), token_key="data.text", tag_key="annotations")

    @pytest.mark.parametrize("label", [None, [], ""])
    def test_so_they_are_without_label_studio(self, label: Any, tmp_path: Path) -> None:
        span = {"start": 0, "end": 4, "labels": label}
        with pytest.raises(DataError, match=r"a\.jsonl:1: span 1 has no label"):
            read(tmp_path / "a.jsonl", {"text": "Kito sleeps", "label": [span]})

    @pytest.mark.parametrize(
        "value",
        [
            {"choices": ["good"]},
            {"start": 0, "end": 4, "text": "Kito", "choices": ["good"]},
            {"start": 0, "end": 4, "text": ["a comment on the span"]},
            {"rating": 3},
            {"start": 0, "end": 4, "text": "Kito", "rating": 3},
            {"text": ["a comment"]},
            {"start": 0, "end": 4, "text": "Kito", "number": 3},
        ],
    )
    def test_other_answers_are_skipped(self, value: Any, tmp_path: Path) -> None:
        record = studio(value, {"start": 0, "end": 4, "text": "Kito", "labels": ["PER"]})
        found = read(tmp_path / "a.jsonl", record, token_key="data.text", tag_key="annotations")
        assert pairs(found) == [[("Kito", "B-PER"), ("sleeps", "O")]]


class TestBinaryAnswers:
    def question(self, answer: str, start: int, end: int, **more: Any) -> dict[str, Any]:
        spans = [{"start": start, "end": end, "label": "PER"}]
        return {"text": "Kito met Ylva Lund", "label": spans, "answer": answer, "_is_binary": True, **more}

    def test_words_outside_the_span_have_no_label(self, tmp_path: Path) -> None:
        found = read(tmp_path / "a.jsonl", self.question("accept", 9, 18))
        assert pairs(found) == [[("Kito", None), ("met", None), ("Ylva", "B-PER"), ("Lund", "I-PER")]]

    def test_rejected_ones_are_left_out_and_full_ones_stay_full(self, tmp_path: Path) -> None:
        found = read(
            tmp_path / "a.jsonl",
            self.question("reject", 9, 13),
            self.question("accept", 0, 4, _is_binary=False),
            self.question("accept", 0, 4),
        )
        assert [[tag for _, tag in each] for each in pairs(found)] == [["B-PER", "O", "O", "O"], ["B-PER"] + 3 * [None]]

    def test_check_names_the_record(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "a.jsonl", self.question("accept", 0, 4, _is_binary=False), self.question("accept", 0, 4)
        )
        keys = RecordKeys("text", "label", scheme="iob2")
        assert list(record_remarks(read_records(path), keys)) == [
            f"{path}:2: answers a question about one span (_is_binary); other words have no label"
        ]
