"""Records of JSON as annotation tools write them: incomplete spans, partial answers, several ways of counting."""

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tagmates.data.checking.check import check_tasks
from tagmates.data.checking.scan import scan
from tagmates.data.corpora import annotation_remarks, load_split, read_split
from tagmates.data.describing.proposal import propose
from tagmates.data.formats.huggingface import class_names
from tagmates.data.formats.jsonl import read_jsonl, read_records
from tagmates.data.formats.records import RecordKeys, record_remarks
from tagmates.data.sentence import Sentence
from tagmates.data.task import Task
from tagmates.data.tasks import load_tasks
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


def test_the_label_of_a_span_may_come_first(tmp_path: Path) -> None:
    record = {"text": "Kito met Ylva", "label": [["PER", 0, 4], ["PER", 9, 13]]}
    assert pairs(read(tmp_path / "a.jsonl", record)) == [[("Kito", "B-PER"), ("met", "O"), ("Ylva", "B-PER")]]


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
        assert list(record_remarks(read_records(path), keys, "")) == [
            f"{path}:2: answers a question about one span (_is_binary); other words have no label"
        ]


def task_of(folder: Path, token: str, tag: str, name: str = "{}.jsonl") -> Task:
    """The task of the files train, dev and test in a folder; those that exist."""
    there = [split for split in ("train", "dev", "test") if (folder / name.format(split)).exists()]
    files = "".join(f'{split} = "{name.format(split)}"\n' for split in there)
    keys = f'format = "{name.rpartition(".")[2]}"\ntoken_column = "{token}"\ntag_column = "{tag}"\nscheme = "iob2"\n'
    (folder / "tasks.toml").write_text(f"{keys}{files}[tasks.x]\n", encoding="utf-8")
    return load_tasks(str(folder))["x"]


SHORT = {"words": ["Kito", "met", "Ylva", "Lund"], "spans": [{"start": 0, "end": 0, "type": "PER"}]}
LONG = {"words": ["Ylva", "Lund", "met", "Kito"], "spans": [{"start": 0, "end": 1, "type": "PER"}]}


class TestEndsOfSpansOfWords:
    @pytest.mark.parametrize("as_list", [True, False])
    def test_one_file_tells_them_for_all(self, as_list: bool, tmp_path: Path) -> None:
        def record(of: Any) -> Any:
            return {**of, "spans": [[s["start"], s["end"], s["type"]] for s in of["spans"]]} if as_list else of

        write(tmp_path / "train.jsonl", record(LONG), record(SHORT))
        write(tmp_path / "test.jsonl", record(LONG))
        task = task_of(tmp_path, "words", "spans")
        assert pairs(read_split(task, "test")) == [[("Ylva", "B-PER"), ("Lund", "I-PER"), ("met", "O"), ("Kito", "O")]]
        assert list(annotation_remarks(task, "test")) == []

    def test_the_other_file_may_come_later_or_be_broken(self, tmp_path: Path) -> None:
        write(tmp_path / "train.jsonl", LONG)
        write(tmp_path / "dev.jsonl", LONG, {"words": ["Kito"]}, SHORT, 3)
        task = task_of(tmp_path, "words", "spans")
        assert pairs(read_split(task, "train"))[0][1] == ("Lund", "I-PER")

    def test_a_file_without_any_span_is_read_as_the_others(self, tmp_path: Path) -> None:
        write(tmp_path / "train.jsonl", SHORT)
        write(tmp_path / "test.jsonl", {"words": ["Kito", "naps"], "spans": []})
        task = task_of(tmp_path, "words", "spans")
        assert pairs(read_split(task, "test")) == [[("Kito", "O"), ("naps", "O")]]
        assert [p.text for p in check_tasks({"x": task}) if p.split == "test" and p.level == "error"] == []

    def test_without_such_a_span_they_are_exclusive(self, tmp_path: Path) -> None:
        for split in ("train", "dev"):
            write(tmp_path / f"{split}.jsonl", LONG)
        task = task_of(tmp_path, "words", "spans")
        assert [tag for _, tag in pairs(read_split(task, "dev"))[0]] == ["B-PER", "O", "O", "O"]

    def test_a_bad_record_does_not_hide_the_spans_of_the_others(self, tmp_path: Path) -> None:
        bad = {"words": ["Kito"], "spans": [{"start": 0, "end": 1, "type": None}]}
        write(tmp_path / "train.jsonl", SHORT, bad, LONG, {"words": ["Kito"], "spans": None})
        problems = [p for p in check_tasks({"x": task_of(tmp_path, "words", "spans")}) if p.kind == "line"]
        assert [(p.line, p.message.partition(";")[0]) for p in problems] == [
            (2, "span 1 has no label"), (4, 'there is no list of spans, such as [[0, 4, "PER"]]'),
        ]  # fmt: skip


