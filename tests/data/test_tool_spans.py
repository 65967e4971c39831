"""Spans as many tools write them, with their sentences, and files of known formats that are refused by their names."""

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tagmates.data.checking.check import check_tasks
from tagmates.data.corpora import load_split
from tagmates.data.describing.proposal import propose
from tagmates.data.describing.unread_formats import opennlp_in
from tagmates.data.tasks import load_tasks
from tagmates.errors import DataError
from tagmates.tagging.input_sentences import sentences_in_lines
from tagmates.tagging.read_options import ReadOptions

TEXT = "Kito Lund visits Oslo"
EXPECTED = [("Kito", "B-PER"), ("Lund", "I-PER"), ("visits", "O"), ("Oslo", "B-LOC")]
SPANS = ((0, 9, "PER"), (17, 21, "LOC"))
MRC = {"context": "Kito naps", "query": "a name", "start_position": [0], "end_position": [0], "span_position": ["0;0"]}


def dataturks(start: int, end: int, label: str) -> dict[str, Any]:
    return {"label": [label], "points": [{"start": start, "end": end - 1, "text": TEXT[start:end]}]}


def luis(start: int, end: int, label: str) -> dict[str, Any]:
    return {"entity": label, "startPos": start, "endPos": end - 1}


def automl(start: int, end: int, label: str) -> dict[str, Any]:
    segment = {"end_offset": end, **({"start_offset": start} if start else {})}
    return {"text_extraction": {"text_segment": segment}, "display_name": label}


def vertex(start: int, end: int, label: str) -> dict[str, Any]:
    return {"endOffset": end, "displayName": label, **({"startOffset": start} if start else {})}


def cblue(start: int, end: int, label: str) -> dict[str, Any]:
    return {"start_idx": start, "end_idx": end - 1, "type": label, "entity": TEXT[start:end]}


def argilla_1(start: int, end: int, label: str) -> list[Any]:
    return [label, start, end]


def with_text(start: int, end: int, label: str) -> list[Any]:
    return [start, end, label, TEXT[start:end]]


def azure(start: int, end: int, label: str) -> dict[str, Any]:
    return {"category": label, "offset": start, "length": end - start, "text": TEXT[start:end]}


def ccks(start: int, end: int, label: str) -> dict[str, Any]:
    return {"label_type": label, "overlap": 0, "start_pos": start, "end_pos": end}


def written_numbers(start: int, end: int, label: str) -> dict[str, Any]:
    return {"startOffset": str(start), "endOffset": str(end), "category": label}


def pairs_of(folder: Path, split: str = "train") -> list[list[tuple[str, str | None]]]:
    """The sentences of the only task that ``data init`` proposes, in which ``data check`` finds no error."""
    (folder / "tasks.toml").write_text(propose(folder, "").text, encoding="utf-8")
    tasks = load_tasks(str(folder))
    assert [each.text for each in check_tasks(tasks) if each.level == "error"] == []
    (task,) = tasks.values()
    return [list(zip(each.tokens, each.labels, strict=True)) for each in load_split(task, split)]


def write(path: Path, *records: Any) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "key", "span"),
    [
        ("content", "annotation", dataturks),
        ("text", "entities", luis),
        ("content", "annotations", automl),
        ("textContent", "textSegmentAnnotations", vertex),
        ("text", "entities", cblue),
        ("text", "annotation", argilla_1),
        ("text", "label", with_text),
        ("text", "entities", azure),
        ("originalText", "entities", ccks),
        ("document", "annotations", written_numbers),
    ],
)
def test_spans_of_tools(text: str, key: str, span: Any, tmp_path: Path) -> None:
    for split in ("train", "dev"):
        write(tmp_path / f"{split}.jsonl", *[{text: TEXT, key: [span(*each) for each in SPANS]}] * 3)
    assert pairs_of(tmp_path) == [EXPECTED] * 3


def test_a_deleted_label_of_dataturks_is_no_span(tmp_path: Path) -> None:
    deleted = {"label": [], "points": [{"start": 10, "end": 15, "text": "visits"}]}
    for split in ("train", "dev"):
        record = {"content": TEXT, "annotation": [deleted, *(dataturks(*each) for each in SPANS)]}
        write(tmp_path / f"{split}.jsonl", record)
    assert pairs_of(tmp_path) == [EXPECTED]


class TestSentencesWithSpans:
    document: ClassVar[dict[str, Any]] = {
        "clusters": [],
        "sentences": [["Kito", "Lund", "visits", "Oslo"], ["Snow", "."], ["Rome", "naps"]],
        "ner": [[[0, 1, "PER"], [3, 3, "LOC"]], [], [[6, 6, "LOC"]]],
        "relations": [[], [], []],
        "doc_key": "d",
    }

    def write(self, folder: Path, **changes: Any) -> None:
        for split in ("train", "dev"):
            write(folder / f"{split}.json", {**self.document, **changes}, self.document)

    def test_offsets_count_the_words_of_the_document(self, tmp_path: Path) -> None:
        self.write(tmp_path)
        assert pairs_of(tmp_path) == 2 * [EXPECTED, [("Snow", "O"), (".", "O")], [("Rome", "B-LOC"), ("naps", "O")]]

    def test_check_names_a_span_that_leaves_the_document(self, tmp_path: Path) -> None:
        self.write(tmp_path)
        pairs_of(tmp_path)
        self.write(tmp_path, ner=[[], [[7, 8, "X"]], []])
        errors = [each for each in check_tasks(load_tasks(str(tmp_path))) if each.kind == "line"]
        assert {(each.line, each.message.partition(",")[0]) for each in errors} == {(1, "span 1")}
        assert len(errors) == 2

    @pytest.mark.parametrize("ner", [[[]], None, [1, 2, 3], [[["PER"]], [], []]])
    def test_other_values_are_errors(self, ner: Any, tmp_path: Path) -> None:
        self.write(tmp_path)
        pairs_of(tmp_path)
        self.write(tmp_path, ner=ner)
        with pytest.raises(DataError, match=r"json:1: (gives no list of spans for each of the 3 sentences|span 1 )"):
            load_split(load_tasks(str(tmp_path))["ner"], "train")

    def test_tag_reads_the_sentences(self) -> None:
        line = json.dumps({"sentences": [["a", "b"], [], ["c"]]})
        options = ReadOptions(kind="jsonl", token_column="sentences")
        found = list(sentences_in_lines([line], options, "f", 1))
        assert [(each.tokens, each.lines, each.record_lengths) for each in found] == [
            (("a", "b"), (0, 0), (2, 0, 1)), (("c",), (0,), (2, 0, 1))
        ]  # fmt: skip


