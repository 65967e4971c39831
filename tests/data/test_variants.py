"""Variants of formats as tools and people write them: each is read correctly, or named by a message."""

import bz2
import gzip
import json
import lzma
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tagmates.data.checking.check import check_tasks
from tagmates.data.corpora import load_split, read_split
from tagmates.data.describing.grouping import group_files
from tagmates.data.describing.proposal import propose
from tagmates.data.formats.brat import read_brat
from tagmates.data.formats.conllu import read_conllu
from tagmates.data.formats.decompression import read_bytes
from tagmates.data.formats.jsonl import read_jsonl
from tagmates.data.formats.token_lines import read_text
from tagmates.data.notation import slips_in
from tagmates.data.schemes import Notation
from tagmates.data.task import Task
from tagmates.data.tasks import load_tasks
from tagmates.errors import DataError

Row = tuple[str, str, str]
Rows = list[Row]
SPLITS = {"train": 30, "dev": 21, "test": 20}
NAMES = [["Ylva", "Lund"], ["Kito"], ["Zoë", "of", "Ek"]]
PLACES = [["Port", "Ness"], ["Bonn"]]


def sentence(number: int) -> Rows:
    """A sentence of (word, part of speech, IOB2 tag), made up."""
    name, place = NAMES[number % 3], PLACES[number % 2]
    rows = [(word, "PROPN", f"{'I' if at else 'B'}-PER") for at, word in enumerate(name)]
    rows += [(["paints", "sells", "mends"][number % 3], "VERB", "O"), (f"item{number}", "NOUN", "O")]
    rows += [('"', "PUNCT", "O")] * (number % 5 == 0) + [("in", "ADP", "O")]
    rows += [(word, "PROPN", f"{'I' if at else 'B'}-LOC") for at, word in enumerate(place)]
    return [*rows, (".", "PUNCT", "O")]


def corpus(split: str) -> list[Rows]:
    start = {"train": 0, "dev": 100, "test": 200}[split]
    return [sentence(start + number) for number in range(SPLITS[split])]


def lines(rows: Sequence[Sequence[Any]], separator: str = "\t") -> str:
    return "".join(separator.join(map(str, row)) + "\n" for row in rows)


def write(folder: Path, text: Callable[[Rows, int], str], name: str = "{}.txt", head: str = "") -> None:
    """A file for each split: ``text`` of every sentence and its number."""
    for split in SPLITS:
        content = head + "".join(text(rows, number) for number, rows in enumerate(corpus(split)))
        (folder / name.format(split)).write_text(content)


def described(folder: Path) -> dict[str, Task]:
    (folder / "tasks.toml").write_text(propose(folder, "").text)
    return load_tasks(str(folder))


def problems(tasks: dict[str, Task]) -> list[str]:
    """The problems that are not about the sizes of these files."""
    return [each.text for each in check_tasks(tasks) if each.kind not in ("small-split", "tag-shift", "in-train")]


def pairs(task: Task, split: str) -> list[list[tuple[str, str | None]]]:
    return [list(zip(each.tokens, each.labels, strict=True)) for each in load_split(task, split)]


def wanted(split: str, layer: int = 2) -> list[list[tuple[str, str]]]:
    return [[(row[0], row[layer]) for row in rows] for rows in corpus(split)]


def numbered(rows: Rows) -> list[tuple[Any, ...]]:
    return [(at, *row) for at, row in enumerate(rows, start=1)]


def conllu(rows: Rows, *, upos: bool = True, more: bool = False) -> list[tuple[Any, ...]]:
    """The ten columns of CoNLL-U, and one more of names."""
    tags = [(pos if upos else pos.lower(), pos, ner) for _, pos, ner in rows]
    return [
        (at, rows[at - 1][0], "x", upos_tag, pos, "_", 0, "dep", "_", "_", *([ner] if more else []))
        for at, (upos_tag, pos, ner) in enumerate(tags, start=1)
    ]


def assert_read(folder: Path, names: Sequence[str] = ("upos", "ner")) -> None:
    """All splits are read as they are meant, and nothing is wrong with them."""
    tasks = described(folder)
    assert list(tasks) == list(names)
    assert problems(tasks) == []
    for split in SPLITS:
        for task in tasks.values():
            assert pairs(task, split) == wanted(split, 1 if task.scheme == "plain" else 2)