def utf_16(text: str, at: int) -> int:
    return len(text[:at].encode("utf-16-le")) // 2


def browser(text: str, at: int) -> int:
    return len(text[:at].replace("\r\n", "\n"))


def both(text: str, at: int) -> int:
    return utf_16(text[:at].replace("\r\n", "\n"), at)


class TestOffsetsThatCountOtherwise:
    texts = (
        "😀😀 Bo Ek visited New York again today .",
        "Kito met Ylva Lund .", "\U0001f600 Kito naps .\r\nYlva Lund naps .",
        "A\r\nB\r\nC\r\nD\r\nE met Bo Ek in Oslo .\r\n", "Oslo 😀 and Rome 😀😀 and Kito",
    )  # fmt: skip
    names = ("Bo Ek", "New York", "Kito", "Ylva Lund", "Oslo", "Rome")

    def records(self, count: Any) -> list[dict[str, Any]]:
        return [
            {
                "text": text,
                "label": [
                    [count(text, text.index(name)), count(text, text.index(name) + len(name)), "X"]
                    for name in self.names
                    if name in text
                ],
            }
            for text in self.texts
        ]

    @pytest.mark.parametrize(
        ("count", "said"),
        [
            (lambda text, at: at, ""),
            (utf_16, "U+FFFF as two"),
            (browser, r"\r\n as one"),
            (both, r"two, as JavaScript"),
        ],
    )
    def test_the_count_that_fits_the_file_is_used(self, count: Any, said: str, tmp_path: Path) -> None:
        expected = read(tmp_path / "a.jsonl", *self.records(lambda text, at: at))
        path = write(tmp_path / "train.jsonl", *self.records(count))
        task = task_of(tmp_path, "text", "label")
        assert pairs(read_split(task, "train")) == pairs(expected)
        remarks = list(annotation_remarks(task, "train"))
        assert [f"{path}: its offsets count" in text and said in text for text in remarks] == ([True] if said else [])

    @pytest.mark.parametrize("count", [lambda text, at: at, utf_16, browser, both])
    def test_init_reads_them_so_too(self, count: Any, tmp_path: Path) -> None:
        for split in ("train", "dev"):
            write(tmp_path / f"{split}.jsonl", *self.records(count) * 3)
        (tmp_path / "tasks.toml").write_text(propose(tmp_path, "").text, encoding="utf-8")
        (task,) = load_tasks(str(tmp_path)).values()
        expected = read(tmp_path / "a.jsonl", *self.records(lambda text, at: at) * 3)
        assert pairs(read_split(task, "dev")) == pairs(expected)

    @pytest.mark.parametrize("count", [lambda text, at: at, utf_16, browser])
    def test_check_reads_the_other_records_so_too(self, count: Any, tmp_path: Path) -> None:
        expected = read(tmp_path / "a.jsonl", *self.records(lambda text, at: at))
        for split in ("train", "dev"):
            write(tmp_path / f"{split}.jsonl", *self.records(count), {"text": "Kito", "label": [[3, 1, "X"]]})
        task = task_of(tmp_path, "text", "label")
        found, faults = scan(task, tmp_path / "train.jsonl")
        assert pairs([each for each in found if each is not None]) == pairs(expected)
        assert [fault.message.split(":")[1] for fault in faults] == [str(len(self.texts) + 1)]

    @pytest.mark.parametrize("repeats", [True, False])
    def test_inclusive_ends(self, repeats: bool, tmp_path: Path) -> None:
        right = self.records(lambda text, at: at)
        expected = read(tmp_path / "a.jsonl", *right)
        wrong = [
            {
                "text": each["text"],
                "label": [
                    {
                        "start": start,
                        "end": end - 1,
                        "label": kind,
                        **({"text": each["text"][start:end]} if repeats else {}),
                    }
                    for start, end, kind in each["label"]
                ],
            }
            for each in right
        ]
        path = write(tmp_path / "train.jsonl", *wrong)
        task = task_of(tmp_path, "text", "label")
        assert pairs(read_split(task, "train")) == pairs(expected)
        assert f"{path}: its offsets include the last character of a span, and are read so" in [
            *annotation_remarks(task, "train")
        ]

    def test_records_of_argilla_1_that_nobody_annotated_are_left_out(self, tmp_path: Path) -> None:
        records: list[dict[str, Any]] = [
            {"text": "Kito naps", "annotation": [["PER", 0, 4]], "status": "Validated"},
            {"text": "Oslo sleeps", "annotation": None, "status": "Default"},
            {"text": "Lind naps", "annotation": [["PER", 0, 4]], "status": "Discarded"},
            {"text": "It rains", "annotation": [], "status": "Validated"},
        ]
        write(tmp_path / "train.jsonl", *records)
        task = task_of(tmp_path, "text", "annotation")
        assert [s.tokens for s in read_split(task, "train")] == [("Kito", "naps"), ("It", "rains")]
        assert sum("its status is D" in text for text in annotation_remarks(task, "train")) == 2

    def test_spans_behind_one_line_end_that_counts_once(self, tmp_path: Path) -> None:
        """Then they begin with a blank, and lack their last letter, as if their ends were inclusive."""
        text = "Memo from Siemens:\r\nOn Monday Anna left Oslo ."
        spans = [(10, 17, "ORG"), (30, 34, "PER"), (40, 44, "LOC")]
        assert [text[start:end] for start, end, _ in spans] == ["Siemens", "Anna", "Oslo"]
        given = [[start - (start > 18), end - (start > 18), kind] for start, end, kind in spans]
        right = read(tmp_path / "a.jsonl", *[{"text": text, "label": list(map(list, spans))}] * 3)
        write(tmp_path / "train.jsonl", *[{"text": text, "label": given}] * 3)
        task = task_of(tmp_path, "text", "label")
        assert pairs(read_split(task, "train")) == pairs(right)
        assert any("its offsets count \\r\\n as one" in text for text in annotation_remarks(task, "train"))

    def test_inclusive_ends_in_a_text_without_spaces(self, tmp_path: Path) -> None:
        spans = [
            {"start": 0, "end": 1, "label": "X", "text": "東京"},
            {"start": 3, "end": 3, "label": "X", "text": "海"},
        ]
        (found,) = read(tmp_path / "a.jsonl", {"text": "東京と海", "label": spans})
        assert found.tags == ("B-X", "I-X", "O", "B-X")
        with pytest.raises(DataError, match="at 3-3 is empty"):  # nothing tells that all ends are inclusive
            read(tmp_path / "a.jsonl", {"text": "東京と海", "label": [[0, 2, "X"], [3, 3, "X"]]})

    def test_one_wrong_span_does_not_change_the_count(self, tmp_path: Path) -> None:
        wrong = {"text": "😀 met Kito", "label": [[8, 12, "X"]]}  # fits as JavaScript counts
        with pytest.raises(DataError, match=r"a\.jsonl:6: 'X' at 8-12 is empty or leaves the text of 10 characters"):
            read(tmp_path / "a.jsonl", *self.records(lambda text, at: at), wrong)

    def test_spans_inside_words_do_not_change_it_either(self, tmp_path: Path) -> None:
        records = [{"text": "😀 Kitolund Kitoness naps", "label": [[2, 6, "X"], [15, 19, "Y"]]}] * 3
        assert pairs(read(tmp_path / "a.jsonl", *records))[0][1:3] == [("Kitolund", "B-X"), ("Kitoness", "B-Y")]

    def test_spans_that_repeat_their_text_may_differ_from_the_file(self, tmp_path: Path) -> None:
        by_hand = {"text": "😀 met Kito", "label": [{"start": 7, "end": 11, "label": "X", "text": "Kito"}]}
        imported = {"text": "😀 met Kito", "label": [{"start": 6, "end": 10, "label": "X", "text": "Kito"}]}
        found = read(tmp_path / "a.jsonl", *[imported] * 5, by_hand)
        assert [each[-1] for each in pairs(found)] == [("Kito", "B-X")] * 6

    def test_bytes_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(
            DataError, match=r"leaves the text of 8 characters; correct the span .* not bytes or UTF-16"
        ):
            read(tmp_path / "a.jsonl", {"text": "Zoë Lund", "label": [[0, 9, "X"]]})


