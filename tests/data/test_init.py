"""tagmates.data.describing: the TOML file of ``data init`` is read again, passes the check, and is right."""

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_data import UPSTREAM, needs_real_data

from tagmates.apps.data import app, init
from tagmates.data.checking.check import check_tasks
from tagmates.data.corpora import load_split
from tagmates.data.describing.file_names import name_of
from tagmates.data.describing.found_corpora import find_corpora
from tagmates.data.describing.guesses import layer_name, tokens_and_tags
from tagmates.data.describing.proposal import propose
from tagmates.data.schemes import tags_of
from tagmates.data.sentence import Span
from tagmates.data.task import Task
from tagmates.data.tasks import load_tasks
from tagmates.errors import ConfigError, DataError

WORDS = [
    f"{stem}{end}"
    for stem in ("kayak", "ömlet", "grünt", "سلام", "😀x", "No.", "n#", "well")
    for end in ("", "s", "ed")
]
POS = ["NOUN", "VERB", "ADJ", "PUNCT"]
Rows = list[tuple[str, str, str]]


def corpus(seed: int, scheme: Any = "iob2", sentences: int = 20) -> list[Rows]:
    """Sentences of (token, plain tag, tag of a span); the spans of the first tell the schemes apart."""
    draw = random.Random(seed)
    found = []
    for number in range(sentences):
        length = 6 if number == 0 else draw.randint(1, 7)
        spans = (
            [Span(0, 2, "a-x"), Span(2, 3, "a-x"), Span(4, 5, "b")]
            if number == 0
            else [Span(0, 1, "b")][: draw.randint(0, 1)]
        )
        tags = tags_of(spans, length, scheme) if scheme != "plain" else draw.choices(["yes", "no"], k=length)
        words = draw.choices(WORDS, k=length)
        found.append(list(zip(words, draw.choices(POS, k=length), tags, strict=True)))
    found[0][0] = ("kayak", "NOUN", found[0][0][2])
    found[0][1] = ("well", "ADJ", found[0][1][2])
    return found


def columns(sentences: Sequence[Rows], separator: str, order: Sequence[int] = (0, 1, 2)) -> str:
    return "".join("".join(separator.join(row[i] for i in order) + "\n" for row in rows) + "\n" for rows in sentences)


def described(folder: Path) -> dict[str, Task]:
    """The tasks of the TOML that is written for a folder; its check finds no error."""
    path = folder / "tasks.toml"
    path.unlink(missing_ok=True)
    proposal = propose(folder, "")
    path.write_text(proposal.text, encoding="utf-8")
    tasks = load_tasks(str(path))
    assert tuple(tasks) == proposal.tasks
    assert [problem.text for problem in check_tasks(tasks) if problem.level == "error"] == []
    return tasks


def read(task: Task, split: str = "train") -> list[list[tuple[str, str]]]:
    return [list(zip(s.tokens, s.tags or (), strict=True)) for s in load_split(task, split)]


def expected(sentences: Sequence[Rows], layer: int) -> list[list[tuple[str, str]]]:
    return [[(row[0], row[layer]) for row in rows] for rows in sentences]