class TestTables:
    @pytest.mark.parametrize("header", ["id, word, pos, tag", " id , word , pos , tag "])
    def test_blanks_behind_commas_are_no_part_of_words(self, header: str, tmp_path: Path) -> None:
        numbers = iter(range(1000))
        write(
            tmp_path,
            lambda rows, _: lines([(n, *row) for n in [next(numbers)] for row in rows], ", "),
            head=f"{header}\n",
        )
        assert_read(tmp_path, ["pos", "tag"])

    def test_the_line_that_tells_excel_the_separator(self, tmp_path: Path) -> None:
        head = "sep=;\nid;word;pos;tag\n"
        write(tmp_path, lambda rows, at: lines([(at, *row) for row in rows], ";"), "{}.csv", head)
        assert_read(tmp_path, ["pos", "tag"])

    def test_a_pointer_of_git_lfs_is_named(self, tmp_path: Path) -> None:
        write(tmp_path, lambda rows, _: lines(rows) + "\n")
        (tmp_path / "train.txt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 12\n")
        with pytest.raises(DataError, match=r"train\.txt: is a Git LFS pointer; fetch the file by git lfs pull"):
            propose(tmp_path, "")
        with pytest.raises(DataError, match=r"train\.txt: is a Git LFS pointer; fetch the file by git lfs pull"):
            read_bytes(tmp_path / "train.txt")

    @pytest.mark.parametrize("separator", ["\t", " ", ";", "|", ", ", "; ", " \t ", "\t\t"])
    def test_separators(self, separator: str, tmp_path: Path) -> None:
        write(tmp_path, lambda rows, _: lines(rows, separator) + "\n")
        assert_read(tmp_path)

    @pytest.mark.parametrize(
        "comment",
        ["# id {}", "#{}", "%sent {}", "%% {}", "// {}", "; {}", ";; {}", "-- {}", "! {}", "@{}", "//{} x y z"],
    )
    @pytest.mark.parametrize("separator", ["\t", " "])
    def test_comments_before_sentences(self, comment: str, separator: str, tmp_path: Path) -> None:
        write(tmp_path, lambda rows, number: f"{comment.format(number)}\n{lines(rows, separator)}\n")
        assert_read(tmp_path)

    @pytest.mark.parametrize("mark", ["-DOCSTART-\t-X-\tO", "--DOCSTART--\tX\tO", "[DOCSTART]\tO\tO"])
    def test_marks_between_documents(self, mark: str, tmp_path: Path) -> None:
        write(tmp_path, lambda rows, number: f"{mark}\n\n" * (number % 10 == 0) + lines(rows) + "\n")
        assert_read(tmp_path)

    @pytest.mark.parametrize(
        ("line", "what"),
        [
            ("DOCSTART\tX\tO\n\n", "a mark between documents"), ("%% part 1\tX\tO\n", "a comment"),
            ("// part 1\tX\tO\n", "a comment"),
        ],
    )  # fmt: skip
    def test_other_lines_are_questioned(self, line: str, what: str, tmp_path: Path) -> None:
        write(tmp_path, lambda rows, _: lines(rows) + "\n")
        text = (tmp_path / "train.txt").read_text()
        (tmp_path / "train.txt").write_text(text + line.replace("X\tO", "X\tX") + text)
        (tmp_path / "tasks.toml").write_text('train = "train.txt"\ndev = "dev.txt"\ntest = "test.txt"\n[tasks.pos]\n')
        place = f"{tmp_path / 'train.txt'}:{text.count(chr(10)) + 1}: "
        found = [
            each for each in problems(load_tasks(str(tmp_path))) if each.startswith(place) and "looks like" in each
        ]
        assert len(found) == 1
        assert what in found[0]

    def test_a_blank_behind_one_line_of_one_file(self, tmp_path: Path) -> None:
        write(tmp_path, lambda rows, _: lines(rows) + "\n")
        text = (tmp_path / "train.txt").read_text()
        (tmp_path / "train.txt").write_text(text.replace("I-PER\n", "I-PER \n", 1))
        assert_read(tmp_path)

    def test_quotes_that_are_words_do_not_make_csv(self, tmp_path: Path) -> None:
        rows = corpus("train")
        assert any(row[0] == '"' for own in rows for row in own)
        write(tmp_path, lambda rows, _: lines([(word, word.lower(), pos, tag) for word, pos, tag in rows]) + "\n")
        assert_read(tmp_path)

    def test_words_in_quotes_are_questioned(self, tmp_path: Path) -> None:
        write(tmp_path, lambda rows, _: lines([(f"'{row[0]}'", *row[1:]) for row in rows]) + "\n")
        said = problems(described(tmp_path))
        total = sum(map(len, corpus("train")))
        assert (
            f"{tmp_path / 'train.txt'}: {total} of {total} words are in ', which is read as a part of the word; "
            in [each[: each.index("take the quotes")] for each in said]
        )

    def test_a_backslash_before_a_quote_is_not_csv(self, tmp_path: Path) -> None:
        write(tmp_path, lambda rows, _: lines(rows, ",").replace('"', '\\"') + "\n", "{}.csv", "token,pos,ner\n")
        tasks = described(tmp_path)
        text = (tmp_path / "train.csv").read_text().split("\n")
        first = next(number for number, line in enumerate(text, start=1) if line.startswith("\\"))
        assert any(each.startswith(f"{tmp_path / 'train.csv'}:{first}: has a backslash") for each in problems(tasks))

    @pytest.mark.parametrize("how", [repr, json.dumps])
    def test_a_text_beside_a_list_of_tags(self, how: Callable[[list[str]], str], tmp_path: Path) -> None:
        def text(rows: Rows, number: int) -> str:
            cells = [
                f"Sentence: {number}",
                " ".join(row[0] for row in rows),
                *(how([r[at] for r in rows]) for at in (1, 2)),
            ]
            return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n"

        write(tmp_path, text, "{}.csv", '"Sentence #","Sentence","POS","Tag"\n')
        assert_read(tmp_path, ["POS", "Tag"])

    def test_a_row_of_a_whole_text_is_no_word(self, tmp_path: Path) -> None:
        write(tmp_path, lambda rows, number: f"{' '.join(row[0] for row in rows)}\tgood\t{number % 2}\n")
        with pytest.raises(DataError, match=r"train\.txt: has whole texts in column 1, such as 'Ylva Lund"):
            propose(tmp_path, "")

    def test_nan_repeats_the_sentence(self, tmp_path: Path) -> None:
        def text(rows: Rows, number: int) -> str:
            return lines([("NaN" if at else f"Sentence: {number}", *row) for at, row in enumerate(rows)])

        write(tmp_path, text, head="Sentence #\tWord\tPOS\tTag\n")
        assert_read(tmp_path, ["POS", "Tag"])

    def test_a_column_of_words_called_sentence(self, tmp_path: Path) -> None:
        write(tmp_path, lambda rows, _: lines(rows) + "\n", head="Sentence\tPOS\tTag\n")
        assert_read(tmp_path, ["POS", "Tag"])


