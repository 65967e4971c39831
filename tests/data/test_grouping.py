"""tagmates.data.describing.grouping: folders of several corpora, and splits of several files."""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from real_data import UPSTREAM, needs_real_data

from tagmates.apps.cli import app
from tagmates.data.cache import entry_of, write_entry
from tagmates.data.checking.check import check_tasks
from tagmates.data.corpora import load_split, location, path_in, read_split
from tagmates.data.describing.grouping import group_files
from tagmates.data.describing.proposal import propose
from tagmates.data.indexing import IndexedTask
from tagmates.data.task import SPLITS, Task
from tagmates.data.tasks import load_tasks
from tagmates.errors import ConfigError, DataError

Pairs = list[list[tuple[str, str]]]


def made(seed: int, sentences: int = 24) -> Pairs:
    """Sentences that no other seed makes."""
    draw = random.Random(seed)
    return [
        [(f"w{seed}x{number}", "N"), (draw.choice(["sails", "naps"]), "V"), (draw.choice(["well", "now"]), "A")]
        for number in range(sentences)
    ]


def columns(sentences: Pairs, separator: str = "\t") -> str:
    return "".join("".join(f"{word}{separator}{tag}\n" for word, tag in rows) + "\n" for rows in sentences)


def conllu(sentences: Pairs) -> str:
    return "".join(
        "".join(f"{at}\t{word}\t_\t{tag}\t_\tLong=Yes\t0\t_\t_\t_\n" for at, (word, tag) in enumerate(rows, 1)) + "\n"
        for rows in sentences
    )


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def described(folder: Path) -> dict[str, Task]:
    (folder / "tasks.toml").write_text(propose(folder, "").text, encoding="utf-8")
    return load_tasks(str(folder))


def parts(task: Task) -> dict[str, object]:
    """The file or files of each split, and its range of sentences."""
    found = {split: part for split in SPLITS if (part := task.part(split))}
    return {split: (part.file, part.sentences) if part.sentences else part.file for split, part in found.items()}


def pairs(task: Task, split: str) -> Pairs:
    return [list(zip(s.tokens, [tag or "_" for tag in s.labels], strict=True)) for s in load_split(task, split)]