class TestColumns:
    @settings(max_examples=40)
    @given(
        seed=st.integers(0, 99),
        separator=st.sampled_from(["\t", " ", "   ", ",", ";", "|"]),
        scheme=st.sampled_from(["iob1", "iob2", "iobes", "plain"]),
        order=st.permutations([0, 1, 2]),
        comment=st.sampled_from(["", "# ", "#"]),
        crlf=st.booleans(),
        docstart=st.booleans(),
        encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    )
    def test_what_was_written_is_described(
        self, seed: int, separator: str, scheme: Any, order: list[int], comment: str, crlf: bool, docstart: bool,
        encoding: str, tmp_path_factory: Any,
    ) -> None:  # fmt: skip
        sentences = corpus(seed, scheme)
        blocks = columns(sentences, separator, order).split("\n\n")[:-1]
        if comment:
            blocks = [f"{comment}id {i} of these, and; what|else\n{block}" for i, block in enumerate(blocks)]
        if docstart:
            blocks[3] = f"-DOCSTART- -X- O\n\n{blocks[3]}"
        text = "\n\n".join(blocks) + "\n"
        folder = tmp_path_factory.mktemp("init")
        for name in ("a.train", "a.testa", "a.testb"):
            (folder / name).write_bytes((text.replace("\n", "\r\n") if crlf else text).encode(encoding))
        tasks = described(folder)
        assert sorted(task.tag_column for task in tasks.values()) == sorted(order.index(i) + 1 for i in (1, 2))
        pos, span = sorted(tasks.values(), key=lambda task: task.tag_column == order.index(2) + 1)
        assert (pos.name, pos.scheme, span.scheme) == ("upos", "plain", scheme)
        assert read(pos) == read(pos, "dev") == expected(sentences, 1)
        assert read(span) == read(span, "test") == expected(sentences, 2)

    def test_one_file_is_divided(self, tmp_path: Path) -> None:
        (tmp_path / "all.tsv").write_text(columns(corpus(1, sentences=40), "\t"), encoding="utf-8")
        task = described(tmp_path)["upos"]
        parts = [task.train, task.dev, task.test]
        assert [part.sentences for part in parts if part] == ["1-32", "33-36", "37-40"]
        assert [part.file for part in parts if part] == ["all.tsv"] * 3
        assert propose(tmp_path / "all.tsv", "").text == (tmp_path / "tasks.toml").read_text(encoding="utf-8")

    def test_dev_is_taken_from_the_end_of_train(self, tmp_path: Path) -> None:
        for name in ("train.txt", "test.txt"):
            (tmp_path / name).write_text(columns(corpus(2), " "), encoding="utf-8")
        task = described(tmp_path)["upos"]
        assert (task.train and task.train.sentences, task.dev and task.dev.sentences) == ("1-18", "19-20")
        assert task.test and task.test.file == "test.txt"

    def test_several_corpora_in_a_folder(self, tmp_path: Path) -> None:
        for kind in ("news", "mail"):
            for split in ("train", "dev"):
                (tmp_path / kind).mkdir(exist_ok=True)
                (tmp_path / kind / f"{split}.tsv").write_text(columns(corpus(3), "\t"), encoding="utf-8")
        (tmp_path / "README").write_text("Some words about it.\n\nAnd more of them, in many lines.\n")
        tasks = described(tmp_path)
        assert list(tasks) == ["upos", "column3", "news_upos", "news_column3"]
        assert {task.train.file for task in tasks.values() if task.train} == {"mail/train.tsv", "news/train.tsv"}

    def test_different_numbers_of_columns(self, tmp_path: Path) -> None:
        (tmp_path / "train.tsv").write_text(columns(corpus(4), "\t", (0, 1)), encoding="utf-8")
        (tmp_path / "dev.tsv").write_text(columns(corpus(4), "\t", (0, 2, 1)), encoding="utf-8")
        (task,) = described(tmp_path).values()
        assert task.tag_column == -1
        assert read(task) == read(task, "dev") == expected(corpus(4), 1)

    def test_names_from_a_heading(self, tmp_path: Path) -> None:
        text = "# token\tcoarse\tspans\n" + columns(corpus(5), "\t")
        (tmp_path / "tagged.conll").write_text(text, encoding="utf-8")
        assert list(described(tmp_path)) == ["coarse", "spans"]

    def test_latin_1_and_a_bad_byte(self, tmp_path: Path) -> None:
        text = columns([[("brûlé", "ADJ", "O"), ("thé", "NOUN", "B-x")]] * 4, "\t")
        (tmp_path / "a.tsv").write_bytes(text.encode("latin-1"))
        assert described(tmp_path)["upos"].encoding == "latin-1"
        (tmp_path / "a.tsv").write_bytes(text.encode() + b"caf\xe9\tNOUN\tO\n")
        text = propose(tmp_path, "").text
        assert "a.tsv: line 13 has a byte that is not UTF-8" in text
        assert "encoding =" not in text

    def test_a_token_that_looks_like_a_comment(self, tmp_path: Path) -> None:
        text = columns(corpus(1), "\t")
        (tmp_path / "a.tsv").write_text(text + "#\tSYM\tO\n", encoding="utf-8")
        assert "comment =" not in propose(tmp_path, "").text
        (tmp_path / "a.tsv").write_text("#id 1\n" + text + "#\tSYM\tO\n", encoding="utf-8")
        assert 'comment = "#id "' in propose(tmp_path, "").text
        (tmp_path / "a.tsv").write_text("#id 1\n#1\n" + text + "#\tSYM\tO\n", encoding="utf-8")
        assert (
            "1 sentence begins with '#' too, so the first line is skipped like a comment" in propose(tmp_path, "").text
        )

    def test_a_broken_line_is_noted(self, tmp_path: Path) -> None:
        (tmp_path / "a.tsv").write_text(columns(corpus(6), "\t") + "alone\n", encoding="utf-8")
        text = propose(tmp_path, "").text
        assert "not have 3 columns: line" in text
        assert "has 1 column, but the tag is in column 2" in text