class TestSchemes:
    @pytest.mark.parametrize(
        "written", [lambda tag: f"{tag[2:]}({tag[0]})", lambda tag: tag.replace("B-", "BEGIN-").replace("I-", "IN-")]
    )
    def test_a_notation_that_is_not_read(self, written: Callable[[str], str], tmp_path: Path) -> None:
        write(tmp_path, lambda rows, _: lines([(r[0], r[2] if r[2] == "O" else written(r[2])) for r in rows]) + "\n")
        proposal = propose(tmp_path, "")
        assert "the tags look like spans" in proposal.remarks[0]
        assert any("the tags look like spans" in each for each in problems(described(tmp_path)))

    @pytest.mark.parametrize("slip", ["Per", "PRE", "P-ER", "PERR"])
    def test_slips_in_labels_are_named_with_their_line(self, slip: str, tmp_path: Path) -> None:
        write(tmp_path, lambda rows, _: lines(rows) + "\n")
        text = (tmp_path / "dev.txt").read_text()
        (tmp_path / "dev.txt").write_text(text.replace("Kito\tPROPN\tB-PER", f"Kito\tPROPN\tB-{slip}", 1))
        place = text[: text.index("Kito")].count("\n") + 1
        said = problems(described(tmp_path))
        message = f"the label {slip!r} of ner is rare and may be a slip for 'PER'; correct it if so"
        assert f"{tmp_path / 'dev.txt'}:{place}: {message}" in said
        assert any("may be a slip for PER" in each for each in propose(tmp_path, "").remarks)

    def test_labels_that_are_no_slips(self) -> None:
        counts = {"O": 999, "B-PER": 99, "B-LOC": 99, "B-PRODUCT": 1, "B-PRE": 9, "I-x": 1}
        assert slips_in(counts, Notation("iob2")) == {}
        assert slips_in({"NN": 500, "NNS": 1, "PRP": 500, "PRP$": 2, "nn": 1}, Notation("plain")) == {"nn": "NN"}

    def test_parts_of_speech_are_no_spans(self, tmp_path: Path) -> None:
        write(tmp_path, lambda rows, _: lines([(row[0], f"{row[1]}-x") for row in rows]) + "\n")
        assert problems(described(tmp_path)) == []

    @pytest.mark.parametrize("how", ["columns", "records"])
    def test_minus_100_as_text(self, how: str, tmp_path: Path) -> None:
        def tags(rows: Rows) -> list[str]:
            return ["-100" if at == 1 else row[2] for at, row in enumerate(rows)]

        if how == "records":
            write(
                tmp_path,
                lambda rows, _: json.dumps({"tokens": [r[0] for r in rows], "tags": tags(rows)}) + "\n",
                "{}.jsonl",
            )
        else:
            write(tmp_path, lambda rows, _: lines(list(zip([r[0] for r in rows], tags(rows), strict=True))) + "\n")
        (task,) = described(tmp_path).values()
        assert (task.unlabelled, task.scheme) == ("-100", "iob2")
        assert [each.labels[1] for each in read_split(task, "dev")] == [None] * 21
        toml = (tmp_path / "tasks.toml").read_text()
        (tmp_path / "tasks.toml").write_text(toml.replace('unlabelled = "-100"', "").replace('"iob2"', '"plain"'))
        assert any("30 of" in each and 'unlabelled = "-100"' in each for each in problems(load_tasks(str(tmp_path))))