def test_a_word_of_white_space_is_read_where_tabs_separate(tmp_path: Path) -> None:
    """As of KLUE, whose words are single characters; each sentence is also given in a comment."""
    sentence = "## 1\tKi t\nK\tB-PER\ni\tI-PER\n \tO\nt\tO\n\n"
    for split in ("train", "dev"):
        (tmp_path / f"{split}.tsv").write_text(sentence * 10, encoding="utf-8")
    assert pairs_of(tmp_path)[:1] == [[("K", "B-PER"), ("i", "I-PER"), (" ", "O"), ("t", "O")]]


def test_marks_around_whole_sentences_are_not_those_of_opennlp() -> None:
    assert opennlp_in(["<START> Kito naps . <END>", "<START> Oslo is here . <END>"]) == ""
    for line in ("Here is <START> Oslo <END> .", "<START> Kito <END> naps .", "<START:per> Kito <END>"):
        assert "OpenNLP" in opennlp_in([line])


@pytest.mark.parametrize(
    ("name", "text", "seen"),
    [
        (
            "a.PubTator",
            "1|t|Kito naps.\n1|a|O.\n1\t0\t4\tKito\tPER\tD1\n\n" * 5,
            "is PubTator, which is not read",
        ),
        ("a.con", 'c="chest pain" 12:3 12:4||t="problem"\nc="aspirin" 3:0 3:0||t="drug"\n' * 9, "as i2b2 and n2c2 do"),
        ("a.txt", "Snow in <START:loc> Oslo <END> .\n<START:per> Kito <END> naps .\n" * 20, "mark-up of OpenNLP"),
        ("nlu.yml", 'version: "3.1"\nnlu:\n- intent: x\n  examples: |\n    - a\n', "is YAML, which is not read"),
        ("nlu.md", "## intent:x\n- [Kito](per) naps\n", "is taken for documentation, as all files .md"),
        (
            "a.csv",
            "File,Line,Begin Offset,End Offset,Type\n" + "d.txt,0,0,4,PER\nd.txt,1,5,9,LOC\n" * 20,
            "table of spans (its columns Begin Offset and End Offset are offsets)",
        ),
        (
            "a.json",
            json.dumps({"rasa_nlu_data": {"common_examples": [{"text": "a", "entities": []}]}}),
            "whose list of records is rasa_nlu_data.common_examples: write it alone into a file",
        ),
        ("a.json", json.dumps([{"id": 0, "paragraphs": [{"raw": "a"}]}]), "python -m spacy convert FILE FOLDER"),
        (
            "a.json",
            json.dumps([[{"text": "Kito", "ner": "O"}, {"text": "naps", "ner": "O"}]] * 9),
            "as Stanza trains from",
        ),
        ("a.json", json.dumps([MRC] * 9), "is JSON of questions about names (start_position, end_position)"),
        (
            "a.csv",
            "File,Line,Begin Offset,End Offset,Type\n" + "".join(f"d.txt,{i},0,4,PER\n" for i in range(400)),
            "table of spans (its columns Begin Offset and End Offset are offsets)",
        ),
        ("a.tsv", "text_a\tlabel\n" + "Kito\x02naps\tB-PER\x02O\n" * 400, "has the character U+0002 between the words"),
        (
            "a.csv",
            "id,text,label\n"
            + "".join(f'{i},Kito naps here and there {i},"[{{""start"": 0, ""end"": 4}}]"\n' for i in range(60)),
            "has whole texts in column 2, such as 'Kito naps here and there 0'",
        ),
        ("a.txt", "Kito\nnaps\n.\n\n" * 30, "has one word on each line, without tags; the first is 'Kito'"),
        (
            "a.json",
            json.dumps(
                [{"document": "Kito naps", "tokens": [{"text": "Kito", "entityLabel": "PER"}], "links": []}] * 9
            ),
            "links; tokens holds objects with text, entityLabel; most records have neither two lists",
        ),
        (
            "a.jsonl",
            '{"tokens": ["Kito", "naps"], "tags": ["B-PER", "O"]}\n' * 2
            + '{"tokens": ["Kito", "naps"], "tags": ["B-PER"]}\n',
            "a.jsonl:3: tokens has 2 items and tags has 1; in 1 of 3 records they differ",
        ),
    ],
)
def test_known_formats_are_named(name: str, text: str, seen: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as raised:
        propose(tmp_path, "")
    assert seen in str(raised.value)


def test_a_table_of_words_may_have_offsets(tmp_path: Path) -> None:
    rows = "word,start,end,tag\n" + "Kito,0,4,B-PER\nnaps,5,9,O\n" * 20
    for split in ("train", "dev"):
        (tmp_path / f"{split}.csv").write_text(rows, encoding="utf-8")
    assert propose(tmp_path, "").tasks