class TestOthers:
    def test_conllu(self, tmp_path: Path) -> None:
        lines = [
            [
                f"{i}\t{word}\t{word}\t{tag}\t_\tNumber=Sing\t0\tdep\t_\tNE={span}"
                for i, (word, tag, span) in enumerate(rows, 1)
            ]
            for rows in corpus(7)
        ]
        for split in ("train", "dev", "test"):
            text = "".join("\n".join([f"# sent_id = {split}", *block, "", ""]) for block in lines)
            (tmp_path / f"xx-ud-{split}.conllu").write_text(text, encoding="utf-8")
        tasks = described(tmp_path)
        assert list(tasks) == ["upos"]  # no XPOS is there
        assert read(tasks["upos"], "test") == expected(corpus(7), 1)
        assert "misc:NE" in (tmp_path / "tasks.toml").read_text(encoding="utf-8")

    def test_json_lines(self, tmp_path: Path) -> None:
        lines = [
            json.dumps(
                {
                    "id": str(i),
                    "tokens": [r[0] for r in rows],
                    "tags": {"pos": [r[1] for r in rows], "x": [r[2] for r in rows]},
                }
            )
            for i, rows in enumerate(corpus(8))
        ]
        (tmp_path / "train.jsonl").write_text("\n".join(lines))
        (tmp_path / "valid.jsonl").write_text("\n".join(lines))
        tasks = described(tmp_path)
        assert [(name, task.tag_column, task.scheme) for name, task in tasks.items()] == [
            ("pos", "tags.pos", "plain"),
            ("x", "tags.x", "iob2"),
        ]
        assert read(tasks["x"], "dev") == expected(corpus(8), 2)

    def test_json_lines_with_labels_missing(self, tmp_path: Path) -> None:
        texts = ['{"tokens": ["Ada", "sails"], "tags": {"pos": ["N", null], "ner": ["B-PER", "O"], "x": [null, null]}}']
        texts += ['{"tokens": ["Bo"], "tags": {"pos": [null], "ner": ["O"], "x": [null]}}']
        for split in ("train", "dev"):
            (tmp_path / f"{split}.jsonl").write_text("\n".join(texts) + "\n")
        assert propose(tmp_path, "").tasks == ("pos", "ner")

    def test_integers_without_names(self, tmp_path: Path) -> None:
        lines = [
            json.dumps({"tokens": [r[0] for r in rows], "ner_tags": [int(r[2] != "O") for r in rows]})
            for rows in corpus(9)
        ]
        (tmp_path / "a.json").write_text("\n".join(lines))
        task = described(tmp_path)["ner"]
        assert task.labels == ("O", "label1")
        text = (tmp_path / "tasks.toml").read_text()
        assert "put their names here" in text
        assert 'taken for "O"' in text
        assert [problem.kind for problem in check_tasks({"ner": task}) if problem.kind == "placeholder"]

    def test_a_hugging_face_folder(self, tmp_path: Path) -> None:
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        sentences = corpus(10)
        names = sorted({row[2] for rows in sentences for row in rows})
        data = {
            "tokens": [[r[0] for r in rows] for rows in sentences],
            "ner_tags": [[names.index(r[2]) for r in rows] for rows in sentences],
        }
        features = {"ner_tags": {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "Sequence"}}
        table = pa.table(data).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        (tmp_path / "data").mkdir()
        for split in ("train", "validation"):
            parquet.write_table(table, tmp_path / "data" / f"{split}-00000-of-00001.parquet")
        task = described(tmp_path)["ner"]
        assert (task.format, task.scheme, task.dev and task.dev.file) == ("huggingface", "iob2", "validation")
        assert read(task, "dev") == expected(sentences, 2)

    @pytest.mark.parametrize("folders", [(".",), ("train", "dev")])
    def test_brat(self, folders: Sequence[str], tmp_path: Path) -> None:
        for folder in folders:
            (tmp_path / folder).mkdir(exist_ok=True)
            for name in "abcd":
                (tmp_path / folder / f"{name}.txt").write_text("Ada naps. Ek sails.")
                (tmp_path / folder / f"{name}.ann").write_text("T1\tPER 0 3\tAda\n")
        (task,) = described(tmp_path).values()
        assert task.format == "brat"
        assert read(task)[:2] == [
            [("Ada", "B-PER"), ("naps", "O"), (".", "O")],
            [("Ek", "O"), ("sails", "O"), (".", "O")],
        ]
        assert len(read(task)) == (8 if folders[1:] else 6)
        assert "types of annotations: PER (" in (tmp_path / "tasks.toml").read_text()

    def test_nothing_to_describe(self, tmp_path: Path) -> None:
        (tmp_path / "letter.txt").write_text("Dear Ada,\n\nI am well and hope that you are too.\n\nEk\n")
        (tmp_path / "picture.png").write_bytes(bytes(range(256)))
        (tmp_path / "counts.txt").write_text("  12 O\n   3 B\n")
        for path in (tmp_path, tmp_path / "letter.txt", tmp_path / "none"):
            with pytest.raises(DataError, match=r"looks like tagged sentences|no such file or folder"):
                propose(path, "")

    @settings(max_examples=60)
    @given(content=st.binary(max_size=80) | st.text('ab\t \n#{}[]":,', max_size=60).map(str.encode))
    def test_any_bytes(self, content: bytes, tmp_path_factory: Any) -> None:
        folder = tmp_path_factory.getbasetemp() / "any-init"
        folder.mkdir(exist_ok=True)
        (folder / "a.txt").write_bytes(content)
        try:
            text = propose(folder, "").text
        except DataError:
            return
        (folder / "tasks.toml").write_text(text, encoding="utf-8")
        assert load_tasks(str(folder / "tasks.toml"))