class TestBrackets:
    def cells(self, rows: Rows) -> list[str]:
        found = []
        for at, (_, _, tag) in enumerate(rows):
            ends = at + 1 == len(rows) or rows[at + 1][2][0] != "I"
            found.append(f"({tag[2:]}" * (tag[0] == "B") + "*" + ")" * (tag != "O" and ends))
        return found

    @pytest.mark.parametrize("separator", ["\t", " "])
    def test_brackets_in_any_column_file(self, separator: str, tmp_path: Path) -> None:
        def text(rows: Rows, _: int) -> str:
            return lines([(*row[:2], cell) for row, cell in zip(rows, self.cells(rows), strict=True)], separator) + "\n"

        write(tmp_path, text)
        assert_read(tmp_path)
        (tmp_path / "tasks.toml").write_text(
            f'train = "train.txt"\ndev = "dev.txt"\nseparator = "{separator}"\n[tasks.a]\ntag_column = 3\n'
        )
        assert any('set format = "conll2012"' in each for each in problems(load_tasks(str(tmp_path))))


class TestConllu:
    def test_columns_of_conll_2009_are_not_those_of_conllu(self, tmp_path: Path) -> None:
        def text(rows: Rows, _: int) -> str:
            more = ("_", "_", 0, 0, "x", "x", "_", "_")
            return (
                lines([(at, w, w.lower(), w.lower(), pos, pos, *more) for at, (w, pos, _) in enumerate(rows, 1)]) + "\n"
            )

        write(tmp_path, text)
        for task in described(tmp_path).values():
            assert pairs(task, "dev") == wanted("dev", 1)

    @pytest.mark.parametrize("names", ["ID FORM UPOS frsemcor:noun", "id form upos ner", "ID form Upos NER"])
    def test_names_of_global_columns(self, names: str, tmp_path: Path) -> None:
        write(
            tmp_path,
            lambda rows, _: lines([(at, *row) for at, row in enumerate(rows, start=1)]) + "\n",
            "{}.conllup",
            f"# global.columns = {names}\n",
        )
        assert_read(tmp_path, ["upos", names.rpartition(" ")[2].rpartition(":")[2].lower()])

    @pytest.mark.parametrize("before", ["# newdoc id = x\n", "\n# source: x\n# text = global.columns\n", "# a\n\n"])
    def test_global_columns_may_follow_other_comments(self, before: str, tmp_path: Path) -> None:
        write(
            tmp_path,
            lambda rows, number: "# sent_id = 1\n1-2\tx\t_\t_\n" * (number > 0) + lines(numbered(rows)) + "\n",
            "{}.conllup",
            f"{before}# global.columns = ID FORM UPOS NER\n1-2\tx\t_\t_\n",
        )
        assert_read(tmp_path, ["upos", "ner"])

    def test_global_columns_after_a_word_name_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "a.conllup").write_text("1\tOtto\tN\n\n# global.columns = ID FORM UPOS\n1\tnaps\tV\n")
        with pytest.raises(DataError, match=r"a\.conllup:1: no column is called 'X'"):
            read_conllu(tmp_path / "a.conllup", column="X")

    @pytest.mark.parametrize("odd", ["3-4", "3.1"])
    def test_spaces_are_no_tabs(self, odd: str, tmp_path: Path) -> None:
        """Columns by spaces could be read, but ranges and empty nodes would be words."""
        more = f"{odd} ab " + " ".join("_" * 8) + "\n"
        write(tmp_path, lambda rows, _: "# text = x\n" + lines(conllu(rows), " ") + more + "\n")
        with pytest.raises(
            DataError, match="is CoNLL-U, but its columns are separated by spaces; separate them by tab"
        ):
            propose(tmp_path, "")

    @pytest.mark.parametrize("upos", [True, False])
    def test_a_column_without_a_name_is_called_by_its_number(self, upos: bool, tmp_path: Path) -> None:
        """Ranges and empty nodes distinguish CoNLL-U from CoNLL-2009, also without universal parts of speech."""
        odd = "".join(f"{number}\tab{chr(9)}" + "\t".join("_" * 9) + "\n" for number in ("1-2", "2.1"))
        write(
            tmp_path,
            lambda rows, _: odd + lines(conllu(rows, upos=upos, more=True)) + "\n",
        )
        tasks = described(tmp_path)
        assert tasks["ner"].tag_column == 11
        assert pairs(tasks["ner"], "dev") == wanted("dev")


