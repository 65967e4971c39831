"""tagmates.data.tasks, corpora and checking: tasks of one's own, from TOML to sentences."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tagmates.data.corpora import load_corpora, load_split
from tagmates.data.indexing import digest
from tagmates.data.sentence import Sentence
from tagmates.data.task import Part, Task
from tagmates.data.tasks import PAPER_SCHEMES, STARTER, choose_tasks, load_tasks
from tagmates.errors import ConfigError, DataError, TagmatesError
from tagmates.settings_parsing import read_toml

SMALL = "Rain\tNOUN\nfalls\tVERB\n\nGood\tADJ\n\nOslo\tPROPN\nsleeps\tVERB\n"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def writer(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return writer


def refused(data: Path | str) -> str:
    """The message of the one ConfigError that ``load_tasks`` raises, with nothing beneath it."""
    with pytest.raises(ConfigError) as caught:
        load_tasks(str(data))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def broken(task: Task, split: str = "train") -> str:
    with pytest.raises(DataError) as caught:
        load_split(task, split)
    return str(caught.value)


def rows(sentences: list[Sentence]) -> list[list[tuple[str, str]]]:
    return [list(zip(s.tokens, s.tags or (), strict=True)) for s in sentences]


class TestToml:
    def test_the_shortest(self, write: Write, tmp_path: Path) -> None:
        write("a.tsv", SMALL)
        path = write("mine.toml", '[tasks.pos]\ntrain = "a.tsv"\ndev = "a.tsv"\n')
        tasks = load_tasks(str(path))
        assert list(tasks) == ["pos"]
        task = tasks["pos"]
        assert (task.name, task.folder, task.scheme, task.score, task.test) == ("pos", tmp_path, "plain", "plain", None)
        assert [s.tokens for s in load_split(task, "train")] == [("Rain", "falls"), ("Good",), ("Oslo", "sleeps")]
        assert load_split(task, "dev") == load_split(task, "train")

    def test_a_folder_with_tasks_toml(self, write: Write, tmp_path: Path) -> None:
        write("tasks.toml", '[tasks.pos]\ntrain = "a.tsv"\n')
        assert list(load_tasks(str(tmp_path))) == ["pos"]

    def test_paths_are_relative_to_the_toml_file(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        write("deep/data/a.tsv", SMALL)
        path = write("deep/tasks.toml", '[tasks.pos]\ntrain = "data/a.tsv"\n')
        monkeypatch.chdir("/")
        assert len(load_split(load_tasks(str(path))["pos"], "train")) == 3

    def test_a_folder_in_it_too(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        write("deep/data/a.tsv", SMALL)
        path = write("deep/tasks.toml", 'folder = "data"\n[tasks.pos]\ntrain = "a.tsv"\n')
        monkeypatch.chdir("/")
        assert len(load_split(load_tasks(str(path))["pos"], "train")) == 3

    def test_columns_separator_comment_and_encoding(self, write: Write) -> None:
        write("a.txt", "# one\n1;Café;X;O\n2;brûle;Y;B-a\n\n# two\n1;#;Z;O\n".encode("latin-1"))
        path = write(
            "tasks.toml",
            'token_column = 2\nseparator = ";"\ncomment = "# "\nencoding = "latin-1"\ntrain = "a.txt"\n'
            '[tasks.pos]\ntag_column = 3\n[tasks.ner]\ntag_column = -1\nscheme = "iob2"\n',
        )
        tasks = load_tasks(str(path))
        assert rows(load_split(tasks["pos"], "train")) == [[("Café", "X"), ("brûle", "Y")], [("#", "Z")]]
        assert rows(load_split(tasks["ner"], "train")) == [[("Café", "O"), ("brûle", "B-a")], [("#", "O")]]
        assert (tasks["pos"].score, tasks["ner"].score) == ("plain", "spans")

    def test_any_white_space(self, write: Write) -> None:
        write("a.txt", "Rain   NOUN\nfalls \t VERB\n")
        path = write("tasks.toml", '[tasks.pos]\nseparator = "whitespace"\ntrain = "a.txt"\n')
        assert rows(load_split(load_tasks(str(path))["pos"], "train")) == [[("Rain", "NOUN"), ("falls", "VERB")]]

    def test_the_default_separator_is_the_tab(self, write: Write) -> None:
        write("a.txt", "New York\tPROPN\n")
        task = load_tasks(str(write("tasks.toml", '[tasks.pos]\ntrain = "a.txt"\n')))["pos"]
        assert load_split(task, "train")[0].tokens == ("New York",)

    def test_a_task_overrides_the_defaults(self, write: Write) -> None:
        path = write(
            "tasks.toml", 'scheme = "iobes"\ntrain = "a"\n[tasks.x]\n[tasks.y]\nscheme = "plain"\ntrain = "b"\n'
        )
        tasks = load_tasks(str(path))
        assert [(t.scheme, t.score, t.train and t.train.file) for t in tasks.values()] == [
            ("iobes", "spans", "a"),
            ("plain", "plain", "b"),
        ]

    def test_the_reading_may_be_chosen(self, write: Write) -> None:
        path = write("tasks.toml", '[tasks.x]\ntrain = "a"\nscheme = "iob2"\nscore = "plain"\n')
        assert load_tasks(str(path))["x"].score == "plain"

    @pytest.mark.parametrize(
        ("sentences", "first_tokens"),
        [
            ("", ["Rain", "Good", "Oslo"]),
            ("-", ["Rain", "Good", "Oslo"]),
            ("1-", ["Rain", "Good", "Oslo"]),
            ("1-2", ["Rain", "Good"]),
            ("-2", ["Rain", "Good"]),
            ("2-2", ["Good"]),
            ("3-", ["Oslo"]),
        ],
    )
    def test_ranges_of_sentences(self, write: Write, sentences: str, first_tokens: list[str]) -> None:
        write("a.tsv", SMALL)
        path = write("tasks.toml", f'[tasks.pos]\ntrain = {{ file = "a.tsv", sentences = "{sentences}" }}\n')
        found = load_split(load_tasks(str(path))["pos"], "train")
        assert [s.tokens[0] for s in found] == first_tokens

    @pytest.mark.parametrize("sentences", ["4-", "3-2", "9-12", "2-9"])
    def test_ranges_without_a_sentence(self, write: Write, sentences: str) -> None:
        path = write("a.tsv", SMALL)
        task = Task(name="pos", train=Part(file=str(path), sentences=sentences))
        assert broken(task).startswith(f"{path}: has 3 sentences, so none or not all of {sentences!r}; ")

    @pytest.mark.parametrize("sentences", ["3", "0-5", "-0", "a-b", "1-2-3", "1 - 2", "-1-2", "1-2\\n", "1:2"])
    def test_bad_ranges(self, write: Write, sentences: str) -> None:
        path = write("tasks.toml", f'[tasks.pos]\ntrain = {{ file = "a.tsv", sentences = "{sentences}" }}\n')
        assert refused(path).startswith(f"{path}: tasks.pos: train.sentences: ")

    def test_conllu(self, write: Write) -> None:
        lines = ["# text = Do n't", "1-2\tDon't" + "\t_" * 8]
        lines += [
            f"{i}\t{w}\t{w}\t{u}\tX\tMood=Imp\t0\tdep\t_\t_" for i, w, u in [(1, "Do", "AUX"), (2, "n't", "PART")]
        ]
        write("a.conllu", "\n".join([*lines, "", ""]))
        path = write(
            "tasks.toml",
            'format = "conllu"\ntrain = "a.conllu"\n[tasks.upos]\ntag_column = "upos"\n'
            '[tasks.mood]\ntag_column = "feats:Mood"\n',
        )
        tasks = load_tasks(str(path))
        assert rows(load_split(tasks["upos"], "train")) == [[("Do", "AUX"), ("n't", "PART")]]
        assert rows(load_split(tasks["mood"], "train")) == [[("Do", "Imp"), ("n't", "Imp")]]

    def test_a_name_for_a_column_of_a_column_file(self, write: Write) -> None:
        write("a.tsv", SMALL)
        path = write("tasks.toml", '[tasks.x]\ntrain = "a.tsv"\ntag_column = "upos"\n')
        assert "must be a number for a column file, not 'upos'" in refused(path)
        path = write("tasks.toml", '[tasks.x]\ntrain = "a.conllu"\nformat = "conllu"\ntag_column = "upo"\n')
        assert f"{path}: tasks.x: no CoNLL-U column is called 'upo'" in refused(path)

    def test_validation_is_dev(self, write: Write) -> None:
        path = write("tasks.toml", '[tasks.pos]\ntrain = "a"\nvalidation = { file = "b", sentences = "2-" }\n')
        assert load_tasks(str(path))["pos"].dev == Part(file="b", sentences="2-")
        path = write("tasks.toml", 'validation = "b"\n[tasks.pos]\ntrain = "a"\n')
        assert load_tasks(str(path))["pos"].dev == Part(file="b")

    @pytest.mark.parametrize(("given", "scheme"), [("BIO", "iob2"), ("bioes", "iobes"), ("biolu", "bilou")])
    def test_other_names_of_schemes(self, write: Write, given: str, scheme: str) -> None:
        path = write("tasks.toml", f'[tasks.pos]\ntrain = "a"\nscheme = "{given}"\n')
        assert load_tasks(str(path))["pos"].scheme == scheme

    def test_dev_and_validation_at_once(self, write: Write) -> None:
        """Two answers to one question: neither may be dropped without a word."""
        assert "dev" in refused(write("tasks.toml", '[tasks.pos]\ntrain = "a"\ndev = "b"\nvalidation = "c"\n'))

    def test_a_tasks_own_dev_is_over_a_default_validation(self, write: Write) -> None:
        path = write("tasks.toml", 'validation = "b"\n[tasks.pos]\ntrain = "a"\ndev = "c"\n')
        assert load_tasks(str(path))["pos"].dev == Part(file="c")


class TestTomlRefused:
    @pytest.mark.parametrize(
        ("lines", "message"),
        [
            ('trian = "a"', "tasks.pos: unknown key 'trian' (did you mean 'train'?)"),
            ('train = "a"\ntagcolumn = 2', "tasks.pos: unknown key 'tagcolumn' (did you mean 'tag_column'?)"),
            ('train = "a"\nzzz = 2', "tasks.pos: unknown key 'zzz'"),
            ('train = { file = "a", sentence = "1-2" }', "tasks.pos: unknown key 'train.sentence' (did you mean "),
            ("", "tasks.pos: has no train split; "),
            ('dev = "a"', "tasks.pos: has no train split; "),
            ("train = 3", "tasks.pos: train: "),
            ('train = { sentences = "1-" }', "tasks.pos: train.file: "),
            (
                'train = "a"\nscheme = "bia"',
                "tasks.pos: scheme: Input should be 'iob1', 'iob2', 'iobes', 'bilou', 'bmes', 'ioe1', 'ioe2', 'io' or ",
            ),
            ('train = "a"\nconvert_to = "bia"', "tasks.pos: convert_to: "),
            ('train = "a"\nformat = "excel"', "tasks.pos: format: "),
            ('train = "a"\nformat = ["brat"]', "tasks.pos: format: "),
            (
                'train = "a"\nformat = "jsonl"\ntag_column = 2',
                "tasks.pos: tag_column: must be the name of a key for jsonl",
            ),
            ('train = "a"\nformat = "huggingface"\ntoken_column = 1', "tasks.pos: token_column: must be the name of a"),
            ('train = "a"\nlabel = ["O"]', "tasks.pos: unknown key 'label' (did you mean 'labels'?)"),
            ('train = "a"\ntype = ["X"]', "tasks.pos: unknown key 'type' (did you mean 'types'?)"),
            ('train = "a"\nlabels = "O"', "tasks.pos: labels: "),
            ('train = "a"\nscore = "span"', "tasks.pos: score: "),
            ('train = "a"\ntoken_column = "one"', "tasks.pos: token_column: "),
            ('train = "a"\ntag_column = [1]', "tasks.pos: tag_column: "),
            ('train = "a"\nseparator = 3', "tasks.pos: separator: "),
            ('train = "a"\nencoding = "rot13"', "tasks.pos: encoding: 'rot13' is not a text encoding; name one"),
            ('train = "a"\nencoding = "\\u0000"', "tasks.pos: encoding: '\\x00' is not a text encoding; name one"),
            ('train = "*"\nfolder = "\\u0000"', "tasks.pos: folder, train, dev, test: there is a NUL in a path"),
        ],
    )
    def test_entries(self, write: Write, lines: str, message: str) -> None:
        path = write("tasks.toml", f"[tasks.pos]\n{lines}\n")
        assert refused(path).startswith(f"{path}: {message}")

    def test_a_similar_choice_is_offered(self, write: Write) -> None:
        path = write("tasks.toml", '[tasks.pos]\ntrain = "a"\nformat = "conl"\n')
        assert refused(path).endswith("not 'conl' (did you mean 'conllu'?)")

    @pytest.mark.parametrize("name", ["a,b", "a b", "a/b", "a\\\\b", "", "\\t"])
    def test_names_that_a_list_or_a_folder_cannot_hold(self, write: Write, name: str) -> None:
        path = write("tasks.toml", f'[tasks."{name}"]\ntrain = "a"\n')
        assert "no white space, comma or slash" in refused(path)

    @pytest.mark.parametrize("name", ["*", "all"])
    def test_names_that_mean_something_else(self, write: Write, name: str) -> None:
        """``*`` is the label space of te_dec, ``--tasks all`` all tasks."""
        refused(write("tasks.toml", f'[tasks."{name}"]\ntrain = "a"\n'))

    def test_two_tasks_of_one_name(self, write: Write) -> None:
        path = write("tasks.toml", '[tasks.pos]\ntrain = "a"\n[tasks.pos]\ntrain = "b"\n')
        assert refused(path).startswith(f"{path}: is not valid TOML: ")
        assert "line 3" in refused(path)

    @pytest.mark.parametrize("text", ["", "scheme = 'iob2'", "[tasks]", "tasks = 3"])
    def test_no_tasks(self, write: Write, text: str) -> None:
        path = write("tasks.toml", text)
        assert refused(path) == f"{path}: names no tasks; add a table [tasks.NAME] for each"

    def test_a_task_that_is_no_table(self, write: Write) -> None:
        assert "tasks.pos: must be a table" in refused(write("tasks.toml", "[tasks]\npos = 'a.tsv'\n"))

    def test_an_unknown_default(self, write: Write) -> None:
        path = write("tasks.toml", 'coment = "#"\n[tasks.pos]\ntrain = "a"\n')
        assert "unknown key 'coment' (did you mean 'comment'?)" in refused(path)

    def test_a_separator_that_cannot_work(self, write: Write) -> None:
        write("a.tsv", SMALL)
        path = write("tasks.toml", '[tasks.pos]\ntrain = "a.tsv"\nseparator = ""\n')
        with pytest.raises(TagmatesError, match="separator"):
            load_split(load_tasks(str(path))["pos"], "train")


class TestLoadTasks:
    def test_nothing_there(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"none: no such file or folder; --data takes"):
            load_tasks(str(tmp_path / "none"))

    def test_a_folder_of_something_else(self, write: Write, tmp_path: Path) -> None:
        write("pictures/cat.txt", "")
        with pytest.raises(DataError, match=r"holds no tasks\.toml and none of the folders upos, xpos"):
            load_tasks(str(tmp_path))

    def test_a_home_of_nobody(self) -> None:
        with pytest.raises(DataError):
            load_tasks("~nobody-of-this-name/tasks")

    def test_a_home(self, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write("data/tasks.toml", '[tasks.pos]\ntrain = "a"\n')
        monkeypatch.setenv("HOME", str(tmp_path))
        assert list(load_tasks("~/data")) == ["pos"]

    def test_a_file_that_is_no_toml(self, write: Write) -> None:
        path = write("a.tsv", SMALL)
        assert refused(path).startswith(f"{path}: is not valid TOML")

    def test_folders_of_the_paper(self, write: Write, tmp_path: Path) -> None:
        for split in ("train", "dev"):
            write(f"ner/{split}.conll", "Oslo\tS-LOC\nsleeps\tO\n\n")
        write("com/train.conll", "Well\tDEL\nyes\tKEEP\n\n")
        write("other/train.conll", SMALL)
        tasks = load_tasks(str(tmp_path))
        assert list(tasks) == ["ner", "com"]
        assert [(t.scheme, t.score, t.test) for t in tasks.values()] == [
            ("iobes", "prefix", None),
            ("plain", "prefix", None),
        ]
        assert list(load_corpora(tasks, ["ner"])) == ["ner"]
        assert list(load_corpora(tasks, ["ner"])["ner"]) == ["train", "dev"]
        with pytest.raises(DataError, match="task com has no dev split"):
            load_corpora(tasks, ["com"])

    def test_a_task_of_the_paper_without_train(self, write: Write, tmp_path: Path) -> None:
        write("ner/dev.conll", "Oslo\tS-LOC\n\n")
        with pytest.raises(DataError, match=r"ner: has no train\.conll"):
            load_tasks(str(tmp_path))

    def test_the_schemes_of_the_paper(self) -> None:
        assert len(PAPER_SCHEMES) == 11
        assert {name for name, scheme in PAPER_SCHEMES.items() if scheme != "plain"} == {"chunk", "ner"}

    def test_the_starter(self) -> None:
        tasks = load_tasks("starter")
        assert list(tasks) == list(PAPER_SCHEMES)
        assert {name: task.scheme for name, task in tasks.items()} == dict(PAPER_SCHEMES)
        assert {task.score for task in tasks.values()} == {"prefix"}
        assert read_toml(STARTER)["tasks"]


class TestChooseTasks:
    known = load_tasks("starter")

    @pytest.mark.parametrize(
        ("names", "chosen"),
        [
            ("upos", ("upos",)),
            ("ner,upos", ("ner", "upos")),
            (" ner , upos ,", ("ner", "upos")),
            ("all", tuple(PAPER_SCHEMES)),
            (" all ", tuple(PAPER_SCHEMES)),
        ],
    )
    def test_lists(self, names: str, chosen: tuple[str, ...]) -> None:
        assert choose_tasks(names, self.known) == chosen

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            ("upso", "--tasks: no task 'upso' (did you mean 'upos'?); there are upos, xpos, "),
            ("upos,NER", "--tasks: no task 'NER'"),
            ("upos,chunks", "--tasks: no task 'chunks' (did you mean 'chunk'?); "),
            ("qqqq", "--tasks: no task 'qqqq'; there are "),
            ("upos xpos", "--tasks: no task 'upos xpos'"),
            ("upos,all", "--tasks: no task 'all'"),
            ("", "--tasks: is empty"),
            (" , ", "--tasks: is empty"),
        ],
    )
    def test_errors(self, names: str, message: str) -> None:
        with pytest.raises(ConfigError) as caught:
            choose_tasks(names, self.known)
        assert str(caught.value).startswith(message)


class TestLoadSplit:
    def test_a_split_that_no_file_has(self) -> None:
        assert "task x has no dev split" in broken(Task(name="x", train=Part(file="a")), "dev")

    @pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
    def test_empty_files(self, write: Write, content: str) -> None:
        path = write("a.tsv", content)
        assert broken(Task(name="x", train=Part(file=str(path)))).startswith(f"{path}: holds no sentence")

    def test_missing_files(self, tmp_path: Path) -> None:
        task = Task(name="x", train=Part(file="gone.tsv"), folder=tmp_path)
        assert broken(task).startswith(f"{tmp_path / 'gone.tsv'}: cannot be read")

    @pytest.mark.parametrize(
        ("scheme", "tags", "line"),
        [
            ("iob2", "O I-x", 5),
            ("iob2", "B-x I-y", 5),
            ("iob2", "O S-x", 5),
            ("iob2", "NOUN O", 4),
            ("iob1", "O B-x", 5),
            ("iobes", "O B-x", 5),
            ("iobes", "B-x O", 4),
            ("iobes", "O E-x", 5),
            ("iobes", "B-x S-x", 4),
        ],
    )
    def test_a_tag_that_breaks_its_scheme(self, write: Write, scheme: Any, tags: str, line: int) -> None:
        one, other = tags.split()
        path = write("a.tsv", f"Fine\tO\n\n\nkites\t{one}\nfly\t{other}\n")
        message = broken(Task(name="x", train=Part(file=str(path)), scheme=scheme))
        assert message.startswith(f"{path}:{line}: ")
        assert "; " in message

    def test_only_the_sentences_of_the_split_are_checked(self, write: Write) -> None:
        path = write("a.tsv", "Fine\tO\n\nkites\tI-x\n")
        assert load_split(Task(name="x", train=Part(file=str(path), sentences="1-1"), scheme="iob2"), "train")
        assert broken(Task(name="x", train=Part(file=str(path), sentences="2-"), scheme="iob2")).startswith(
            f"{path}:3: "
        )

    def test_the_line_in_conllu_plus_without_ids(self, write: Write) -> None:
        rows = ["# global.columns = FORM NE", "a\tO", "3.5\tO", "2010-2012\tI-x", "", "b\tO", ""]
        path = write("a.conllup", "\n".join(rows))
        task = Task(name="x", train=Part(file=str(path)), format="conllu", tag_column="NE", scheme="iob2")
        assert broken(task).startswith(f"{path}:4: 'I-x' continues no span")

    def test_the_line_where_conllu_skips_lines(self, write: Write) -> None:
        """A word's line is not its sentence's plus its place where a range of words stands between."""
        words = [
            f"{i}\t{w}" + "\t_" * 7 + f"\tNE={t}" for i, w, t in [(1, "I", "O"), (2, "ca", "O"), (3, "n't", "I-x")]
        ]
        path = write("a.conllu", "\n".join([words[0], "2-3\tcan't" + "\t_" * 8, *words[1:], "", ""]))
        task = Task(name="x", train=Part(file=str(path)), format="conllu", tag_column="misc:NE", scheme="iob2")
        assert broken(task).startswith(f"{path}:4: 'I-x' continues no span")

    @pytest.mark.parametrize(
        ("source", "target", "tags", "converted"),
        [
            ("iob1", "iobes", "I-x I-x B-x O I-y", "B-x E-x S-x O S-y"),
            ("iob1", "iobes", "I-x I-y I-y B-y I-y", "S-x B-y E-y B-y E-y"),
            ("iob1", "iob2", "I-x I-x B-x O I-y", "B-x I-x B-x O B-y"),
            ("iobes", "iob2", "B-x E-x S-x O O", "B-x I-x B-x O O"),
            ("iob2", "iob2", "B-x I-x B-x O O", "B-x I-x B-x O O"),
        ],
    )
    def test_convert_to(self, write: Write, source: Any, target: Any, tags: str, converted: str) -> None:
        path = write("a.tsv", "".join(f"w{i}\t{tag}\n" for i, tag in enumerate(tags.split())))
        task = Task(name="x", train=Part(file=str(path)), scheme=source, convert_to=target)
        (sentence,) = load_split(task, "train")
        assert sentence == Sentence(("w0", "w1", "w2", "w3", "w4"), tuple(converted.split()), 1)

    def test_the_check_comes_before_the_conversion(self, write: Write) -> None:
        path = write("a.tsv", "a\tO\nb\tB-x\n")
        task = Task(name="x", train=Part(file=str(path)), scheme="iob1", convert_to="iobes")
        assert broken(task).startswith(f"{path}:2: ")


class TestDigest:
    def test_tokens_tags_splits_and_sentence_ends_matter_and_lines_do_not(self) -> None:
        base = {"train": [Sentence(("a", "b"), ("X", "Y"), 1)], "dev": [Sentence(("c",), ("X",), 5)]}
        first = digest(base)
        assert len(first) == 64
        assert digest(dict(reversed(base.items()))) == first
        assert digest({**base, "train": [Sentence(("a", "b"), ("X", "Y"), 9)]}) == first
        others = [
            {**base, "train": [Sentence(("a", "b"), ("X", "X"))]},
            {**base, "train": [Sentence(("A", "b"), ("X", "Y"))]},
            {**base, "train": [Sentence(("a",), ("X",)), Sentence(("b",), ("Y",))]},
            {**base, "dev": []},
            {"train": base["dev"], "dev": base["train"]},
            {"train": base["train"], "test": base["dev"]},
            {"train": base["train"]},
        ]
        assert len({first, *map(digest, others)}) == len(others) + 1
