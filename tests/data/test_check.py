"""tagmates.data.checking: the problems that ``data check`` finds, with their lines, against counts by hand."""

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_data import DATA, PAPER, needs_real_data

from tagmates.data.checking.check import check_tasks
from tagmates.data.checking.problems import (
    MAX_LISTED_LINES,
    MAX_LISTED_PROBLEMS,
    Kind,
    Problem,
    problem_lines,
    unique_problems,
)
from tagmates.data.checking.scan import MAX_FAULTS, Fault, scan
from tagmates.data.checking.splits import check_splits, distance, expected_distance
from tagmates.data.checking.tokens import check_tokens
from tagmates.data.corpora import read_file, with_labels
from tagmates.data.sentence import Sentence
from tagmates.data.task import Part, Task
from tagmates.data.tasks import load_tasks
from tagmates.errors import DataError

ROOT = Path(__file__).parents[2]

cells = st.sampled_from(
    ["a", "b", "", "1", "2", "3", "1-2", "2.1", "_", "#", "x=y|z=w", " ", "é", "\ufeff", "-DOCSTART-"]
)
conllu_rows = st.tuples(cells, cells).map(lambda two: "\t".join([*two, *["_"] * 8]))
lines = st.one_of(
    st.lists(cells, max_size=4).map("\t".join),
    st.integers(1, 3).map(lambda number: "\t".join([str(number), "w", *["t"] * 8])),
    conllu_rows,
    st.sampled_from(["# x", "a\0\tb", "a\rb\tc", "a\tb\r", "", "a\tb", "10\u00a0000\tN"]),
)
tasks = st.sampled_from(
    [
        Task(name="t"),
        Task(name="t", comment="#", token_column=1, tag_column=-1),
        Task(name="t", separator=None, tag_column=2),
        Task(name="t", format="conllu", tag_column="upos"),
        Task(name="t", format="conllu", tag_column="feats:x"),
        Task(name="t", format="conllu", tag_column="lextag"),
    ]
)


def problems(task: Task) -> list[Problem]:
    return unique_problems(check_tasks({task.name: task}))


def line_of(fault: Fault) -> int:
    return int(fault.message.split(":")[1])


def kinds(found: list[Problem]) -> list[str]:
    return [problem.kind for problem in found]