class TestRecords:
    def span(self, **keys: Any) -> dict[str, Any]:
        return {"start": 0, "end": 4, "text": "Kito", "labels": ["PER"], **keys}

    def records(self, folder: Path, values: Sequence[dict[str, Any]]) -> list[tuple[str | None, ...]]:
        (folder / "a.json").write_text(json.dumps([*values] * 10))
        (task,) = described(folder).values()
        assert task.format == "json"
        return [each.labels for split in ("train", "dev", "test") for each in read_split(task, split)]

    def test_label_studio_leaves_the_key_out_if_a_text_has_no_span(self, tmp_path: Path) -> None:
        found = self.records(tmp_path, [{"text": "It naps", "id": 1}, {"text": "Kito naps", "label": [self.span()]}])
        assert found == [("O", "O"), ("B-PER", "O")] * 10
        said = problems(load_tasks(str(tmp_path)))
        assert any("record 1: has no 'label'; it is read as a text without spans" in each for each in said)

    def test_no_record_has_the_key(self, tmp_path: Path) -> None:
        (tmp_path / "a.jsonl").write_text('{"text": "It naps", "label": [[0, 2, "X"]]}\n' * 3)
        with pytest.raises(DataError, match=r"a\.jsonl:1: has no 'lable' \(did you mean 'label'\?\)"):
            read_jsonl(tmp_path / "a.jsonl", token_key="text", tag_key="lable", scheme="iob2")

    @pytest.mark.parametrize(
        ("annotations", "why"),
        [([], "it is not annotated"), ([{"result": [], "was_cancelled": True}], "its annotations are cancelled")],
    )
    def test_label_studio_without_an_annotation(self, annotations: Any, why: str, tmp_path: Path) -> None:
        done = {"data": {"text": "Kito naps"}, "annotations": [{"result": [{"value": self.span()}]}]}
        found = self.records(tmp_path, [done, {"data": {"text": "Kito naps"}, "annotations": annotations}])
        assert found == [("B-PER", "O")] * 10
        assert any(f"record 2: {why}; it is left out" in each for each in problems(load_tasks(str(tmp_path))))

    @pytest.mark.parametrize("one_list", [True, False])
    def test_words_and_tags_as_two_lists_are_refused(self, one_list: bool, tmp_path: Path) -> None:
        found = [[[row[0] for row in rows], [row[2] for row in rows]] for rows in corpus("train")]
        text = json.dumps(found) if one_list else "\n".join(map(json.dumps, found))
        (tmp_path / "train.json").write_text(text)
        with pytest.raises(DataError, match=r'write them as \{"tokens"'):
            propose(tmp_path, "")
        with pytest.raises(DataError, match="has lists of 6, but others have lists of 9"):
            read_jsonl(tmp_path / "train.json", token_key="1", tag_key="2", one_list=one_list)

    @pytest.mark.parametrize(
        "value", [{"tokens": {"0": ["a", "b"], "1": ["c"]}, "tags": {"0": ["X", "Y"], "1": ["X"]}},
                  {"0": {"tokens": ["a", "b"], "tags": ["X", "Y"]}, "1": {"tokens": ["c"], "tags": ["X"]}}],
    )  # fmt: skip
    def test_numbers_as_keys_are_refused(self, value: Any, tmp_path: Path) -> None:
        (tmp_path / "train.json").write_text(json.dumps(value))
        with pytest.raises(DataError, match="in which numbers lead to the sentences"):
            propose(tmp_path, "")

    def test_one_record_of_unequal_length_does_not_hide_the_others(self, tmp_path: Path) -> None:
        def text(rows: Rows, number: int) -> str:
            return json.dumps({"tokens": [r[0] for r in rows], "tags": [r[2] for r in rows][int(number == 7) :]}) + "\n"

        write(tmp_path, text, "{}.jsonl")
        length = len(corpus("train")[7])
        wrong = f"train.jsonl:8: {length} in 'tokens', but {length - 1} in 'tags'"
        assert sum(wrong in each for each in problems(described(tmp_path))) == 1

    def test_predictions_are_not_annotations(self, tmp_path: Path) -> None:
        made = [{"result": [{"value": self.span()}]}]
        record = {"data": {"text": "Kito naps"}, "annotations": [], "predictions": made}
        (tmp_path / "a.json").write_text(json.dumps([record] * 10))
        assert "predictions of a model: nobody has annotated" in propose(tmp_path, "").text