class TestKeysWithADot:
    record: ClassVar = {"a.words": ["Kito", "naps"], "ner.tags": ["B-PER", "O"], "ner": {"x.y": ["O", "B-PER"]}}

    @pytest.mark.parametrize(("key", "tags"), [("ner.tags", ("B-PER", "O")), ("ner.x.y", ("O", "B-PER"))])
    def test_exact_keys_come_first(self, key: str, tags: Any, tmp_path: Path) -> None:
        (found,) = read(tmp_path / "a", self.record, token_key="a.words", tag_key=key, scheme="plain")
        assert (found.tokens, found.tags) == (("Kito", "naps"), tags)

    def test_a_key_that_is_in_neither_way_there(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"has no 'ner\.x\.z' \(did you mean 'ner\.x\.y'\?\)"):
            read(tmp_path / "a", self.record, token_key="a.words", tag_key="ner.x.z", scheme="plain")

    def test_init_and_the_reader_agree(self, tmp_path: Path) -> None:
        for split in ("train", "dev"):
            write(tmp_path / f"{split}.jsonl", *[{"tokens": ["Kito", "naps"], "ner.tags": ["B-PER", "O"]}] * 10)
        (tmp_path / "tasks.toml").write_text(propose(tmp_path, "").text, encoding="utf-8")
        (task,) = load_tasks(str(tmp_path)).values()
        assert task.tag_column == "ner.tags"
        assert pairs(load_split(task, "train"))[0] == [("Kito", "B-PER"), ("naps", "O")]

    @pytest.mark.parametrize("key", ["ner.tags", "more.tags"])
    def test_class_names(self, key: str) -> None:
        labels = {"feature": {"names": ["O", "PER"], "_type": "ClassLabel"}, "_type": "Sequence"}
        assert class_names({"ner.tags": labels, "ner": {"more": 1}, "more": {"tags": labels}}, key) == ("O", "PER")
        assert class_names({"ner.tags": labels, "ner": 3}, f"{key}.x") == ()