class TestNames:
    """``corpora_of`` alone: names in, splits out."""

    @pytest.mark.parametrize(
        ("names", "corpora"),
        [
            # side by side, each with its own way to name its splits
            (["a/eng.train", "a/eng.testa", "a/eng.testb", "b/x-ud-train.conllu", "b/x-ud-dev.conllu"],
             [{"train": ["a/eng.train"], "dev": ["a/eng.testa"], "test": ["a/eng.testb"]},
              {"train": ["b/x-ud-train.conllu"], "dev": ["b/x-ud-dev.conllu"]}]),
            # other rests of the name, alone in their folder
            (["s/ud_train.rebuilt.lex", "s/ud_dev.lex", "s/ud_test.lex", "t/train.lex", "t/test.lex"],
             [{"train": ["s/ud_train.rebuilt.lex"], "dev": ["s/ud_dev.lex"], "test": ["s/ud_test.lex"]},
              {"train": ["t/train.lex"], "test": ["t/test.lex"]}]),
            (["wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated"],
             [{"train": ["wnut17train.conll"], "dev": ["emerging.dev.conll"], "test": ["emerging.test.annotated"]}]),
            # several files of a split
            (["t-0001-of-2.x", "train-00000-of-00002.x", "train-00001-of-00002.x", "test-00000-of-00001.x", "dev.x"],
             [{"train": ["train-00000-of-00002.x", "train-00001-of-00002.x"], "dev": ["dev.x"],
               "test": ["test-00000-of-00001.x"]},
              {"train": ["t-0001-of-2.x"]}]),
            (["train_a.txt", "train_b.txt", "dev.t"], [{"train": ["train_a.txt", "train_b.txt"], "dev": ["dev.t"]}]),
            (["h-ud-train-a-1.u", "h-ud-train-b-1.u", "h-ud-train-a-10.u", "h-ud-train-a-2.u", "h-ud-test.u"],
             [{"train": ["h-ud-train-a-1.u", "h-ud-train-a-2.u", "h-ud-train-a-10.u", "h-ud-train-b-1.u"],
               "test": ["h-ud-test.u"]}]),
            (["train/bc/c_01.g", "train/nw/w_2.g", "development/bc/c_02.g", "test/nw/w_9.g"],
             [{"train": ["train/bc/c_01.g", "train/nw/w_2.g"], "dev": ["development/bc/c_02.g"],
               "test": ["test/nw/w_9.g"]}]),
            (["w_00.c", "w_01.c", "w_02.c", "w_10.c"], [{"train": ["w_00.c", "w_01.c", "w_02.c", "w_10.c"]}]),
            # documents whose names are hashes or UUIDs
            (["d/0a3f9c44.c", "d/de9b12ff.c", "d/fe01aa77.c"],
             [{"train": ["d/0a3f9c44.c", "d/de9b12ff.c", "d/fe01aa77.c"]}]),
            ([f"{n}50e8400-e29b-41d4-a716-446655440000.c" for n in "abc"],
             [{"train": [f"{n}50e8400-e29b-41d4-a716-446655440000.c" for n in "abc"]}]),
            # folds, and corpora that are numbered, stay apart
            (["train_1.x", "test_1.x", "train_2.x", "test_2.x"],
             [{"train": ["train_1.x"], "test": ["test_1.x"]}, {"train": ["train_2.x"], "test": ["test_2.x"]}]),
            (["train/n1.x", "dev/n1.x", "train/n2.x", "dev/n2.x"],
             [{"train": ["train/n1.x"], "dev": ["dev/n1.x"]}, {"train": ["train/n2.x"], "dev": ["dev/n2.x"]}]),
            # but many numbered files in folders are documents
            ([f"{split}/{number}.x" for split in ("train", "dev", "test") for number in range(3)],
             [{split: [f"{split}/{number}.x" for number in range(3)] for split in ("train", "dev", "test")}]),
            # folder and file name the split
            ([f"s/{split}/s.ud_{split}.lex" for split in ("train", "dev", "test")] + ["t/x_train.lex", "t/x_dev.lex"],
             [{split: [f"s/{split}/s.ud_{split}.lex"] for split in ("train", "dev", "test")},
              {"train": ["t/x_train.lex"], "dev": ["t/x_dev.lex"]}]),
            # capitals before the word; eval in a folder of test; other languages
            (["Genia4ERtraining/Genia4ERtask2.x", "Genia4ERtest/Genia4EReval2.x"],
             [{"train": ["Genia4ERtraining/Genia4ERtask2.x"], "test": ["Genia4ERtest/Genia4EReval2.x"]}]),
            (["entrenamiento.x", "desarrollo.x", "prueba.x"],
             [{"train": ["entrenamiento.x"], "dev": ["desarrollo.x"], "test": ["prueba.x"]}]),
            # folds and corpora with numbers in their names are none
            ([f"{split}/fold{number}.x" for split in ("train", "test") for number in range(3)],
             [{split: [f"{split}/fold{number}.x"] for split in ("train", "test")} for number in range(3)]),
            # the folders above do not count for eval, and parts of words do not count in folders of splits
            (["test_data/en/train.x", "test_data/en/eval.x"],
             [{"train": ["test_data/en/train.x"], "dev": ["test_data/en/eval.x"]}]),
            (["train/HIVtest.x", "dev/HIVtest.x"], [{"train": ["train/HIVtest.x"], "dev": ["dev/HIVtest.x"]}]),
            (["en/training/train.x", "en/training/dev.x", "en/test/test.x"],
             [{"train": ["en/training/train.x"], "dev": ["en/training/dev.x"], "test": ["en/test/test.x"]}]),
            # held out is what is not there
            (["train.x", "dev.x", "heldout.x"], [{"train": ["train.x"], "dev": ["dev.x"], "test": ["heldout.x"]}]),
            (["train.x", "heldout.x", "test.x"], [{"train": ["train.x"], "dev": ["heldout.x"], "test": ["test.x"]}]),
            # the only file without a split is train
            (["a.x", "a-dev.x", "a-test.x"], [{"train": ["a.x"], "dev": ["a-dev.x"], "test": ["a-test.x"]}]),
            (["trn.x", "devel.x", "tst.x"], [{"train": ["trn.x"], "dev": ["devel.x"], "test": ["tst.x"]}]),
        ],
    )  # fmt: skip
    def test_corpora(self, names: list[str], corpora: list[dict[str, list[str]]]) -> None:
        found, left_out = group_files(dict.fromkeys(names, "kind"), ())
        assert sorted((each.files for each in found), key=str) == sorted(corpora, key=str)
        assert left_out == []

    def test_the_train_of_dev_is_named_if_it_cannot_be_read(self) -> None:
        found, left_out = group_files({"a/x-dev.t": "kind"}, ["a/x-train.t"])
        assert found == []
        assert left_out == [
            "a/x-dev.t: is called dev, but a/x-train.t, the train beside it, is left out; it is never used as training "
            "data"
        ]

    @pytest.mark.parametrize(
        ("names", "left"),
        [
            (["a-test.x", "a-dev.x"], "a-dev.x: is called dev, but there is no train beside it"),
            (["a-train.x", "b-train.x", "c-dev.x"], "c-dev.x: is called dev, but it is not clear to which train"),
            (["one.x", "other.x", "dev.x"], "one.x: not named dev or test, and it is not clear which file is train"),
            (["train.x", "dev.x", "test1.x", "test2.x"], "test1.x, test2.x: several files are called test"),
            (["a.train", "a.dev", "a"], "a: may repeat the sentences of the files beside it that are called train"),
        ],
    )  # fmt: skip
    def test_what_is_not_clear_is_left_out(self, names: list[str], left: str) -> None:
        found, left_out = group_files(dict.fromkeys(names, "kind"), ())
        assert any(text.startswith(left) for text in left_out), left_out
        used = [name for corpus in found for own in corpus.files.values() for name in own]
        assert len(used) == len(set(used))
        assert all(name in used or any(name in text for text in left_out) for name in names)

    def test_every_file_is_used_once_or_named(self) -> None:
        draw = random.Random(3)
        words = ["train", "dev", "test", "a", "b", "1", "2", "heldout", "valid"]
        for _ in range(2000):
            names = list({"".join(draw.choices([*words, "-", "/", "."], k=draw.randint(1, 6))) for _ in range(6)})
            names = [name.strip("/") or "x" for name in names]
            kinds = {name: draw.choice("kl") for name in names}
            found, left_out = group_files(kinds, ())
            used = [name for corpus in found for own in corpus.files.values() for name in own]
            said = [name for text in left_out for name in text.split(": ")[0].split(", ")]
            assert sorted([*used, *said]) == sorted(kinds)
            for corpus in found:
                assert len({kinds[name] for own in corpus.files.values() for name in own}) == 1