class TestGuesses:
    @pytest.mark.parametrize(
        ("name", "split"),
        [
            ("eng.train", "train"), ("eng.testa", "dev"), ("eng.testb", "test"), ("en_ewt-ud-dev.conllu", "dev"),
            ("dev/data.conll", "dev"), ("x_validation.json", "dev"), ("valid.txt", "dev"), ("Train.TXT", "train"),
            ("trainer.txt", None), ("latest.txt", None), ("a.conll", None),
        ],
    )  # fmt: skip
    def test_splits(self, name: str, split: str | None) -> None:
        assert name_of(name).split == split

    def test_numbers_and_names_of_documents_are_neither_tokens_nor_tags(self) -> None:
        columns = {
            1: [["doc1"] * 3, ["doc2"] * 3],
            2: [["1", "2", "3"]] * 2,
            3: [["a", "b", "c"], ["d", "e", "a"]],
            4: [["N", "V", "N"]] * 2,
        }
        assert tokens_and_tags(columns) == (3, [4])
        assert tokens_and_tags({1: [["a", "b"]], 2: [["1", "0"]]}) == (1, [2])
        assert tokens_and_tags({"lemmas": [["a", "b"]], "words": [["a", "b"]]})[0] == "words"
        numbers = {"words": [["a", "b"]], "pos": [["N", "V"]], "ner_tags": [["0", "1"]], "head": [["2", "0"]]}
        assert tokens_and_tags(numbers) == ("words", ["pos", "ner_tags"])

    def test_names(self) -> None:
        assert layer_name({"B-NP": 3, "I-VP": 2, "O": 9}) == "chunk"
        assert layer_name({"I-PER": 3, "O": 9}) == "ner"
        assert layer_name({"NN": 3, "VBZ": 1}) == "xpos"
        assert layer_name({"yes": 3, "no": 1}) is None


@needs_real_data
@pytest.mark.parametrize(
    ("folder", "tasks", "schemes"),
    [
        ("broadcast_news", [f"broadcast{i}_com" for i in (1, 2, 3)], ["plain"] * 3),
        pytest.param("conll2003", ["xpos", "chunk", "ner"], ["plain", "iob1", "iob1"], marks=pytest.mark.slow),
        pytest.param("semcor", ["english_semcor"], ["plain"], marks=pytest.mark.slow),
    ],
)
def test_published_corpora(folder: str, tasks: list[str], schemes: list[str], tmp_path: Path) -> None:
    (tmp_path / "tasks.toml").write_text(propose(UPSTREAM / folder, str(UPSTREAM / folder)).text, encoding="utf-8")
    found = load_tasks(str(tmp_path))
    assert list(found) == tasks
    assert [task.scheme for task in found.values()] == schemes
    assert all(task.dev and task.test and not task.dev.sentences for task in found.values())