class TestArgilla:
    def record(self, responses: Any, states: Any, **more: Any) -> dict[str, Any]:
        return {
            "text": "Kito met Ylva Lund", "ner.suggestion": [{"start": 0, "end": 3, "label": "BAD"}],
            "ner.responses": responses, "ner.responses.users": ["u"], "ner.responses.status": states, **more,
        }  # fmt: skip

    kito: ClassVar = [{"start": 0, "end": 4, "label": "PER"}]
    ylva: ClassVar = [{"start": 9, "end": 18, "label": "PER"}]

    def test_people_come_before_models(self, tmp_path: Path) -> None:
        for split in ("train", "dev"):
            records = [self.record([self.kito], ["submitted"])] * 8 + [self.record([self.ylva], ["discarded"])]
            write(tmp_path / f"{split}.jsonl", *records, self.record(None, None), self.record([[]], ["submitted"]))
        (tmp_path / "tasks.toml").write_text(propose(tmp_path, "").text, encoding="utf-8")
        (task,) = load_tasks(str(tmp_path)).values()
        assert (task.token_column, task.tag_column, task.scheme) == ("text", "ner.responses", "iob2")
        assert [each[0][1] for each in pairs(load_split(task, "train"))] == ["B-PER"] * 8 + ["O"]
        path = tmp_path / "train.jsonl"
        assert list(annotation_remarks(task, "train")) == [
            f"{path}:9: its responses are discarded or drafts; it is left out",
            f"{path}:10: it is not annotated; it is left out",
        ]

    def test_suggestions_alone_are_said_to_be_of_a_model(self, tmp_path: Path) -> None:
        for split in ("train", "dev"):
            write(tmp_path / f"{split}.jsonl", *[self.record(None, None)] * 9)
        assert "these are predictions of a model" in propose(tmp_path, "").text

    def test_the_first_that_was_submitted(self, tmp_path: Path) -> None:
        record = self.record([self.kito, None, self.ylva, self.kito], ["draft", "submitted", "submitted", "submitted"])
        path = write(tmp_path / "train.jsonl", record)
        task = task_of(tmp_path, "text", "ner.responses")
        assert [tag for _, tag in pairs(read_split(task, "train"))[0]] == ["O", "O", "B-PER", "I-PER"]
        assert list(annotation_remarks(task, "train")) == [
            f"{path}:1: there are several responses; the first that was submitted is read"
        ]