class TestFolders:
    def test_corpora_side_by_side_keep_their_splits(self, tmp_path: Path) -> None:
        news, web, lex = ({split: made(3 * n + at) for at, split in enumerate(SPLITS)} for n in range(3))
        write(tmp_path, {f"conll/eng.{name}": columns(news[split], " ") for name, split in
                         (("train", "train"), ("testa", "dev"), ("testb", "test"))})  # fmt: skip
        write(tmp_path, {f"ud/en-ud-{split}.conllu": conllu(web[split]) for split in SPLITS})
        write(tmp_path, {f"lex/s.ud_{split}{'.rebuilt' if split == 'train' else ''}.conllu": conllu(lex[split])
                         for split in SPLITS})  # fmt: skip
        tasks = described(tmp_path)
        assert [pairs(task, split) for task in tasks.values() for split in SPLITS] == [
            corpus[split] for corpus in (news, lex, web) for split in SPLITS
        ]
        assert [problem.text for problem in check_tasks(tasks) if problem.level == "error"] == []

    def test_the_documents_of_an_annotator_belong_together(self, tmp_path: Path) -> None:
        """As INCEpTION exports them: annotation/DOCUMENT/USER.tsv."""
        for at, document in enumerate(("a.txt", "2 b.txt", "c7.txt")):
            users = {"mia": columns(made(at)), "tom": columns(made(10 + at)), "INITIAL_CAS": columns(made(20 + at))}
            write(tmp_path, {f"annotation/{document}/{user}.tsv": text for user, text in users.items()})
        found = [parts(task)["train"] for task in described(tmp_path).values()]
        documents = ("2 b.txt", "a.txt", "c7.txt")
        assert found == [
            (tuple(f"annotation/{document}/{user}.tsv" for document in documents), "1-58") for user in ("mia", "tom")
        ]
        text = propose(tmp_path, "")
        assert [line for line in text.left_out if "a.txt/INITIAL_CAS.tsv: is a document before anyone" in line]

    def test_nothing_is_cut_from_train_where_a_file_is_there(self, tmp_path: Path) -> None:
        """Not for a dev of another form, nor for one that cannot be read."""
        for dev in ("one two three\nfour\n" * 30, columns(made(2), ";")):
            write(tmp_path, {"train.txt": columns(made(1)), "dev.txt": dev})
            text = propose(tmp_path, "").text
            assert "dev.txt seems to be dev" in text
            assert "sentences = " not in text
            assert "dev =" not in "\n".join(line for line in text.splitlines() if not line.startswith("#"))
        write(tmp_path, {"dev.txt": columns(made(2))})
        assert parts(next(iter(described(tmp_path).values()))) == {"train": "train.txt", "dev": "dev.txt"}

    def test_a_test_file_alone_is_no_training_data(self, tmp_path: Path) -> None:
        write(
            tmp_path, {"test.txt": columns(made(1)), "other/x.train": columns(made(2)), "other/x.dev": columns(made(3))}
        )
        proposal = propose(tmp_path, "")
        assert [parts(task) for task in load_tasks_of(tmp_path, proposal.text)] == [
            {"train": "other/x.train", "dev": "other/x.dev", "test": "test.txt"}
        ]
        (tmp_path / "other/x.test").write_text(columns(made(4)))
        assert any(text.startswith("test.txt: is called test") for text in propose(tmp_path, "").left_out)
        with pytest.raises(DataError, match=r"test\.txt: is called test, but there is no train beside it"):
            propose(tmp_path / "test.txt", "")

    def test_test_sentences_in_train_of_another_corpus_are_said(self, tmp_path: Path) -> None:
        everything = made(1, 60)
        write(
            tmp_path,
            {"a/a.train": columns(everything[:40]), "a/a.dev": columns(made(2)), "a/a.test": columns(everything[40:])},
        )
        write(tmp_path, {"b/all.tsv": columns(everything)})
        proposal = propose(tmp_path, "")
        said = [text for text in proposal.remarks if "in train of other corpora" in text]
        # of b, six sentences are cut for test, all of which are in a's test or train
        assert said == [
            "of 20 test sentences of a_a some are in train of other corpora: b_all (8); joint training would see them, "
            "data check names them (leak)"
        ]
        tasks = {task.name: task for task in load_tasks_of(tmp_path, proposal.text)}
        assert sum(problem.kind == "leak" for problem in check_tasks(tasks)) == 8

    @needs_real_data
    @pytest.mark.slow
    def test_the_published_corpora(self, tmp_path: Path) -> None:
        """All that the paper used in one folder: no split is cut where there is a file, no leak goes unsaid."""
        proposal = propose(UPSTREAM, str(UPSTREAM))
        tasks = {task.name: task for task in load_tasks_of(tmp_path, proposal.text)}
        cut = {task.train.file for task in tasks.values() if task.train and task.train.sentences}
        assert cut == {"conll2000/train.txt"}  # which has no dev
        assert all(task.test is not None and not task.test.sentences for task in tasks.values())
        words: dict[tuple[str, str], set[tuple[str, ...]]] = {}
        for task in tasks.values():
            folder = str(task.train.file).partition("/")[0] if task.train else ""
            if folder == "hyperlinks":  # one byte of its dev is no UTF-8
                continue
            for split in ("train", "test"):
                if (folder, split) not in words:
                    words[folder, split] = {sentence.tokens for sentence in read_split(task, split)}
        for (folder, split), tested in words.items():
            for (other, _), trained in words.items():
                shared = (
                    {s for s in tested if len(s) >= 3} & trained - words[folder, "train"] if split == "test" else ()
                )
                if shared and folder != other and _ == "train":
                    assert any(
                        folder.split("_")[0] in text and other.split("_")[0] in text for text in proposal.remarks
                    )


