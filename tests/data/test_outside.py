"""The key ``outside``, schemes that only files have, and letters without labels: from file to score, spans and pack."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers import SMALL, make_corpora
from hypothesis import given
from hypothesis import strategies as st

from tagmates.batching.vectors import NO_VECTORS
from tagmates.batching.vocabulary import Vocabulary
from tagmates.config import ModelSettings, RunConfig, Sharing, TrainingSettings
from tagmates.data.archive import ArchivedTask, Header, write_archive
from tagmates.data.checking.check import check_tasks
from tagmates.data.corpora import load_corpora, load_split
from tagmates.data.indexing import IndexedTask
from tagmates.data.sentence import Sentence, Span
from tagmates.data.task import Task
from tagmates.data.tasks import load_tasks
from tagmates.errors import ConfigError, DataError, ModelError
from tagmates.model.tagged import Tagged
from tagmates.serve.requests import RequestSentence
from tagmates.serve.responses import models_out, sentence_out
from tagmates.serve.settings import Limits
from tagmates.training.baseline import baseline_scores
from tagmates.training.preparation import prepare_run
from tagmates.training.result import task_signature
from tagmates.training.run import Run
from tagmates.training.scores import Scores, gold_tags, score, units
from tagmates.training.start import Start

some_tags = st.sampled_from(["O", "_", "", "B-x", "I-x", "E-x", "S-y", "I-y", "B", "I", "E", "S", "NN", "0"])
rows_of_tags = st.lists(st.lists(some_tags | st.none(), max_size=8), max_size=4)
readings = st.sampled_from(["prefix", "spans", "plain"])


class TestUnits:
    @given(gold=rows_of_tags, data=st.data(), reading=readings, outside=st.sampled_from(["O", "_", "", "0", "NN"]))
    def test_the_score_counts_the_units_of_the_definition(
        self, gold: list[list[str | None]], data: st.DataObject, reading: Any, outside: str
    ) -> None:
        guess = [[data.draw(some_tags) if data.draw(st.booleans()) else tag or "O" for tag in row] for row in gold]
        found = score(gold, guess, reading, outside)
        total = Scores()
        for right, predicted in zip(gold, guess, strict=True):
            wanted = {*units(right, reading, outside)}
            there = {span for span in units(predicted, reading, outside) if None not in right[span.start : span.end]}
            # a unit with a letter and one without are never the same
            hits = sum(
                _lettered(right, span, reading) == _lettered(predicted, span, reading) for span in wanted & there
            )
            total += Scores(hits, len(there) - hits, len(wanted) - hits)
        assert found.total == total

    @given(gold=rows_of_tags, reading=readings)
    def test_outside_is_only_a_name(self, gold: list[list[str | None]], reading: Any) -> None:
        for row in gold:
            other = ["nothing" if tag == "O" else tag for tag in row]
            assert units(other, reading, "nothing") == units(row, reading)

    def test_every_word_counts_where_nothing_is_outside(self) -> None:
        tags = ["O", "V", "O", "^"]
        assert units(tags, "plain", "") == [Span(i, i + 1, tag) for i, tag in enumerate(tags)]
        assert units(tags, "plain") == [Span(1, 2, "V"), Span(3, 4, "^")]

    def test_letters_alone(self) -> None:
        tags = ["B", "I", "O", "I", "S", "B", "E"]
        assert units(tags, "spans") == [Span(0, 2, ""), Span(3, 4, ""), Span(4, 5, ""), Span(5, 7, "")]
        assert [span.label for span in units(tags)] == ["B", "I", "I", "S", "B", "E"]


def _lettered(row: Sequence[str | None], span: Span, reading: str) -> bool:
    tag = row[span.start] or ""
    return reading != "plain" and (tag[:2] in ("B-", "I-", "E-", "S-") or (reading == "spans" and tag in set("BIES")))


def write(folder: Path, rows: Sequence[Sequence[str]], toml: str) -> Task:
    """The task of a TOML, with the same sentences in all splits."""
    text = "".join("".join(f"w{i}\t{tag}\n" for i, tag in enumerate(row)) + "\n" for row in rows)
    (folder / "all.tsv").write_text(text)
    (folder / "tasks.toml").write_text(f'train = "all.tsv"\ndev = "all.tsv"\ntest = "all.tsv"\n[tasks.x]\n{toml}')
    return load_tasks(str(folder))["x"]


class TestFiles:
    @pytest.mark.parametrize(
        ("toml", "row", "read", "scheme"),
        [
            ('scheme = "bilou"', "B-x I-x L-x U-y O", "B-x I-x E-x S-y O", "iobes"),
            ('scheme = "bilou"\nconvert_to = "iob2"', "B-x I-x L-x U-y O", "B-x I-x I-x B-y O", "iob2"),
            ('scheme = "bmes"\nmark = "_B"\noutside = "0"', "x_B x_M x_E y_W 0 y_S", "B-x I-x E-x S-y O S-y", "iobes"),
            ('scheme = "io"\noutside = "NONE"', "x x y NONE y y", "B-x I-x B-y O B-y I-y", "iob2"),
            ('scheme = "iob2"\nmark = "b-"\noutside = "_"', "b-x i-x _ b-x b-y", "B-x I-x O B-x B-y", "iob2"),
            ('scheme = "iob2"', "B I O B", "B I O B", "iob2"),
            ('outside = "_"', "Sing _ O _", "Sing _ O _", "plain"),
            ('outside = ""', "O V _", "O V None", "plain"),
            ('outside = "_"\nconvert_to = "iobes"', "a _ a a", "S-a O S-a S-a", "iobes"),
        ],
    )
    def test_tags_are_read_into_those_of_training(
        self, tmp_path: Path, toml: str, row: str, read: str, scheme: str
    ) -> None:
        task = write(tmp_path, [row.split()] * 2, toml)
        assert [str(tag) for tag in load_split(task, "train")[0].labels] == read.split()
        assert task.trained_scheme == scheme
        assert task.trained_outside == ("O" if scheme != "plain" else task.outside)
        assert [problem.text for problem in check_tasks({"x": task}) if problem.kind == "scheme"] == []

    def test_an_error_names_the_tag_of_the_file_and_its_line(self, tmp_path: Path) -> None:
        task = write(tmp_path, [["x_B", "x_I", "_"], ["_", "x_I"]], 'scheme = "iob2"\nmark = "_B"\noutside = "_"')
        with pytest.raises(
            DataError, match=r"all\.tsv:6: 'x_I' continues no span; correct the tag or the scheme of x$"
        ):
            load_split(task, "train")
        with pytest.raises(DataError, match=r"all\.tsv:1: 'x_B' is not a tag of iob2 .*; .* \(mark = \"_B\" has it\)"):
            load_split(task.model_copy(update={"mark": "B-"}), "train")

    def test_every_wrong_tag_of_a_sentence_is_named(self, tmp_path: Path) -> None:
        task = write(tmp_path, [["B_x", "0", "O", "I-x", "I-x"]], 'scheme = "iob2"')
        lines = [p.line for p in check_tasks({"x": task}) if p.kind == "scheme" and p.split == "train"]
        assert lines == [1, 2, 4]

    @pytest.mark.parametrize(
        ("toml", "message"),
        [
            ('outside = "_"\nunlabelled = "_"', "unlabelled: '_' is outside already"),
            ('mark = "B"', "mark: "),
            ('mark = "I-"', "mark: "),
            ('scheme = "bioul"', "scheme: "),
            ('convert_to = "io"', "convert_to: "),
        ],
    )
    def test_what_is_refused(self, tmp_path: Path, toml: str, message: str) -> None:
        with pytest.raises(ConfigError, match=f"tasks.x: {message}"):
            write(tmp_path, [["O"]], toml)

    def test_what_has_no_label(self) -> None:
        assert Task(name="x").no_label == "_"
        assert Task(name="x", outside="_").no_label is None
        assert Task(name="x", outside="_", unlabelled="?").no_label == "?"
        assert Task(name="x", outside="0").no_label == "_"


class TestWarnings:
    @pytest.mark.parametrize(
        ("toml", "row", "kind", "said"),
        [
            ("", "B-x I-x O O", "plain-spans", 'set scheme = "iob2", or score = "prefix" alone'),
            ("", "B_x I_x O O", "plain-spans", 'set scheme = "iob2" and mark = "B_"'),
            ('scheme = "iob2"\nscore = "prefix"', "B I O O", "plain-spans", "leave score out"),
            ('score = "prefix"', "B-x L-x U-y O", "plain-spans", 'set scheme = "bilou"'),
            ('score = "prefix"', "B-x E-x S-y O", "plain-spans", 'set scheme = "iobes", or score = "spans" alone'),
            ("", "B I O O", "plain-spans", 'set scheme = "iob2"'),
            ("", "x x y O O O O", "plain-spans", 'set scheme = "io"'),
            ("", "NONE NONE a b NONE", "outside", 'set outside = "NONE"'),
            ('unlabelled = ""', "_ _ _ a", "outside", 'set outside = "_"'),
            ("", "O V ^ ^ , V ^", "outside", 'set outside = ""'),
            ('outside = "0"', "a b c", "outside", "is not the tag of any word"),
        ],
    )
    def test_a_reading_that_misleads_is_warned_of(
        self, tmp_path: Path, toml: str, row: str, kind: str, said: str
    ) -> None:
        task = write(tmp_path, [row.split()] * 9, toml)
        found = [problem for problem in check_tasks({"x": task}) if problem.kind in ("plain-spans", "outside")]
        assert [(problem.level, problem.kind) for problem in found] == [("warning", kind)]
        assert said in found[0].message

    @pytest.mark.parametrize(
        ("toml", "row"),
        [
            ('score = "prefix"', "B-x I-x O O"),  # the lenient reading
            ('score = "spans"', "B-x I-x O O"),
            ('score = "spans"', "B-x E-x S-y O"),
            ('score = "prefix"', "B I O O"),  # as the paper scores MWE
            ("", "a b a b"),
            ("", "O O O a"),
            ('outside = "_"', "_ _ _ a"),
            ('outside = ""', "O V ^ ^ , V ^"),
            ('scheme = "iob2"', "B-x I-x O O"),
        ],
    )
    def test_others_are_not(self, tmp_path: Path, toml: str, row: str) -> None:
        task = write(tmp_path, [row.split()] * 9, toml)
        kinds = {problem.kind for problem in check_tasks({"x": task})}
        assert kinds.isdisjoint(("plain-spans", "outside", "placeholder", "scheme"))


def run_of(task: Task, corpora: Mapping[str, Any], sharing: Sharing = "stl", seed: int = 1) -> Run:
    tasks = {name: task if name == task.name else Task(name=name) for name in corpora}
    indexed = {name: IndexedTask.of(splits) for name, splits in corpora.items()}
    config = RunConfig(
        tasks=tuple(corpora), sharing=sharing, seed=seed, vectors="random",
        model=ModelSettings(**SMALL), training=TrainingSettings(batch_size=4),
    )  # fmt: skip
    return prepare_run(config, tasks, indexed, Start())


class TestRun:
    def test_outside_is_part_of_run_vocabulary_and_signature(self) -> None:
        corpora = make_corpora(1, {"x": ["_", "a", "b"]})
        usual, other, none = (run_of(Task(name="x", outside=outside), corpora) for outside in ("O", "_", ""))
        assert len({usual.id, other.id, none.id}) == 3
        assert usual.id == run_of(Task(name="x"), corpora).id
        assert "outside" not in usual.vocabulary.to_json()
        for run, outside, said in ((usual, "O", "O"), (other, "_", "_"), (none, "", "none")):
            assert Vocabulary.from_json(run.vocabulary.to_json()) == run.vocabulary
            assert run.tagger.outside == {"x": outside}
            text = task_signature(run.config, run.id, run.tasks["x"], "dev", run.gold["dev"]["x"])
            assert f"|outside:{said}|" in text
        with pytest.raises(ModelError):
            Vocabulary.from_json({**other.vocabulary.to_json(), "outside": {"y": "_"}})

    def test_letters_alone_make_another_run_than_units_of_one_token(self) -> None:
        corpora = make_corpora(1, {"x": ["O", "B", "I"]})
        spans, tokens = (run_of(Task(name="x", scheme="iob2", score=score), corpora) for score in ("spans", "prefix"))
        assert spans.id != tokens.id
        for run, reading in ((spans, "spans"), (tokens, "prefix")):
            text = task_signature(run.config, run.id, run.tasks["x"], "dev", run.gold["dev"]["x"])
            assert f"|reading:{reading}|" in text

    @pytest.mark.parametrize("sharing", ["multi_dec", "te_dec", "te_enc"])
    def test_scores_of_a_run_leave_outside_out(self, sharing: Sharing) -> None:
        corpora = make_corpora(2, {"x": ["_", "_", "a"], "y": ["O", "b"]})
        task = Task(name="x", outside="_")
        run = run_of(task, corpora, sharing)
        found = run.evaluate("dev")
        gold = corpora["x"]["dev"]
        assert found["x"].total.support == sum(tag == "a" for sentence in gold for tag in sentence.labels)
        assert "_" not in found["x"].by_type
        assert found["x"].by_type.keys() >= {"a"}

    def test_the_tagger_the_page_and_the_api_leave_it_out(self) -> None:
        corpora = make_corpora(3, {"x": ["_", "a"], "y": ["O", "B-b", "I-b"]})
        tagger = run_of(Task(name="x", outside="_"), corpora, "multi_dec").tagger
        tagged = Tagged(("v", "w", "z"), {"x": ("_", "a", "a"), "y": ("O", "B-b", "I-b")})
        assert tagger.spans(tagged, "x") == [Span(1, 2, "a"), Span(2, 3, "a")]
        assert tagger.spans(tagged, "y") == [Span(1, 3, "b")]
        said = models_out({"m": tagger}, {}, Limits())["models"][0]["tasks"]
        assert [(task["name"], task["scheme"], task["outside"]) for task in said] == [
            ("x", "plain", "_"),
            ("y", "iob2", "O"),
        ]
        assert sentence_out(tagger, RequestSentence(0, tagged.tokens, None), tagged)["spans"] == {
            "y": [{"start": 1, "end": 3, "label": "b"}]
        }

    def test_the_baseline(self, tmp_path: Path) -> None:
        task = write(tmp_path, [["_", "a", "_", "_"]] * 3, 'outside = "_"')
        assert baseline_scores({"x": task}, ["x"], "test")["x"].total == Scores(3, 0, 0)
        bare = write(tmp_path, [["B", "I", "O"]] * 3, 'scheme = "iob2"')
        assert baseline_scores({"x": bare}, ["x"], "test")["x"].total == Scores(3, 0, 0)

    def test_a_pack_keeps_it(self, tmp_path: Path) -> None:
        draw = random.Random(1)
        rows = [[draw.choice(["_", "a", "b"]) for _ in range(4)] for _ in range(5)]
        task = write(tmp_path, rows, 'outside = "_"')
        corpora = load_corpora({"x": task}, ["x"])
        packed = ArchivedTask(
            name="x", scheme=task.trained_scheme, score=task.score, outside=task.trained_outside,
            splits=("train", "dev", "test"),
        )  # fmt: skip
        write_archive(tmp_path / "x.pack", Header(tasks=(packed,), vectors="random"), corpora, NO_VECTORS.rows)
        again = load_tasks(str(tmp_path / "x.pack"))["x"]
        assert (again.trained_scheme, again.trained_outside, again.score) == ("plain", "_", "plain")
        assert [s.labels for s in load_split(again, "test")] == [tuple(row) for row in rows]
        ids = [run_of(one, load_corpora({"x": one}, ["x"])).id for one in (task, again)]
        assert ids[0] == ids[1]


def test_scores_are_those_of_the_same_layer_with_o() -> None:
    """Another name for nothing changes no score."""
    draw = random.Random(4)
    gold = [Sentence(("w",) * 6, tuple(draw.choice(["_", "_", "a", "b"]) for _ in range(6))) for _ in range(50)]
    guess = [[tag if draw.random() < 0.7 else draw.choice(["_", "a", "b"]) for tag in s.labels] for s in gold]
    renamed = [[("O" if tag == "_" else tag or "") for tag in row] for row in guess]
    task = Task(name="x", outside="_")
    ours = score(gold_tags(gold, task), [[tag or "" for tag in row] for row in guess], "plain", "_")
    theirs = score([["O" if tag == "_" else tag for tag in s.labels] for s in gold], renamed, "plain")
    assert ours.total == theirs.total
    assert ours.total.support == sum(tag != "_" for s in gold for tag in s.labels)