class TestOneBadRecord:
    words: ClassVar = {"tokens": ["Kito", "met", "Ylva"], "ner_tags": ["B-PER", "O", "B-PER"]}
    text: ClassVar = {"text": "Kito met Ylva", "label": [[0, 4, "PER"], [9, 13, "PER"]]}
    spans: ClassVar = {"tokens": ["Kito", "met", "Ylva"], "entities": [{"start": 0, "end": 1, "type": "PER"}]}

    @pytest.mark.parametrize(
        ("good", "bad", "message"),
        [
            ("words", {"tokens": ["Kito"]}, "has no 'ner_tags'"),
            ("words", {"tokens": ["Kito"], "ner_tags": None}, "'ner_tags' is not a list"),
            ("words", {"ner_tags": ["O"]}, "has no 'tokens'"),
            ("words", {"tokens": ["Kito"], "ner_tags": ["O", "O"]}, "1 in 'tokens', but 2 in 'ner_tags'"),
            ("words", {"tokens": ["Kito"], "ner_tags": [1.5]}, "number 1 in 'ner_tags' is 1.5"),
            ("text", {"text": "Kito", "label": [[0, 4, None]]}, "span 1 has no label"),
            ("text", {"text": "Kito", "label": [[0, 4, ""]]}, "span 1 has no label"),
            ("text", {"text": "Kito", "label": [[0.0, 4, "PER"]]}, "span 1 has no numbers"),
            ("text", {"text": "Kito", "label": [[4, 0, "PER"]]}, "'PER' at 4-0 is empty"),
            ("text", {"text": "Kito", "label": [[0, 40, "PER"]]}, "'PER' at 0-40 is empty or leaves the text"),
            ("text", {"text": "Kito", "label": [[-4, 4, "PER"]]}, "'PER' at -4-4 is empty or leaves the text"),
            ("text", {"text": "Kito naps", "label": [[4, 5, "PER"]]}, "'PER' at 4-5: covers no word"),
            ("text", {"text": "Kito", "label": "PER"}, "there is no list of spans"),
            ("text", {"text": None, "label": []}, "'text' is not a list"),
            ("spans", {"tokens": ["Kito"], "entities": [{"start": 0, "end": 1}]}, "span 1 has no label"),
            ("spans", {"tokens": ["Kito"], "entities": [{"start": 0, "end": 3, "type": "PER"}]}, "span 1, 0-3"),
        ],
    )
    @pytest.mark.parametrize("form", ["jsonl", "json"])
    def test_init_describes_the_others_and_check_names_it(
        self, good: str, bad: Any, message: str, form: str, tmp_path: Path
    ) -> None:
        records = [getattr(self, good)] * 12
        records[5] = bad
        for split in ("train", "dev"):
            lines = "\n".join(map(json.dumps, records))
            (tmp_path / f"{split}.{form}").write_text(lines if form == "jsonl" else json.dumps(records))
        (tmp_path / "tasks.toml").write_text(propose(tmp_path, "").text, encoding="utf-8")
        (task,) = load_tasks(str(tmp_path)).values()
        assert (task.tag_column, task.scheme) == (list(getattr(self, good))[1], "iob2")
        errors = [problem for problem in check_tasks({"x": task}) if problem.level == "error"]
        place = f"{tmp_path / 'train'}.{form}{':6' if form == 'jsonl' else ': record 6'}: {message}"
        assert len(errors) == 2
        assert errors[0].text.startswith(place)

    def test_many_bad_records_are_refused_with_the_first(self, tmp_path: Path) -> None:
        bad = {"text": "Kito", "label": [[0, 40, "PER"]]}
        write(tmp_path / "train.jsonl", *[self.text, bad] * 9)
        with pytest.raises(DataError, match=r"train\.jsonl:2: 'PER' at 0-40 is empty or leaves the text"):
            propose(tmp_path, "")
        write(tmp_path / "train.jsonl", *[{"tokens": ["Kito"]}, self.words] * 9)
        with pytest.raises(DataError, match=r"train\.jsonl:1: the record has the keys tokens; most records have"):
            propose(tmp_path, "")