class TestScan:
    @given(task=tasks, lines=st.lists(lines, max_size=12), end=st.sampled_from([b"", b"\xff", b"\n\xc3\tx\n"]))
    def test_it_says_what_the_reader_says(
        self, tmp_path_factory: pytest.TempPathFactory, task: Task, lines: list[str], end: bytes
    ) -> None:
        path = tmp_path_factory.mktemp("scan") / "f"
        path.write_bytes("\n".join(lines).encode() + end)
        sentences, faults = scan(task, path)
        try:
            assert [s and with_labels(task, s) for s in sentences] == read_file(task, path)
            assert faults == []
        except DataError as error:
            if not faults:
                assert "holds no sentence" in str(error)
            elif faults[-1].kind == "encoding":  # which the reader finds before all else
                assert str(error) in {fault.message for fault in faults}
            else:
                said, found = (  # the two may name a column of CoNLL-U by its number or by its name
                    re.sub("the (upos|feats|lextag) ", "the tag ", text).replace("the form ", "the token ")
                    for text in (str(error), faults[0].message)
                )
                assert said == found

    def test_every_bad_line_is_found_and_the_other_sentences_are_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        path.write_bytes(b"a\tX\nb\n\xe9\tX\n\nc\tX\nd\tX\n\n\tX\n\ne\tX\n\nf\t\ng\0\tX\n")
        sentences, faults = scan(Task(name="t"), path)
        assert [(line_of(fault), fault.kind) for fault in faults] == [
            (2, "line"),
            (3, "encoding"),
            (8, "empty"),
            (12, "empty"),
            (13, "line"),
        ]
        kept = [Sentence(("c", "d"), ("X", "X"), 5), Sentence(("e",), ("X",), 10)]
        assert sentences == [None, kept[0], None, kept[1], None]

    def test_a_missing_empty_line_is_one_fault(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        rows = ["\t".join([str(number), "w", *["t"] * 8]) for number in (1, 2, 1, 2, 3)]
        path.write_text("\n".join(rows) + "\n")
        sentences, faults = scan(Task(name="t", format="conllu", tag_column="upos"), path)
        assert [line_of(fault) for fault in faults] == [3]
        assert sentences == [None]

    def test_every_bad_line_of_json_lines(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        good = b'{"tokens": ["a"], "tags": ["X"]}\n'
        bad = [
            b'{"tokens": ["a", "b"], "tags": ["X"]}\n',
            b"{\n",
            b"[1]\n",
            b'{"tokens": ["a", ""], "tags": ["X", "X"]}\n',
        ]
        path.write_bytes(b"\n" + good + good.join(bad) + b"\xff\n" + good)
        task = Task(name="t", format="jsonl")
        sentences, faults = scan(task, path)
        assert [(line_of(fault), fault.kind) for fault in faults] == [
            (3, "line"),
            (5, "line"),
            (7, "line"),
            (9, "empty"),
            (10, "encoding"),
        ]
        assert [sentence.line if sentence else None for sentence in sentences] == [
            2, None, 4, None, 6, None, 8, None, None, 11
        ]  # fmt: skip
        path.write_bytes(path.read_bytes().replace(b"\xff", b""))
        with pytest.raises(DataError, match=re.escape(faults[0].message)):
            read_file(task, path)

    def test_every_bad_line_of_words_with_tags(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        path.write_text("a/X b/Y\n\nc/X d\ne/X\nf\0/X\n/X\n", encoding="utf-8")
        task = Task(name="t", format="lines", separator="/")
        sentences, faults = scan(task, path)
        assert [line_of(fault) for fault in faults] == [3, 5, 6]
        assert sentences == [Sentence(("a", "b"), ("X", "Y"), 1), None, Sentence(("e",), ("X",), 4), None, None]

    def test_every_bad_line_of_parallel_files(self, tmp_path: Path) -> None:
        (tmp_path / "w").write_text("a b\n\nc d\ne\nf\n", encoding="utf-8")
        (tmp_path / "t").write_text("X Y\n\nX\nX\n\0\nX\n", encoding="utf-8")
        task = Task(name="t", format="parallel", folder=tmp_path)
        sentences, faults = scan(task, tmp_path / "w", "t")
        assert [fault.message.split(": ")[0] for fault in faults] == [
            f"{tmp_path / 'w'}:3",
            f"{tmp_path / 't'}:5",
            f"{tmp_path / 'w'}:6",
        ]
        assert sentences == [Sentence(("a", "b"), ("X", "Y"), 1), None, Sentence(("e",), ("X",), 4), None, None]

    def test_every_bad_record_of_a_list(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        good = {"tokens": ["a"], "tags": ["X"]}
        path.write_text(json.dumps([good, {"tokens": ["a"], "tags": []}, good, {"tokens": [""], "tags": ["X"]}]))
        sentences, faults = scan(Task(name="t", format="json"), path)
        assert [(fault.message.split(": ")[1], fault.kind) for fault in faults] == [
            ("record 2", "line"),
            ("record 4", "empty"),
        ]
        assert sentences == [Sentence(("a",), ("X",), 1), None, Sentence(("a",), ("X",), 3), None]

    def test_a_file_that_is_wrong_throughout_is_not_looked_at_to_its_end(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        path.write_text("word\n" * 3 * MAX_FAULTS)
        for task in (Task(name="t"), Task(name="t", format="jsonl"), Task(name="t", format="lines", separator="/")):
            _, faults = scan(task, path)
            assert len(faults) == MAX_FAULTS + 1
            assert faults[-1].message == f"{path}: has more than 1,000 bad lines; the rest is not checked"

    def test_other_encodings_are_left_to_the_reader(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(b"\xffa\tb\n")
        part = Part(file="f")
        task = Task(name="t", train=part, dev=part, folder=tmp_path, encoding="utf-16")
        assert scan(task, tmp_path / "f") == ([], [])
        assert kinds(problems(task)) == ["unreadable", "missing"]


class TestFiles:
    def test_all_files_are_checked_whatever_is_wrong_with_one(self, tmp_path: Path) -> None:
        (tmp_path / "train").write_bytes(b"a\tO\n\xff\tO\n\nb\tI-x\n\nc\tO\nc\n")
        (tmp_path / "dev").write_text("b\tB-y\nc\tI-x\n")
        parts = {split: Part(file=split) for split in ("train", "dev", "test")}
        task = Task(name="t", **parts, folder=tmp_path, scheme="iob2")
        found = [(problem.level, problem.kind, problem.split, problem.line) for problem in problems(task)]
        assert found[:6] == [
            ("error", "encoding", "train", 2),
            ("error", "line", "train", 7),
            ("error", "scheme", "train", 4),
            ("error", "scheme", "dev", 2),
            ("error", "unreadable", "test", None),
            ("warning", "unseen-tag", "dev", 1),
        ]

    def test_everything_is_said_at_once(self, tmp_path: Path) -> None:
        (tmp_path / "a.tsv").write_text("a\tI-x\n")
        one = Task(name="one", train=Part(file="a.tsv"), dev=Part(file="gone"), folder=tmp_path, scheme="iob2")
        two = Task(name="two", train=Part(file="a.tsv"), folder=tmp_path)
        found = unique_problems(check_tasks({"one": one, "two": two}))
        errors = [problem.text for problem in found if problem.level == "error"]
        assert errors[0].startswith(f"{tmp_path / 'a.tsv'}:1: 'I-x' continues no span")
        assert errors[1].startswith(f"{tmp_path / 'gone'}: cannot be read")
        assert errors[2] == f"{tmp_path}: task two has no dev split"
        missing = [problem.text for problem in found if problem.kind == "missing"]
        assert [text.removeprefix(f"{tmp_path}: task ") for text in missing] == [
            "two has no dev split",
            "one has no test split",
            "two has no test split",
        ]

    def test_tags_that_cannot_be_converted(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_text("a\tO\n\nb\tB\n")
        part = Part(file="f")
        task = Task(name="t", train=part, folder=tmp_path, scheme="iob2", convert_to="plain")
        (found,) = (problem for problem in problems(task) if problem.kind == "scheme")
        assert found.line == 3

    def test_bad_lines_do_not_move_the_ranges(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_text("a\tX\n\nb\n\nc\tX\n\nd\tY\n\n")
        parts = {"train": "1-3", "dev": "4-", "test": "5-"}
        task = Task(name="t", **{s: Part(file="f", sentences=r) for s, r in parts.items()}, folder=tmp_path)
        found = {(problem.kind, problem.line) for problem in problems(task)}
        assert {("line", 3), ("unseen-tag", 7), ("unreadable", None)} <= found
        assert any("has 4 sentences, so none or not all of '5-'" in problem.message for problem in problems(task))

    @pytest.mark.parametrize(
        ("dev", "test", "expected"),
        [
            ("1-10", "41-50", [("error", "dev", 10)]),
            ("31-40", "", [("error", "test", 30), ("warning", "test", 10)]),
            ("31-40", "36-", [("warning", "test", 5)]),
            ("31-40", "41-", []),
        ],
    )
    def test_overlapping_ranges_of_one_file(
        self, tmp_path: Path, dev: str, test: str, expected: list[tuple[str, str, int]]
    ) -> None:
        (tmp_path / "f").write_text("".join(f"w{i}\tX\nv\tY\n\n" for i in range(60)))
        parts = {"train": "1-30", "dev": dev, "test": test}
        task = Task(name="t", **{s: Part(file="f", sentences=r) for s, r in parts.items()}, folder=tmp_path)
        found = [problem for problem in problems(task) if problem.kind == "overlap"]
        assert [(p.level, p.split, int(re.findall(r"share (\d+) sentence", p.message)[0])) for p in found] == expected

    def test_what_is_wrong_for_every_task_of_a_file_is_said_once(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(b"a\tX\tY\n\xff\n\nword\n")
        many = {name: Task(name=name, train=Part(file="f"), dev=Part(file="f"), folder=tmp_path) for name in "ab"}
        found = [problem for problem in unique_problems(check_tasks(many)) if problem.kind in ("encoding", "line")]
        assert [(problem.kind, problem.line) for problem in found] == [("encoding", 2), ("line", 4)]


TOKENS = {
    "white-space": ["10\u00a0000", "a b", "\u3000", "a\tb", "a\u2028b"],
    "invisible": [
        "a\u200bb",
        "\ufeffa",
        "a\u00adb",
        "a\u200db",
        "\u200d",
        "a\x07",
        "\u200fב",
        "می\u200c",
        "a\x7f",
        "\ufe0f",
    ],
    "lost-character": ["caf\ufffd"],
    "long-token": ["x" * 101, "7" * 500],
    "": [
        "a",
        "é",
        "x" * 100,
        "👩\u200d🔬",
        "❤\ufe0f\u200d🔥",
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "می\u200cخواهم",
        "क्\u200dष",
        "ല്\u200d",
        "e\u0301",
        "\u0600١",
        "שלום",
    ],
}


class TestTokens:
    @pytest.mark.parametrize(("kind", "token"), [(kind, token) for kind, some in TOKENS.items() for token in some])
    def test_characters(self, kind: str, token: str) -> None:
        sentence = Sentence(("fine", token), ("X", "Y"), 7)
        task = Task(name="t", train=Part(file="f"))
        found = list(check_tokens(task, {"train": [sentence]}))
        assert [(problem.kind, problem.line) for problem in found] == ([(kind, 8)] if kind else [])
        assert all(problem.message.isprintable() for problem in found)

    def test_tags_too(self) -> None:
        sentences = [Sentence(("a", "b"), ("NOUN", "NOUN "), 1)]
        (found,) = check_tokens(Task(name="t", train=Part(file="f")), {"train": sentences})
        assert found.text == "f:2: the tag 'NOUN ' has white space in it (U+0020 SPACE)"

    def test_two_writings_of_a_word_are_found_at_the_longer_one(self) -> None:
        splits = {
            "train": [Sentence(("caf\u00e9", "Cafe\u0301"), ("X", "X"), 1)],
            "dev": [Sentence(("x", "cafe\u0301"), ("X", "X"), 1)],
        }
        task = Task(name="t", train=Part(file="f"), dev=Part(file="g"))
        assert [(p.kind, p.file, p.line) for p in check_tokens(task, splits)] == [("normalization", "g", 2)]

    def test_long_sentences(self) -> None:
        sentences = [Sentence(("a",) * size, ("X",) * size, size) for size in (100, 101)]
        found = check_tokens(Task(name="t", train=Part(file="f")), {"train": sentences})
        assert [(problem.kind, problem.line) for problem in found] == [("long-sentence", 101)]


def small(draw: st.DrawFn) -> list[Sentence]:
    texts = draw(
        st.lists(st.tuples(st.sampled_from(["a", "a b c", "a b d", "c c c c"]), st.integers(0, 2)), max_size=8)
    )
    return [Sentence(tuple(t.split()), (f"T{n}",) * len(t.split()), i) for i, (t, n) in enumerate(texts, 1)]


class TestSplits:
    @given(st.data())
    def test_counts_are_those_of_all_pairs(self, data: st.DataObject) -> None:
        make = st.composite(small)()
        splits = {split: data.draw(make) for split in ("train", "dev", "test")}
        task = Task(name="t", **{split: Part(file=split) for split in splits})
        found = Counter((p.kind, p.split) for p in check_splits(task, splits))
        train, dev, test = splits.values()
        for split, source, kind in ((dev, train, "in-train"), (test, train, "in-train"), (test, dev, "in-dev")):
            count = sum(len(s) >= 3 and any(s.tokens == other.tokens for other in source) for s in split)
            assert found[kind, "dev" if split is dev else "test"] == count
        repeats = sum(any(s.tokens == other.tokens for other in train[:i]) for i, s in enumerate(train))
        assert found["duplicate", "train"] == repeats
        pairs = combinations([*train, *dev, *test], 2)
        disputed = {a.tokens for a, b in pairs if a.tokens == b.tokens and a.tags != b.tags}
        assert sum(n for (kind, _), n in found.items() if kind == "conflict") == len(disputed)
        known = {tag for s in train for tag in s.tags or ()}
        for split, some in (("dev", dev), ("test", test)):
            assert found["unseen-tag", split] == len({tag for s in some for tag in s.tags or ()} - known)

    def test_a_conflict_names_the_first_word_that_differs_and_both_places(self) -> None:
        splits = {
            "train": [Sentence(("a", "b"), ("X", "X"), 4)],
            "test": [Sentence(("a", "b"), ("X", "Y"), 9)],
        }
        task = Task(name="t", train=Part(file="d/one"), test=Part(file="d/two"))
        (text,) = (p.text for p in check_splits(task, splits) if p.kind == "conflict")
        conflict = "'b' has the tag 'Y' of t, but 'X' in the same sentence at one:5; decide which is right"
        assert text == f"d/two:10: {conflict}"

    @pytest.mark.parametrize(
        ("sizes", "expected"),
        [
            ((30, 19, 20), [("small-split", "dev")]),
            ((30, 31, 30), [("large-split", "dev")]),
            ((30, 20, 31), [("large-split", "test")]),
            ((5, 6, 5), [("small-split", "dev"), ("small-split", "test"), ("large-split", "dev")]),
        ],
    )
    def test_sizes(self, sizes: tuple[int, int, int], expected: list[tuple[str, str]]) -> None:
        counter = iter(range(1000))
        names = ("train", "dev", "test")
        splits = {
            split: [Sentence((f"w{next(counter)}", "v"), ("X", "Y"), 1) for _ in range(size)]
            for split, size in zip(names, sizes, strict=True)
        }
        task = Task(name="t", **{split: Part(file=split) for split in names})
        assert sorted((p.kind, p.split) for p in check_splits(task, splits)) == sorted(expected)

    def test_one_tag_and_other_tags(self) -> None:
        def make(word: str, tags: str) -> list[Sentence]:
            return [Sentence((f"{word}{i}", "v", "w", "u"), tuple(tags), 1) for i in range(50)]

        splits = {"train": make("a", "XXXY"), "dev": make("b", "XYYY"), "test": make("c", "XXXX")}
        task = Task(name="t", **{split: Part(file=split) for split in splits})
        found = list(check_splits(task, splits))
        assert [(p.kind, p.split) for p in found] == [("tag-shift", "dev"), ("one-tag", "test")]
        assert "50% of its tokens would need another tag; 'X' has 25%, in train 75%" in found[0].message

    @given(st.lists(st.floats(0.01, 1), min_size=1, max_size=5), st.lists(st.floats(0.01, 1), min_size=1, max_size=5))
    def test_the_distance_of_distributions(self, a: list[float], b: list[float]) -> None:
        one, two = ({str(i): value / sum(some) for i, value in enumerate(some)} for some in (a, b))
        assert distance(one, one) == 0
        assert distance(one, two) == pytest.approx(distance(two, one))
        # as much must be taken from some tags as must be given to others
        assert distance(one, two) == pytest.approx(sum(max(one.get(k, 0) - two.get(k, 0), 0) for k in one | two))
        assert expected_distance(one, 100) == pytest.approx(2 * expected_distance(one, 400))

    def test_leaks_are_what_own_training_does_not_see(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("one\tX\ntwo\tX\nthree\tX\n\nshort\tX\n\n")
        (tmp_path / "b").write_text("four\tX\nfive\tX\nsix\tX\n\n")
        (tmp_path / "c").write_text("one\tX\ntwo\tX\nthree\tX\n\nfour\tX\nfive\tX\nsix\tX\n\nshort\tX\n\n")
        one = Task(name="one", train=Part(file="a"), test=Part(file="c"), folder=tmp_path)
        two = Task(name="two", train=Part(file="b"), test=Part(file="b"), folder=tmp_path)
        found = [p for p in check_tasks({"one": one, "two": two}) if p.kind == "leak"]
        assert [(p.task, p.split, p.file, p.line) for p in found] == [("one", "test", str(tmp_path / "c"), 5)]
        assert "in train of two" in found[0].message


class TestLines:
    @given(counts=st.lists(st.integers(1, 12), min_size=1, max_size=4))
    def test_one_line_for_many_and_one_each_for_few_or_all(self, counts: list[int]) -> None:
        found = [
            Problem("warning", "duplicate", f"f{i}", line, "t", "train", "again")
            for i, count in enumerate(counts)
            for line in range(1, count + 1)
        ]
        few = list(problem_lines(found))
        assert len(few) == sum(count if count <= MAX_LISTED_PROBLEMS else 1 for count in counts)
        assert list(problem_lines(found, each=True)) == [f"warning: {p.text} [duplicate]" for p in found]
        for i, count in enumerate(counts):
            if count > MAX_LISTED_PROBLEMS:
                (line,) = (line for line in few if line.startswith(f"warning: f{i}:"))
                named = ", ".join(map(str, range(1, min(count, MAX_LISTED_LINES) + 1))) + (
                    ", …" if count > MAX_LISTED_LINES else ""
                )
                assert line == f"warning: f{i}:1: again ({count} of this kind; lines {named}) [duplicate]"

    def test_a_name_with_a_line_end_stays_on_its_line(self) -> None:
        problem = Problem("error", "line", "d/a\nb", 3, "t", "train", "m")
        assert list(problem_lines([problem])) == ["error: d/a\\nb:3: m [line]"]

    def test_errors_come_first_and_each_problem_once(self) -> None:
        warning = Problem("warning", "missing", "d", None, "t", "test", "m")
        error = Problem("error", "line", "f", 3, "t", "train", "m")
        assert unique_problems([warning, error, Problem("error", "line", "f", 3, "u", "dev", "m"), warning]) == [
            error,
            warning,
        ]
        assert error.to_json() == {
            "level": "error",
            "kind": "line",
            "file": "f",
            "line": 3,
            "task": "t",
            "split": "train",
            "message": "m",
        }


@pytest.mark.parametrize(("token", "tag"), [(2, 3), (-2, -1), (2, -1)])
def test_rows_that_are_sentences_count_columns_from_either_end(token: int, tag: int, tmp_path: Path) -> None:
    rows = "".join(f"{at},\"'a{at}' 'b'\",\"O O\"\n" for at in range(5))
    (tmp_path / "a").write_text(f"id,text,tags\n{rows}")
    layout = {"format": "csv", "sentence_rows": True, "token_column": token, "tag_column": tag}
    task = Task(name="t", folder=tmp_path, train=Part(file="a"), **layout)
    said = [each.text for each in check_tasks({"t": task}) if each.split == "train"]
    assert any("'id,text,tags' looks like a header" in text for text in said)


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("".join(f"a{at} b\tO O\n" for at in range(5)), {"sentence_rows": True}),
        ("".join(f"{at}\tw{at}" + 8 * "\t_" + "\n" for at in range(1, 6)), {"format": "conllu"}),
    ],
    ids=["rows that are sentences", "conllu"],
)
def test_a_tag_column_far_behind_the_last(text: str, layout: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a").write_text(text)
    task = Task(name="t", folder=tmp_path, train=Part(file="a"), tag_column=99, **layout)
    errors = [each for each in check_tasks({"t": task}) if each.level == "error" and each.split == "train"]
    assert [each.line for each in errors] == [1, 2, 3, 4, 5]
    assert "but the tag is in column 99" in errors[0].text


@pytest.mark.parametrize("column", [2, -2])
def test_quotes_around_words_are_seen_in_any_column(column: int, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("".join(f"{at},'w{at}',O\n" for at in range(60)))
    task = Task(name="t", folder=tmp_path, format="csv", separator=",", token_column=column, tag_column=3)
    problems_of = check_tasks({"t": task.model_copy(update={"train": Part(file="a")})})
    assert any("60 of 60 words are in '" in each.text for each in problems_of)


def test_the_same_words_with_other_tags_in_another_split(tmp_path: Path) -> None:
    for name, text in (("w", "a b\n"), ("t1", "X Y\n"), ("t2", "Y Z\n")):
        (tmp_path / name).write_text(text)
    parts = {"train": Part(file="w", tags="t1"), "dev": Part(file="w", tags="t2")}
    task = Task(name="t", folder=tmp_path, format="parallel", **parts)
    assert any("tag 'Z' of t dev is not in train" in each.text for each in check_tasks({"t": task}))


def test_colons_in_the_name_of_a_file(tmp_path: Path) -> None:
    for name in ("a: b.txt", "c.txt"):
        (tmp_path / name).write_text("a\tX\n\nb\n")
    task = Task(name="t", folder=tmp_path, train=Part(file=("a: b.txt", "c.txt")))
    places = {(each.file, each.line) for each in check_tasks({"t": task}) if each.kind == "line"}
    assert places == {(f"{tmp_path}/a: b.txt", 3), (f"{tmp_path}/c.txt", 3)}


def test_the_docs_explain_every_kind() -> None:
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    text = page.split("\n## Checking data\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)
    assert sorted(rows) == sorted([*get_args(Kind), "encoding", "no-label"])  # these two are errors or warnings


@pytest.mark.slow
@needs_real_data
def test_the_counts_of_the_papers_data() -> None:
    """Against counts that were made by other means."""
    hygiene: dict[str, Any] = json.loads((DATA / "table1.json").read_text())["hygiene"]["per_task"]
    found = unique_problems(check_tasks(load_tasks(str(PAPER))))
    assert not [problem for problem in found if problem.level == "error"]
    counts = Counter((problem.task, problem.split, problem.kind) for problem in found)
    by_task = Counter((problem.task, problem.kind) for problem in found)
    for task, entry in hygiene.items():
        assert by_task[task, "conflict"] == entry["sentences_with_conflicting_tags"]
        assert by_task[task, "white-space"] == by_task[task, "invisible"] == 0
        assert counts[task, "train", "duplicate"] == entry["train"]["duplicate_sentences_within"]
        for split in ("train", "dev", "test"):
            assert counts[task, split, "long-sentence"] == entry[split]["sentences_over_100_tokens"]
            assert (counts[task, split, "long-token"] > 0) == (entry[split]["longest_token_chars"] > 100)
        for split in ("dev", "test"):
            assert counts[task, split, "in-train"] == entry[split]["sentences_also_in_train_3_or_more_tokens"]
            assert counts[task, split, "unseen-tag"] == len(entry[split]["tags_unseen_in_train"])
    assert len(hygiene) == 11