class TestCompressed:
    @pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
    def test_packed_files_are_read(self, suffix: str, pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
        write(tmp_path, lambda rows, _: lines(rows) + "\n")
        for split in SPLITS:
            file = tmp_path / f"{split}.txt"
            (tmp_path / f"{split}.txt.{suffix}").write_bytes(pack(file.read_bytes()))
            file.unlink()
        assert_read(tmp_path)
        assert read_bytes(tmp_path / f"dev.txt.{suffix}").count(b"\n") == sum(len(rows) + 1 for rows in corpus("dev"))

    def test_bad_lines_of_a_packed_file_are_named(self, tmp_path: Path) -> None:
        (tmp_path / "a.gz").write_bytes(gzip.compress(b"it\tX\n\nbad\n\nis\tX\n"))
        task = Task(name="t", folder=tmp_path, train="a.gz", dev="a.gz")
        assert any(f"{tmp_path / 'a.gz'}:3: has 1 column" in each.text for each in check_tasks({"t": task}))

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (gzip.compress(bytes(10**7)), "unpacks to more than 4,194,304 bytes"),
            (lzma.compress(bytes(10**7)), "unpacks to more than 4,194,304 bytes"),
            (gzip.compress(bytes(range(256)))[:99], "is packed, and damaged"),
            (b"\x1f\x8b\x08\x00 no gzip", "is packed, and damaged"), (b"\xfd7zXZ\x00 no xz", "is packed, and damaged"),
            (bz2.compress(bytes(range(256)))[:99], "is packed, and damaged"), (b"PK\x03\x04abc", r"is packed \(zip"),
        ],
        ids=["gz bomb", "xz bomb", "cut gz", "no gz", "no xz", "cut bz2", "zip"],  # gzip writes the time
    )  # fmt: skip
    def test_damaged_or_too_large(self, content: bytes, message: str, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(DataError, match=f"a: {message}"):
            read_text(tmp_path / "a", "utf-8")

    def test_a_word_that_begins_as_bzip2_does(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"BZh9\tX\n")
        assert read_text(tmp_path / "a", "utf-8") == "BZh9\tX\n"


class TestBrat:
    @pytest.mark.parametrize(
        "text", ["\ufeffKito naps.\r\nYlva too.", "\ufeffKito naps.\nYlva too.", "Kito naps.\r\nYlva too."]
    )
    @pytest.mark.parametrize("counted", [True, False])
    def test_offsets_are_counted_as_they_fit(self, text: str, counted: bool, tmp_path: Path) -> None:
        plain = text if counted else text.removeprefix("\ufeff").replace("\r\n", "\n")
        start = plain.index("Ylva")
        (tmp_path / "a.txt").write_bytes(text.encode())
        (tmp_path / "a.ann").write_text(f"T1\tPER {start} {start + 4}\tYlva\n")
        second = ("Ylva", "B-PER"), ("too", "O"), (".", "O")
        found = [tuple(zip(each.tokens, each.labels, strict=True)) for each in read_brat(tmp_path)]
        assert found == [(("Kito", "O"), ("naps", "O"), (".", "O")), second]

    def test_documents_of_several_splits_in_one_folder(self, tmp_path: Path) -> None:
        for name in ("train_1", "train_2", "test_1"):
            (tmp_path / f"{name}.txt").write_text("Kito naps.")
            (tmp_path / f"{name}.ann").write_text("T1\tPER 0 4\tKito\n")
        with pytest.raises(
            DataError, match="its documents are called test and train; put those of a split into a folder"
        ):
            propose(tmp_path, "")

    def test_annotations_under_another_name(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text("Kito naps. " * 40)
        marks = "".join(f"T{number}\tPER {11 * number} {11 * number + 4}\tKito\n" for number in range(40))
        (tmp_path / "a.a1").write_text(marks)
        with pytest.raises(DataError, match=r"a\.a1: is stand-off annotation as of BRAT: call it DOC\.ann"):
            propose(tmp_path, "")


class TestSplits:
    @pytest.mark.parametrize(
        ("names", "splits", "left_out"),
        [
            (["atrain.x", "adev.x", "atest.x"], {"train": ["atrain.x"], "dev": ["adev.x"], "test": ["atest.x"]}, []),
            (["entrain.x", "entest.x"], {"train": ["entrain.x"], "test": ["entest.x"]}, []),
            (["trn.x", "dvl.x", "a.blind.x"], {"train": ["trn.x"], "dev": ["dvl.x"], "test": ["a.blind.x"]}, []),
            (["train.x", "dev.x", "gold.x"], {"train": ["train.x"], "dev": ["dev.x"]}, ["gold.x: may be dev or test"]),
            (["sk.train", "sk.etest"], {"train": ["sk.train"]}, ["sk.etest: may be dev or test"]),
            (["latest.x"], {"train": ["latest.x"]}, []),
        ],
    )  # fmt: skip
    def test_names(self, names: list[str], splits: dict[str, list[str]], left_out: list[str], tmp_path: Path) -> None:
        found, said = group_files(dict.fromkeys(names, "kind"), ())
        assert [each.files for each in found] == [splits]
        assert [text[: len(start)] for text, start in zip(said, left_out, strict=True)] == left_out

    def test_copies_of_editors_are_left_out(self, tmp_path: Path) -> None:
        write(tmp_path, lambda rows, _: lines(rows) + "\n")
        for name in ("train.txt~", "train.txt.bak"):
            (tmp_path / name).write_text((tmp_path / "train.txt").read_text())
        assert sum("is a copy that an editor made" in each for each in propose(tmp_path, "").left_out) == 2
        assert_read(tmp_path)