class TestSeveralAnnotators:
    def test_the_first_is_read_and_check_names_the_record(self, tmp_path: Path) -> None:
        spans = [
            {"start_offset": 0, "end_offset": 4, "label": "PER", "user": 2},
            {"start_offset": 9, "end_offset": 13, "label": "PER", "user": 1},
            {"start_offset": 5, "end_offset": 8, "label": "ORG", "user": 10},
        ]
        one = {"text": "Kito met Ylva", "label": [{**span, "user": 2} for span in spans]}
        path = write(tmp_path / "train.jsonl", {"text": "Kito met Ylva", "label": spans}, one)
        task = task_of(tmp_path, "text", "label")
        found = [[tag for _, tag in each] for each in pairs(read_split(task, "train"))]
        assert found == [["O", "O", "B-PER"], ["B-PER", "B-ORG", "B-PER"]]
        assert list(annotation_remarks(task, "train")) == [
            f"{path}:1: its spans are of several annotators, '1', '2', '10'; those of '1' are read (all, if spans "
            "name no annotators)"
        ]

    def test_names_of_any_kind(self, tmp_path: Path) -> None:
        spans = [{"start": 0, "end": 4, "label": "A", "user": name} for name in ("u", "t", 3, None, [1], {"id": 2})]
        assert pairs(read(tmp_path / "a", {"text": "Kito", "label": spans})) == [[("Kito", "B-A")]]


class TestWhatIsNotJson:
    @pytest.mark.parametrize(
        ("text", "seen"),
        [
            ('{\n "tokens": ["Kito"],\n "tags": ["B-PER"]\n}\n' * 9, "there are several values, not one on each line"),
            ('{"tokens": ["Kito"], "tags": ["O"]},\n' * 9, "a comma stands behind the object"),
            ('[{"tokens": ["Kito"], "tags": ["O"]},\n]', "a comma stands before the bracket"),
            ('[{"tokens": ["Kito"], "tags": ["O"],}]', "a comma stands before the bracket"),
            ("[[('Kito', 'B-PER'), ('naps', 'O')]]", r"it is Python: write it with json\.dumps"),
            ("[{'tokens': ['Kito'], 'tags': ['O']}]", "it is Python"),
            ('[{"tokens": ["Kito"], "tags": [None]}]', "it is Python"),
            ('[{"tokens": ["Kito"], "tags": ["O"]}, {"tok', "is it cut off"),
            ('[{"tokens": ["Kito"], "tags": ["O"]}', "is it cut off"),
            ('[{"tokens": ["Kito"] "tags": ["O"]}, {"tokens": []}]', "correct it"),
        ],
    )
    def test_the_cause_is_named(self, text: str, seen: str, tmp_path: Path) -> None:
        (tmp_path / "train.txt").write_text(text)
        with pytest.raises(DataError, match=rf"train\.txt: begins as JSON, but is not \(line \d+: .*\): {seen}"):
            propose(tmp_path, "")

    def test_null_at_the_end_of_a_list_is_skipped(self, tmp_path: Path) -> None:
        records = [["Kito met Ylva", {"entities": [[0, 4, "PER"]]}]] * 9
        for split in ("train", "dev"):
            (tmp_path / f"{split}.json").write_text(json.dumps({"classes": ["PER"], "annotations": [*records, None]}))
        (tmp_path / "tasks.toml").write_text(propose(tmp_path, "").text, encoding="utf-8")
        (task,) = load_tasks(str(tmp_path)).values()
        assert pairs(load_split(task, "train")) == [[("Kito", "B-PER"), ("met", "O"), ("Ylva", "O")]] * 9

    def test_other_values_in_a_list_are_named(self, tmp_path: Path) -> None:
        (tmp_path / "a.json").write_text('[{"tokens": ["a"], "tags": ["O"]}, 3]')
        with pytest.raises(DataError, match=r"a\.json: record 2: is not a JSON object; write an object"):
            read_jsonl(tmp_path / "a.json", one_list=True)


def test_spans_on_several_texts_are_refused(tmp_path: Path) -> None:
    record = studio({"start": 0, "end": 4, "text": "Kito", "labels": ["PER"]})
    title = {"value": {"start": 0, "end": 3, "text": "How", "labels": ["HEAD"]}, "to_name": "title"}
    rating = {"value": {"rating": 3}, "to_name": "page"}
    record["annotations"][0]["result"] += [rating]
    read(tmp_path / "a.jsonl", record, token_key="data.text", tag_key="annotations")
    record["annotations"][0]["result"] += [title]
    with pytest.raises(
        DataError, match=r"a\.jsonl:1: its spans are on several texts \(to_name text, title\); keep those"
    ):
        read(tmp_path / "a.jsonl", record, token_key="data.text", tag_key="annotations")