def test_sources_of_published_corpora() -> None:
    if not UPSTREAM.exists():
        pytest.skip("the study's data are not here")
    for folder in ("conll2000", "streusle_4.0", "hyperlinks"):
        sources, left_out = find_corpora(UPSTREAM / folder)
        assert len(sources) == 1
        assert not any("conll" in Path(text.partition(":")[0]).name for text in left_out)  # lists, and another form
        assert set(sources[0].files) >= {"train", "test"}


class TestCommand:
    def test_it_writes_beside_the_data_and_never_over_a_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("corpus").mkdir()
        Path("corpus/all.tsv").write_text(columns(corpus(1), "\t"), encoding="utf-8")
        init(Path("corpus"))
        written = Path("corpus/tasks.toml").read_text(encoding="utf-8")
        assert "folder" not in written
        said = capsys.readouterr()
        assert said.out == ""
        assert "wrote corpus/tasks.toml: 2 tasks (upos, column3)" in said.err
        assert "tagmates data check corpus/tasks.toml" in said.err
        Path("corpus/tasks.toml").write_text("mine")
        with pytest.raises(
            ConfigError,
            match=r"corpus/tasks\.toml: exists already; name another --output, or overwrite it with --force",
        ):
            init(Path("corpus"))
        init(Path("corpus"), force=True)
        assert Path("corpus/tasks.toml").read_text(encoding="utf-8") == written

    def test_what_breaks_a_scheme_is_named_in_the_file_and_on_the_screen(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """However rare: a layer of spans does not become plain, and entities do not become words, for a typo."""
        monkeypatch.chdir(tmp_path)
        good = columns([[("Ada", "X", "B-PER"), ("Oak", "X", "I-PER"), ("naps", "Y", "O")]] * 30, "\t", (0, 2, 1))
        Path("train.tsv").write_text(good)
        for split, wrong in (("dev", "B_PER"), ("test", "0")):
            Path(f"{split}.tsv").write_text(good.replace("naps\tO", f"naps\t{wrong}", 1))
        init(Path())
        text, said = Path("tasks.toml").read_text(), capsys.readouterr().err
        task, other = load_tasks("tasks.toml").values()
        assert (task.scheme, other.scheme) == ("iob2", "plain")
        assert 'scheme = "iob2"  # as most tags say, but not followed in 2 of 90 sentences' in text
        for where in ("dev.tsv:3: 'B_PER' is not a tag of iob2", "test.tsv:3: '0' is not a tag of iob2"):
            assert f"# breaks it: {where}" in text
            assert f"breaks its scheme: ner: {where}" in said
        assert 'score = "prefix"' not in text  # it would not help
        errors = [problem for problem in check_tasks({"ner": task}) if problem.level == "error"]
        assert [(problem.kind, problem.file, problem.line) for problem in errors] == [
            ("scheme", "dev.tsv", 3),
            ("scheme", "test.tsv", 3),
        ]

    def test_tags_in_the_wrong_place_are_listed_up_to_a_few_with_the_lenient_reading(self, tmp_path: Path) -> None:
        row = [
            ("Ada", "X", "I-PER"),
            ("naps", "Y", "O"),
            ("Bo", "X", "B-PER"),
            ("Ek", "X", "I-PER"),
            ("Al", "X", "B-PER"),
        ]
        sentences = [row if number % 10 == 0 else row[1:] for number in range(100)]
        (tmp_path / "a.tsv").write_text(columns(sentences, "\t", (0, 2)))
        proposal = propose(tmp_path, "")
        assert 'scheme = "iob2"  # as most tags say, but not followed in 10 of 100 sentences' in proposal.text
        assert len([line for line in proposal.text.splitlines() if line.startswith("# breaks it: a.tsv:")]) == 5
        assert proposal.broken[-1] == "ner: and 5 more: `tagmates data check --all` names them"
        assert 'leave scheme out and set score = "prefix"' in proposal.text

    @pytest.mark.parametrize(
        ("change", "lines"),
        [
            (lambda tag: tag.lower() if tag != "O" else "0", ['outside = "0"', 'scheme = "iob2"', 'mark = "b-"']),
            (
                lambda tag: f"{tag[2:]}_{tag[0]}" if tag != "O" else "_",
                ['outside = "_"', 'scheme = "iob2"', 'mark = "_B"'],
            ),
            (lambda tag: tag[2:] or "OTHER", ['outside = "OTHER"', 'scheme = "io"']),
        ],
    )
    def test_other_ways_of_writing_are_proposed_and_pass_the_check(
        self, change: Any, lines: Sequence[str], tmp_path: Path
    ) -> None:
        row = [("Ada", "X", "B-PER"), ("Ann", "X", "I-PER"), ("Oak", "X", "I-PER")]
        row += [(word, "X", "O") for word in ("naps", "in", "a", "hut", "by", "me")] + [
            ("Rye", "X", "B-LOC"),
            ("Bo", "X", "B-PER"),
        ]
        sentences = [[(word, pos, change(tag)) for word, pos, tag in row]] * 40
        (tmp_path / "a.tsv").write_text(columns(sentences, "\t", (0, 2)))
        (task,) = described(tmp_path).values()
        written = (tmp_path / "tasks.toml").read_text()
        assert all(re.search(f"^{re.escape(line)}", written, re.MULTILINE) for line in lines)
        read_labels = [(tag or "").upper() for tag in load_split(task, "train")[0].labels]
        assert read_labels == [tag for _, _, tag in row]

    def test_elsewhere_and_to_the_screen(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("corpus").mkdir()
        Path("corpus/all.tsv").write_text(columns(corpus(1), "\t"), encoding="utf-8")
        init(Path("corpus"), output="own.toml")
        assert [str(task.folder) for task in load_tasks("own.toml").values()] == [str(tmp_path / "corpus")] * 2
        capsys.readouterr()
        app(["init", "corpus", "--output", "-"], exit_on_error=False, result_action="return_value")
        assert capsys.readouterr().out == Path("own.toml").read_text(encoding="utf-8")

    def test_names_that_toml_cannot_hold(self, tmp_path: Path) -> None:
        odd = tmp_path / "a\udcff.tsv"
        odd.write_text(columns(corpus(1), "\t"), encoding="utf-8")
        with pytest.raises(ConfigError, match="not UTF-8; rename it"):
            propose(odd, "")
        with pytest.raises(DataError):
            propose(tmp_path, "")
        line = tmp_path / "a\nb.tsv"
        line.write_text(columns(corpus(1), "\t"), encoding="utf-8")
        (tmp_path / "tasks.toml").write_text(propose(line, "").text, encoding="utf-8")
        assert load_split(load_tasks(str(tmp_path))["upos"], "train")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or its split would be cut from train without a word."""
    for split in ("train", "dev"):
        (tmp_path / f"{split}.tsv").write_text(columns(corpus(1), "\t"))
    read = Path.read_bytes

    def protected(path: Path) -> bytes:
        if path.name == "dev.tsv":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", protected)
    reason = f"{tmp_path / 'dev.tsv'}: cannot be read (Permission denied)"
    assert propose(tmp_path, "").left_out == (reason,)
    with pytest.raises(DataError, match=r"looks like tagged sentences: .*dev\.tsv: cannot be read"):
        propose(tmp_path / "dev.tsv", "")


def test_a_line_that_cannot_be_read_does_not_make_a_layer_plain(tmp_path: Path) -> None:
    text = columns([[("Ada", "X", "B-PER"), ("Oak", "X", "I-PER"), ("naps", "Y", "O")]] * 30, "\t", (0, 2))
    for split in ("train", "dev"):
        (tmp_path / f"{split}.tsv").write_text(text + "alone\n")
    written = propose(tmp_path, "").text
    assert "cannot be read so:" in written
    assert 'scheme = "iob2"' in written


def test_a_column_of_nothing_but_o_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("Kito\tN\tO\nnaps\tV\tO\n\n" * 20, encoding="utf-8")
    (tmp_path / "dev.txt").write_text("Ylva\tN\tB-X\nnaps\tV\tO\n\n" * 20, encoding="utf-8")
    proposal = propose(tmp_path, "")
    assert len(proposal.tasks) == 1
    assert any("column 3 of train.txt is left out, since it is 'O' throughout" in note for note in proposal.remarks)