def load_tasks_of(folder: Path, text: str) -> list[Task]:
    (folder / "tasks.toml").write_text(text, encoding="utf-8")
    return list(load_tasks(str(folder)).values())


class TestSeveralFiles:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Iterator[Path]:
        write(tmp_path, {f"train-{n}.tsv": columns(made(n, 6)) for n in (1, 2, 10)})
        write(tmp_path, {"dev.tsv": columns(made(20)), "test.tsv": columns(made(21))})
        yield tmp_path

    def task(self, folder: Path, train: str, more: str = "") -> Task:
        text = f'train = {train}\ndev = "dev.tsv"\ntest = "test.tsv"\n[tasks.pos]\n{more}'
        (task,) = load_tasks_of(folder, text)
        return task

    @pytest.mark.parametrize(
        ("train", "order"),
        [
            ('["train-10.tsv", "train-1.tsv"]', (10, 1)),
            ('"train-*.tsv"', (1, 2, 10)),
            ('{ file = ["train-2.tsv", "train-*.tsv"] }', (2, 1, 10)),
            ('{ file = "*-1*.tsv", sentences = "-12" }', (1, 10)),
        ],
    )
    def test_they_are_read_as_one(self, train: str, order: Sequence[int], folder: Path) -> None:
        assert pairs(self.task(folder, train), "train") == [rows for n in order for rows in made(n, 6)]

    def test_sentences_count_over_all_files(self, folder: Path) -> None:
        task = self.task(folder, '{ file = ["train-1.tsv", "train-2.tsv"], sentences = "6-7" }')
        assert pairs(task, "train") == [made(1, 6)[5], made(2, 6)[0]]
        with pytest.raises(DataError, match=r"train-1\.tsv: has 12 sentences, so none or not all of '1-13'"):
            load_split(self.task(folder, '{ file = ["train-1.tsv", "train-2.tsv"], sentences = "1-13" }'), "train")

    def test_every_message_names_its_file_and_line(self, folder: Path) -> None:
        (folder / "train-2.tsv").write_text("ok\tN\n\nbad\n\nwell\tB-\n\n" + columns(made(2, 3)))
        task = self.task(folder, '"train-*.tsv"')
        with pytest.raises(DataError, match=r"train-2\.tsv:3: has 1 column"):
            load_split(task, "train")
        faults = [p for p in check_tasks({"pos": task}) if p.level == "error"]
        assert [(p.kind, p.file, p.line) for p in faults] == [("line", str(folder / "train-2.tsv"), 3)]
        (folder / "train-2.tsv").write_text(columns(made(2, 6)[:1] + made(1, 6)[:1]))
        repeated = [p for p in check_tasks({"pos": task}) if p.kind == "duplicate"]
        assert [(p.file, p.line) for p in repeated] == [(str(folder / "train-2.tsv"), 5)]
        assert "repeats the one at train-1.tsv:1" in repeated[0].message
        sentence = read_split(task, "train")[7]
        assert path_in(task, "train", sentence) == folder / "train-2.tsv"
        assert location(task, "train", sentence, 1) == f"{folder / 'train-2.tsv'}:6"

    def test_a_place_in_another_folder_is_named_with_its_folder(self, folder: Path) -> None:
        (folder / "more").mkdir()
        (folder / "more" / "train-1.tsv").write_text(columns(made(1, 6)[:1]))
        task = self.task(folder, '["train-1.tsv", "more/train-1.tsv"]')
        (repeated,) = [p for p in check_tasks({"pos": task}) if p.kind == "duplicate"]
        assert repeated.file == str(folder / "more" / "train-1.tsv")
        assert f"repeats the one at {folder / 'train-1.tsv'}:1" in repeated.message

    def test_a_file_of_two_splits_overlaps(self, folder: Path) -> None:
        (task,) = load_tasks_of(folder, 'train = ["train-1.tsv", "dev.tsv"]\ndev = "dev.tsv"\n[tasks.pos]\n')
        assert [p.kind for p in check_tasks({"pos": task}) if p.level == "error"] == ["overlap"]

    def test_the_digest_is_that_of_one_file(self, folder: Path) -> None:
        (folder / "joined.tsv").write_text("".join((folder / f"train-{n}.tsv").read_text() for n in (1, 2, 10)))
        several, one = self.task(folder, '"train-*.tsv"'), self.task(folder, '"joined.tsv"')
        digests = {IndexedTask.of({s: load_split(task, s) for s in SPLITS}).digest for task in (several, one)}
        assert len(digests) == 1

    def test_the_cache_keeps_the_files_and_notices_a_new_one(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from tagmates.data import cache

        monkeypatch.setenv("TAGMATES_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("TAGMATES_CACHE_CORPORA", "1")
        monkeypatch.setattr(cache, "MIN_FILES_SIZE", 1)
        monkeypatch.setattr(cache, "MIN_FILE_AGE", -1.0)
        task = self.task(folder, '"train-*.tsv"')
        entry = entry_of(task, SPLITS)
        assert entry is not None
        coded = IndexedTask.of({split: load_split(task, split) for split in SPLITS})
        write_entry(entry, coded)
        held = cache.read_entry(entry)
        assert held is not None
        assert held.splits["train"].sentences == coded.splits["train"].sentences
        assert {sentence.file for sentence in held.splits["train"].sentences} == {f"train-{n}.tsv" for n in (1, 2, 10)}
        (folder / "train-3.tsv").write_text(columns(made(3)))
        assert entry_of(task, SPLITS) != entry

    def test_a_pattern_that_fits_nothing_and_no_name_at_all(self, folder: Path) -> None:
        with pytest.raises(DataError, match=r"trian-\*\.tsv: cannot be read"):
            load_split(self.task(folder, '"trian-*.tsv"'), "train")
        with pytest.raises(ConfigError, match="train"):
            self.task(folder, "[]")
        with pytest.raises(ConfigError, match="train"):
            self.task(folder, '""')

    def test_conllu_with_names_of_sentences(self, tmp_path: Path) -> None:
        for n in (1, 2):
            blocks = conllu(made(n, 4)).split("\n\n")[:-1]
            named = [f"# sent_id = {'web' if at % 2 else 'news'}-{at}\n{block}\n\n" for at, block in enumerate(blocks)]
            write(tmp_path, {f"x-{n}.conllu": "".join(named)})
        text = 'format = "conllu"\ntrain = { file = "x-*.conllu", sent_id = "web-*" }\n'
        (task,) = load_tasks_of(tmp_path, text + 'dev = { file = "x-1.conllu", sent_id = "news-*" }\n[tasks.upos]\n')
        assert pairs(task, "train") == [made(1, 4)[1], made(1, 4)[3], made(2, 4)[1], made(2, 4)[3]]
        assert [p.text for p in check_tasks({"upos": task}) if p.level == "error"] == []

    def test_parallel_files(self, tmp_path: Path) -> None:
        for n in (1, 2):
            write(tmp_path, {f"{n}.in": "\n".join(" ".join(word for word, _ in rows) for rows in made(n)),
                             f"{n}.out": "\n".join(" ".join(tag for _, tag in rows) for rows in made(n))})  # fmt: skip
        text = 'format = "parallel"\ntrain = { file = ["1.in", "2.in"], tags = TAGS }\n'
        (task,) = load_tasks_of(tmp_path, text.replace("TAGS", '["1.out", "2.out"]') + "[tasks.x]\n")
        assert pairs(task, "train") == made(1) + made(2)
        (task,) = load_tasks_of(tmp_path, text.replace("TAGS", '"1.out"') + "[tasks.x]\n")
        with pytest.raises(DataError, match="2 files of words, but 1 of tags"):
            load_split(task, "train")

    def test_init_writes_a_list_of_few_and_a_pattern_of_many(self, folder: Path, tmp_path: Path) -> None:
        (task,) = described(folder).values()
        assert parts(task) == {
            "train": ("train-1.tsv", "train-2.tsv", "train-10.tsv"),
            "dev": "dev.tsv",
            "test": "test.tsv",
        }
        many = tmp_path / "many"
        write(many, {f"train/part{n % 3}/doc{n}.tsv": columns(made(n, 2)) for n in range(30)})
        write(many, {"dev/doc99.tsv": columns(made(99)), "test/doc98.tsv": columns(made(98))})
        (task,) = described(many).values()
        assert parts(task) == {"train": "train/**/*.tsv", "dev": "dev/doc99.tsv", "test": "test/doc98.tsv"}
        assert len(load_split(task, "train")) == 60

    def test_they_are_trained_on_and_packed(self, folder: Path, tmp_path: Path) -> None:
        self.task(folder, '"train-*.tsv"')
        settings = [
            "--set",
            "model.hidden_size=2",
            "--set",
            "training.max_epochs=1",
            "--set",
            "training.min_epoch_updates=1",
            "--vectors",
            "random",
        ]
        run = tmp_path / "run"
        app(
            ["train", "--data", str(folder), "--tasks", "all", "--output-dir", str(run), *settings],
            result_action="return_value",
        )
        assert json.loads((run / "result.json").read_text())["updates"] > 0


class TestFeatures:
    def features(self, folder: Path, names: int) -> str:
        rows = [
            "".join(
                f"{at}\tw{at}\t_\tN\t_\t{'|'.join(f'F{n:03}={(at + s + n) % 2}' for n in range(names))}\t0\t_\t_\tNE="
                f"{'B-PER' if at == 1 else 'O'}\n"
                for at in range(1, 6)
            )
            + "\n"
            for s in range(10)
        ]
        rare = "1\tx\t_\tN\t_\tZzz=1\t0\t_\t_\t_\n\n"
        write(folder, {"train.conllu": "".join(rows) + rare, "dev.conllu": "".join(rows)})
        return propose(folder, "").text

    def test_all_features_are_named(self, tmp_path: Path) -> None:
        text = self.features(tmp_path, 60)
        assert all(f"feats:F{n:03}" in text for n in range(60))
        assert "feats:Zzz" in text
        assert "misc:NE" in text
        assert max(map(len, text.splitlines())) < 130

    def test_well_filled_ones_are_offered_as_comments_that_work(self, tmp_path: Path) -> None:
        text = self.features(tmp_path, 2)
        assert list(load_tasks_of(tmp_path, text)) == [load_tasks(str(tmp_path))["upos"]]
        lines = text.splitlines()
        start = next(at for at, line in enumerate(lines) if line.startswith("# [tasks."))
        opened = "\n".join([*lines[:start], *(line.removeprefix("# ") for line in lines[start:])])
        (tmp_path / "tasks.toml").write_text(opened)
        tasks = load_tasks(str(tmp_path))
        assert {name: (task.tag_column, task.outside, task.scheme) for name, task in tasks.items()} == {
            "upos": ("upos", "O", "plain"),
            "f000": ("feats:F000", "_", "plain"),
            "f001": ("feats:F001", "_", "plain"),
            "ne": ("misc:NE", "O", "iob2"),
        }
        assert [p.text for p in check_tasks(tasks) if p.level == "error"] == []


class TestWhatIsSaid:
    def test_tags_that_train_lacks(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            {"train.tsv": columns(made(1)), "dev.tsv": columns(made(2)) + "x\tNEW\n\n", "test.tsv": columns(made(3))},
        )
        proposal = propose(tmp_path, "")
        said = "train lacks 1 tag of dev or test, which cannot be learnt: NEW (1)"
        assert [text.endswith(said) for text in proposal.remarks] == [True]
        assert f"# {said}" in proposal.text
        (task,) = load_tasks_of(tmp_path, proposal.text)
        assert [p.line for p in check_tasks({"x": task}) if p.kind == "unseen-tag"] == [97]

    @pytest.mark.parametrize(
        "names", [("LABEL_0", "LABEL_1", "LABEL_2"), ("0", "1", "2"), ("label3", "label1", "label2")]
    )
    def test_tags_that_are_no_names(self, names: tuple[str, ...], tmp_path: Path) -> None:
        new = dict(zip("NVA", names, strict=True))
        text = columns([[(word, new[tag]) for word, tag in rows] for rows in made(1, 60)])
        write(tmp_path, {"train.tsv": text, "dev.tsv": text})
        proposal = propose(tmp_path, "")
        assert any("nothing says what they stand for" in remark for remark in proposal.remarks)
        (task,) = load_tasks_of(tmp_path, proposal.text)
        assert "placeholder" in {p.kind for p in check_tasks({"x": task})}

    def test_a_header_is_said(self, tmp_path: Path) -> None:
        for split in ("train", "dev"):
            write(tmp_path, {f"{split}.tsv": "token\tpos\n" + columns(made(len(split)))})
        text = propose(tmp_path, "").text
        assert "# the first line is taken for a header: token | pos" in text
        assert "header = true" in text
