"""tagmates.study.plan, settings and cost: from a study's file to its runs, and how long they take."""

import hashlib
import json
import lzma
import os
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from itertools import combinations, pairwise
from math import comb
from pathlib import Path
from statistics import fmean
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from study_folders import make_record

from tagmates.config import MAX_SIZE, ModelSettings, RunConfig, Sharing, TrainingSettings
from tagmates.data.tasks import STARTER
from tagmates.errors import ConfigError, DataError, ModelError
from tagmates.study import speeds as timed_speeds
from tagmates.study.control import Control, ControlKind
from tagmates.study.cost import estimate
from tagmates.study.durations import parse_duration
from tagmates.study.locate import open_study
from tagmates.study.plan import Combination, OracleSets, Planned, combination_of, make_plan
from tagmates.study.published import PAPER_TASKS
from tagmates.study.run_filter import RunFilter, parse_shard
from tagmates.study.run_size import EPOCHS_BY_PATIENCE, Sizes, epoch_size, training_size, usual_epochs
from tagmates.study.settings import REGIMES, Method, Regime, StudySettings, read_study
from tagmates.study.speeds import recorded_speeds, time_sharings
from tagmates.study.store import FoundRuns, Store
from tagmates.study.timing import Timed
from tagmates.training.schedule import Schedule

METHODS: tuple[Method, ...] = get_args(Method)
STUDIES = Path(__file__).parents[2] / "studies"
NAMES = ("a", "b", "c", "d", "e", "f")


def study_of(**values: Any) -> StudySettings:
    return StudySettings(**{"vectors": "random", **values})


def plan_of(tasks: Sequence[str], sets: OracleSets | None = None, **values: Any) -> list[Planned]:
    return make_plan(study_of(**values), tasks, sets or {})


def settings_of(plan: Sequence[Planned]) -> set[tuple[str, frozenset[str]]]:
    return {(planned.config.sharing, frozenset(planned.config.tasks)) for planned in plan}


@st.composite
def studies(draw: st.DrawFn) -> tuple[StudySettings, tuple[str, ...], OracleSets]:
    """Any study of up to six tasks, with oracle sets for some of its tasks."""
    tasks = tuple(draw(st.permutations(NAMES)))[: draw(st.integers(1, 6))]
    methods = draw(st.lists(st.sampled_from(METHODS), min_size=1, unique=True))
    study = study_of(
        sharing=methods,
        regimes=draw(st.lists(st.sampled_from(REGIMES), min_size=1, unique=True)),
        seeds=draw(st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True)),
    )
    sets = {
        (method, task): tuple(other for other in tasks if other != task and draw(st.booleans()))
        for method in methods
        for task in tasks
        if draw(st.booleans())
    }
    return study, tasks, sets


def of_regime(regime: Regime, method: Method, tasks: Sequence[str], sets: OracleSets) -> list[frozenset[str]]:
    """Protocol section 5, in sets."""
    everything = frozenset(tasks)
    if regime == "single":
        return [frozenset([task]) for task in tasks]
    if regime == "pair":
        return [frozenset(pair) for pair in combinations(tasks, 2)]
    if regime == "all":
        return [everything]
    if regime == "all_but_one":
        return [everything - {task} for task in tasks if len(tasks) > 1]
    return [frozenset([task, *sets[method, task]]) for task in tasks if (method, task) in sets]


class TestPlan:
    @given(case=studies())
    def test_each_training_that_some_regime_needs_once(
        self, case: tuple[StudySettings, tuple[str, ...], OracleSets]
    ) -> None:
        study, tasks, sets = case
        needed = {
            regime: {
                ("stl" if len(chosen) == 1 else method, chosen)
                for method in study.sharing
                for chosen in of_regime(regime, method, tasks, sets)
            }
            for regime in study.regimes
        }
        plan = make_plan(study, tasks, sets)
        keys = [(p.config.sharing, frozenset(p.config.tasks), p.config.seed) for p in plan]
        wanted = {
            (*combination, seed)
            for combinations in needed.values()
            for combination in combinations
            for seed in study.seeds
        }
        assert len(keys) == len(set(keys))
        assert set(keys) == wanted
        assert len({p.name for p in plan}) == len(plan)
        for planned in plan:
            combination = planned.config.sharing, frozenset(planned.config.tasks)
            assert list(planned.regimes) == [r for r in REGIMES if r in needed and combination in needed[r]]
            assert planned.regime == planned.regimes[0]
            assert planned.combination == Combination(planned.config.sharing, planned.config.tasks)
            assert list(planned.config.tasks) == [task for task in tasks if task in planned.config.tasks]

    @given(case=studies())
    def test_stages_come_in_order_and_within_them_the_seeds(
        self, case: tuple[StudySettings, tuple[str, ...], OracleSets]
    ) -> None:
        study, tasks, sets = case
        plan = make_plan(study, tasks, sets)
        places = [(REGIMES.index(p.regime), study.seeds.index(p.config.seed)) for p in plan]
        assert places == sorted(places)
        for regime in study.regimes:  # every seed in the same order
            by_seed = [[p.combination for p in plan if (p.regime, p.config.seed) == (regime, s)] for s in study.seeds]
            assert all(one == other for one, other in pairwise(by_seed))

    @given(case=studies(), data=st.data())
    def test_the_order_of_tasks_methods_and_regimes_decides_nothing(
        self, case: tuple[StudySettings, tuple[str, ...], OracleSets], data: st.DataObject
    ) -> None:
        study, tasks, sets = case

        def known(study: StudySettings, tasks: Sequence[str]) -> set[tuple[Any, ...]]:
            plan = make_plan(study, tasks, sets)
            return {(p.config.sharing, frozenset(p.config.tasks), p.config.seed, p.regimes) for p in plan}

        turned = {key: data.draw(st.permutations(getattr(study, key))) for key in ("sharing", "regimes", "seeds")}
        other = study_of(**turned)
        assert known(study, tasks) == known(other, data.draw(st.permutations(tasks)))
        names = {planned.name for planned in make_plan(study, tasks, sets)}
        assert {planned.name for planned in make_plan(other, tasks, sets)} == names

    @settings(max_examples=30)
    @given(tasks=st.integers(1, 12), methods=st.integers(1, 3), seeds=st.integers(1, 3))
    def test_numbers(self, tasks: int, methods: int, seeds: int) -> None:
        names = [f"task{i}" for i in range(tasks)]
        plan = plan_of(names, sharing=METHODS[:methods], seeds=range(seeds))
        joint = {1: 0, 2: 1, 3: 3 + 1}.get(tasks, comb(tasks, 2) + 1 + tasks)
        assert len(plan) == seeds * (tasks + methods * joint)

    def test_two_tasks(self) -> None:
        """All is the pair, and all but one is one alone."""
        plan = plan_of(["a", "b"], seeds=[1], sharing=["te_dec"])
        assert [(str(p.combination), p.regimes) for p in plan] == [
            ("stl a", ("single", "all_but_one")),
            ("stl b", ("single", "all_but_one")),
            ("te_dec a+b", ("pair", "all")),
        ]

    def test_three_tasks(self) -> None:
        plan = plan_of(["a", "b", "c"], seeds=[1])
        assert [str(p.combination) for p in plan if "all_but_one" in p.regimes] == [
            "multi_dec a+b",
            "multi_dec a+c",
            "multi_dec b+c",
        ]

    def test_oracle_sets_of_none_and_of_one(self) -> None:
        sets: OracleSets = {
            ("multi_dec", "a"): (),
            ("multi_dec", "b"): ("d",),
            ("multi_dec", "c"): ("a", "d"),
            ("multi_dec", "d"): ("c", "a"),  # the same three
        }
        plan = plan_of("abcd", sets, seeds=[1])
        oracle = {str(p.combination): p.regimes for p in plan if "oracle" in p.regimes}
        assert oracle == {
            "stl a": ("single", "oracle"),
            "multi_dec b+d": ("pair", "oracle"),
            "multi_dec a+c+d": ("all_but_one", "oracle"),
        }
        assert len(plan_of("abcd", seeds=[1])) == len(plan)
        alone = plan_of("abcd", sets, seeds=[1], regimes=["oracle"])
        assert [str(p.combination) for p in alone] == ["stl a", "multi_dec b+d", "multi_dec a+c+d"]

    def test_one_task(self) -> None:
        assert [(str(p.combination), p.regimes) for p in plan_of(["a"], {("multi_dec", "a"): ()}, seeds=[1])] == [
            ("stl a", ("single", "all", "oracle"))
        ]
        assert plan_of(["a"], regimes=["pair", "all_but_one"]) == []

    def test_one_alone_is_stl_whatever_the_method(self) -> None:
        assert {combination_of(method, ["b"], "abc") for method in METHODS} == {Combination("stl", ("b",))}
        assert combination_of("te_enc", ["c", "a"], "abc") == Combination("te_enc", ("a", "c"))


class TestConfigs:
    def test_every_training_has_the_settings_of_the_study(self) -> None:
        model, training = ModelSettings(hidden_size=9), TrainingSettings(batch_size=8, epoch_updates=4, max_updates=9)
        plan = plan_of("abc", model=model, training=training, seeds=[4, 2], sharing=["te_enc"], vectors="glove")
        for planned in plan:
            config = planned.config
            assert (config.model, config.training, config.vectors) == (model, training, "glove")
            assert config.sharing == ("stl" if len(config.tasks) == 1 else "te_enc")
        assert {planned.config.seed for planned in plan} == {2, 4}

    def test_a_training_has_the_loss_weights_of_its_own_tasks(self) -> None:
        training = TrainingSettings(loss_weights={"a": 0.5, "c": 2})
        for planned in plan_of("abc", training=training):
            own = {task: weight for task, weight in {"a": 0.5, "c": 2.0}.items() if task in planned.config.tasks}
            assert planned.config.training.loss_weights == own
        assert training.loss_weights == {"a": 0.5, "c": 2}

    def test_a_loss_weight_of_no_task(self) -> None:
        training = TrainingSettings(loss_weights={"chunks": 0.5})
        with pytest.raises(ConfigError, match=r"loss_weights names 'chunks' \(did you mean 'chunk'\?\), no task of"):
            plan_of(["chunk", "ner"], training=training)

    def test_a_batch_too_small_for_all_tasks(self) -> None:
        training = TrainingSettings(batch_size=2)
        with pytest.raises(ConfigError, match=r"multi_dec a\+b\+c: training.batch_size 2 is smaller than") as caught:
            plan_of("abc", training=training)
        assert "\n" not in str(caught.value)
        assert len(plan_of("abc", training=training, regimes=["single", "pair"], seeds=[1])) == 6


ODD = ("feats:Number", "Füße", "..", "-x", "a|b", "a*?", "[red]", "%s", "it's", '"', "😀" * 300, "名前", "CON", "a\0b")


class TestNames:
    def test_are_what_they_were(self) -> None:
        """Pinned: a new name would train a finished study again."""
        training = TrainingSettings(batch_size=8, weights="last")
        plan = plan_of("abcd", vectors="glove", seeds=[2], regimes=["single", "pair", "all"], training=training)
        changed = '"seed": 2, {}"tasks": [{}], "training": {{"batch_size": 8}}'
        texts = {
            "stl-a-2": changed.format('"sharing": "stl", ', '"a"'),
            "multi_dec-a+b-2": changed.format("", '"a", "b"'),
            "multi_dec-4-tasks-2": changed.format("", '"a", "b", "c", "d"'),
        }
        names = [f"{name}-{hashlib.sha256(f'{{{text}}}'.encode()).hexdigest()[:8]}" for name, text in texts.items()]
        assert [plan[0].name, plan[4].name, plan[-1].name] == names
        assert names[0] == "stl-a-2-78d5f2e1"

    def test_say_what_is_trained(self) -> None:
        for planned in plan_of("abcd", seeds=[7], sharing=METHODS):
            config = planned.config
            tasks = "+".join(config.tasks) if len(config.tasks) < 4 else "4-tasks"
            assert re.fullmatch(rf"{config.sharing}-{re.escape(tasks)}-7-[0-9a-f]{{8}}", planned.name)

    @pytest.mark.parametrize("name", ODD)
    def test_are_safe_as_names_of_folders(self, tmp_path: Path, name: str) -> None:
        plan = plan_of([name, f"{name}2", "plain"], seeds=[1])
        for planned in plan:
            assert re.fullmatch(r"[\w.+-]+", planned.name)
            (tmp_path / planned.name).mkdir()
            # the store adds a time to those that it sets aside
            (tmp_path / f"{planned.name}-1234567890123456789").mkdir()
        assert len(list(tmp_path.iterdir())) == 2 * len(plan)

    def test_a_setting_that_is_new_one_day_renames_no_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class LaterTraining(TrainingSettings):
            momentum: float = 0.9

        class LaterConfig(RunConfig):
            training: LaterTraining = LaterTraining()
            lanes: int = 4

        study = study_of(training=TrainingSettings(batch_size=8), model=ModelSettings(layers=3))
        before = [p.name for p in make_plan(study, "abc", {})]
        monkeypatch.setattr("tagmates.study.plan.RunConfig", LaterConfig)
        later = study.model_copy(update={"training": LaterTraining(batch_size=8)})
        plan = make_plan(later, "abc", {})
        assert isinstance(plan[0].config, LaterConfig)
        assert [p.name for p in plan] == before
        changed = study.model_copy(update={"training": LaterTraining(batch_size=8, momentum=0.5)})
        assert not {p.name for p in make_plan(changed, "abc", {})} & set(before)

    @pytest.mark.parametrize(
        "values",
        [
            {"vectors": "glove"},
            {"model": {"hidden_size": 301}},
            {"training": {"max_updates": 5}},
            {"training": {"loss_weights": {"a": 2, "b": 2, "c": 2}}},
            {"seeds": [4, 5]},
        ],
    )
    def test_differ_where_settings_do(self, values: dict[str, Any]) -> None:
        names = [{p.name for p in plan_of("abc", **{"seeds": [1, 2], **v})} for v in ({}, values)]
        assert not names[0] & names[1]

    def test_do_not_change_with_what_else_is_in_the_study(self) -> None:
        """Seeds, tasks, methods or regimes that come later find what is there."""
        few = plan_of("abc", seeds=[1], regimes=["single", "pair"])
        many = plan_of("dabc", seeds=[3, 1], sharing=METHODS, k=2, oracle_sets="test", data="elsewhere")
        assert {p.name for p in few} < {p.name for p in many}


def study_file(folder: Path, text: str, name: str = "mine.toml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


class TestReading:
    @pytest.mark.parametrize("path", sorted(STUDIES.glob("*.toml")), ids=lambda path: path.stem)
    def test_the_studies_that_come_with_tagmates(self, path: Path) -> None:
        assert read_study(path)

    def test_the_study_of_the_paper_is_the_protocol(self) -> None:
        study = read_study(STUDIES / "paper.toml")
        assert study == StudySettings(
            tasks=PAPER_TASKS, sharing=("multi_dec", "te_dec", "te_enc"), oracle_sets="test", seeds=(1, 2, 3)
        )
        assert (study.k, study.std, study.regimes) == (1.5, "population", REGIMES)
        assert (study.model, study.training, study.vectors) == (ModelSettings(), TrainingSettings(), "glove")
        assert make_plan(study, study.tasks, {})[0].config == RunConfig(tasks=("upos",), sharing="stl")

    @pytest.mark.parametrize("kind", ["equal-updates", "equal-exposure"])
    def test_the_files_of_the_controls_are_what_one_step_makes_of_the_study(self, kind: ControlKind) -> None:
        control, paper = read_study(STUDIES / f"{kind}.toml"), read_study(STUDIES / "paper.toml")
        assert Control(kind, 15_000).settings(paper) == control

    def test_defaults_suit_ones_own_tasks(self, tmp_path: Path) -> None:
        assert read_study(study_file(tmp_path, "")) == StudySettings()
        assert (StudySettings().oracle_sets, StudySettings().tasks) == ("dev", ())

    def test_a_preset_and_what_stands_over_it(self, tmp_path: Path) -> None:
        text = "preset = 'practical'\n[training]\nbatch_size = 8\nweights = 'last'\n"
        path = study_file(tmp_path, text)
        assert read_study(path).training == TrainingSettings(
            batch_size=8,
            bucketed=True,
            unknown_rate=0.5,
            patience="strict",
            min_epoch_updates=30,
            min_learning_rate=1e-5,
        )
        assert read_study(path, ["preset=paper"]).training == TrainingSettings(batch_size=8)

    def test_overrides(self, tmp_path: Path) -> None:
        path = study_file(tmp_path, "seeds = [1, 2]\ntasks = ['a', 'b']\n[model]\nhidden_size = 9\nlayers = 1\n")
        study = read_study(path, ["seeds=[3]", "model.hidden_size=10", "oracle_sets=test", "training.max_updates=7"])
        assert (study.seeds, study.tasks, study.oracle_sets) == ((3,), ("a", "b"), "test")
        assert study.model == ModelSettings(hidden_size=10, layers=1)
        assert study.training == TrainingSettings(max_updates=7)
        assert read_study(path, ["training.loss_weights.a=2"]).training.loss_weights == {"a": 2}
        assert read_study(path, ["seeds=[3]", "seeds=[4]"]).seeds == (4,)

    def test_paths_are_relative_to_the_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        study_file(tmp_path / "some", "data = 'corpus'\nvectors = '../v.txt'\n")
        for path in (Path("some/mine.toml"), tmp_path / "some" / "mine.toml"):
            study = read_study(path)
            assert (study.data, study.vectors) == (str(tmp_path / "some" / "corpus"), str(tmp_path / "v.txt"))

    def test_names_and_absolute_paths_stay(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", "/home/somebody")
        for data, vectors in (("starter", "random"), ("", "glove"), ("/somewhere/else", "/v.txt"), ("~/d", "~/v")):
            study = read_study(study_file(tmp_path, f"data = '{data}'\nvectors = '{vectors}'\n"))
            assert study.data == data.replace("~", "/home/somebody")
            assert study.vectors == vectors.replace("~", "/home/somebody")

    @pytest.mark.parametrize(
        ("text", "pattern"),
        [
            ("sharng = ['te_dec']", r"unknown key 'sharng' (did you mean 'sharing'?)"),
            ("[training]\nepoch_update = 5", "unknown key 'training.epoch_update' (did you mean 'epoch_updates'?)"),
            ("[model]\nhiden_size = 5", "unknown key 'model.hiden_size' (did you mean 'hidden_size'?)"),
            ("[trainng]\nbatch_size = 5", "unknown key 'trainng' (did you mean 'training'?)"),
            ("preset = 'papr'", "mine.toml: preset papr: no such preset (did you mean 'paper'?)"),
            ("preset = 3", "mine.toml: preset 3: no such preset"),
            ("tasks = 'upos'", "tasks: "),
            ("tasks = ['a', 'b', 'a']", "tasks names 'a' twice; name each once"),
            ("seeds = [1, 1]", "seeds names 1 twice"),
            ("seeds = [-1]", "seeds.0: Input should be greater than or equal to 0, not -1"),
            ("seeds = []", "seeds: "),
            ("sharing = ['stl']", "sharing.0: Input should be 'multi_dec', 'te_dec' or 'te_enc', not 'stl'"),
            ("regimes = ['pairs']", "regimes.0: Input should be 'single', 'pair', 'all'"),
            ("oracle_sets = 'train'", "oracle_sets: Input should be 'dev', 'test' or 'published', not 'train'"),
            ("k = -0.5", "k: Input should be greater than or equal to 0"),
            ("k = nan", "k: Input should be a finite number"),
            ("std = 'n'", "std: Input should be 'population' or 'sample', not 'n'"),
            ("data = 5", "data: Input should be a valid string, not 5"),
            ("training = 5", "training: "),
            (f"[model]\nhidden_size = {MAX_SIZE + 1}", "model.hidden_size: Input should be less than or equal"),
            ("[training]\nmax_updates = 0", "training.max_updates: Input should be greater than or equal to 1, not 0"),
            ("seeds = [1", "is not valid TOML"),
        ],
    )
    def test_what_cannot_be_names_the_file_and_the_key(self, tmp_path: Path, text: str, pattern: str) -> None:
        path = study_file(tmp_path, text)
        with pytest.raises(ConfigError, match=re.escape(pattern)) as caught:
            read_study(path)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"none\.toml: cannot be read \(No such file or directory\)"):
            read_study(tmp_path / "none.toml")

    def test_an_override_of_no_key(self, tmp_path: Path) -> None:
        path = study_file(tmp_path, "")
        with pytest.raises(ConfigError, match=r"unknown key 'sedes' \(did you mean 'seeds'\?\)"):
            read_study(path, ["sedes=[1]"])
        with pytest.raises(ConfigError, match="--set seeds: write key=value"):
            read_study(path, ["seeds"])

    def test_an_override_without_its_table(self, tmp_path: Path) -> None:
        """The file may have this key in its table, so the message names the option and the table."""
        path = study_file(tmp_path, "[training]\nmax_epochs = 4\n")
        with pytest.raises(ConfigError) as caught:
            read_study(path, ["k=2", "max_epochs=3"])
        assert str(caught.value) == (
            f"{path}, with --set of k, max_epochs: unknown key 'max_epochs' (did you mean 'training.max_epochs'?)"
        )

    def test_settings_come_back_from_json(self, tmp_path: Path) -> None:
        """As study.json keeps them."""
        study = read_study(STUDIES / "equal-updates.toml", ["training.loss_weights.com=0.5", "k=2"])
        assert StudySettings.model_validate(json.loads(json.dumps(study.model_dump(mode="json")))) == study


class TestSelection:
    PLAN = plan_of("abcd", {("te_dec", "a"): ("b", "c", "d")}, sharing=["multi_dec", "te_dec"], seeds=[1, 2])

    @given(
        sharing=st.lists(st.sampled_from(["stl", *METHODS]), unique=True),
        regimes=st.lists(st.sampled_from(REGIMES), unique=True),
        tasks=st.lists(st.sampled_from(NAMES), unique=True),
        seeds=st.lists(st.integers(1, 3), unique=True),
    )
    def test_filters(self, sharing: list[Any], regimes: list[Regime], tasks: list[str], seeds: list[int]) -> None:
        chosen = RunFilter(sharing, regimes, tasks, seeds)(self.PLAN)
        assert chosen == [planned for planned in self.PLAN if planned in chosen]  # in order, nothing twice
        for planned in self.PLAN:
            config = planned.config
            wanted = [
                not sharing or config.sharing == "stl" or config.sharing in sharing,
                not regimes or any(regime in planned.regimes for regime in regimes),
                not tasks or all(task in tasks for task in config.tasks),
                not seeds or config.seed in seeds,
            ]
            assert (planned in chosen) == all(wanted)

    def test_a_regime_that_shares_its_trainings_with_an_earlier_one(self) -> None:
        """Of two tasks All is the pair; who asks for it is to get it."""
        plan = plan_of("ab", seeds=[1])
        assert [str(p.combination) for p in RunFilter(regimes=["all"])(plan)] == ["multi_dec a+b"]
        plan = plan_of("abc", seeds=[1])
        assert len(RunFilter(regimes=["all_but_one"])(plan)) == 3

    @given(parts=st.integers(1, 80), seeds=st.sampled_from([(), (1,)]))
    def test_shards_are_parts_of_what_is_selected(self, parts: int, seeds: tuple[int, ...]) -> None:
        shards = [RunFilter(seeds=seeds, shard=(part, parts))(self.PLAN) for part in range(1, parts + 1)]
        whole = RunFilter(seeds=seeds)(self.PLAN)
        assert Counter(p.name for shard in shards for p in shard) == Counter(p.name for p in whole)

    def test_shards_are_about_equal(self) -> None:
        plan = make_plan(read_study(STUDIES / "paper.toml"), PAPER_TASKS, {})
        sizes = [len(RunFilter(shard=(part, 8))(plan)) for part in range(1, 9)]
        assert sum(sizes) == len(plan) == 636
        assert 60 <= min(sizes) <= max(sizes) <= 100

    @given(parts=st.integers(1, 9), data=st.data())
    def test_no_longer_plan_moves_a_training_to_another_shard(self, parts: int, data: st.DataObject) -> None:
        """As when an oracle set becomes known, or part of the study is asked for."""
        some = data.draw(st.lists(st.sampled_from(self.PLAN), unique_by=lambda planned: planned.name))
        select = RunFilter(shard=(data.draw(st.integers(1, parts)), parts))
        whole = select(self.PLAN)
        assert select(some) == [planned for planned in some if planned in whole]

    @given(parts=st.integers(1, 1000), data=st.data())
    def test_a_shard_is_read(self, parts: int, data: st.DataObject) -> None:
        part = data.draw(st.integers(1, parts))
        assert parse_shard(f"{part}/{parts}") == (part, parts)

    @pytest.mark.parametrize("text", ["0/2", "3/2", "2", "/", "1/0", "0/0", "-1/2", "1/2/3", "a/b", "1 / 2", ""])
    def test_no_shard(self, text: str) -> None:
        with pytest.raises(ConfigError, match=r"--shard .*: write PART/PARTS, for instance 2/8"):
            parse_shard(text)

    @given(parts=st.dictionaries(st.sampled_from("dhms"), st.integers(0, 10**6), min_size=1))
    def test_durations(self, parts: dict[str, int]) -> None:
        text = "".join(f"{parts[unit]}{unit}" for unit in "dhms" if unit in parts)
        assert parse_duration(text) == sum(
            parts.get(unit, 0) * seconds for unit, seconds in zip("dhms", (86400, 3600, 60, 1), strict=True)
        )

    def test_durations_as_people_write_them(self) -> None:
        assert {text: parse_duration(text) for text in ("90", " 45s", "25m", "1h30m", "2d", "1m30")} == {
            "90": 90,
            " 45s": 45,
            "25m": 1500,
            "1h30m": 5400,
            "2d": 172800,
            "1m30": 90,
        }

    @pytest.mark.parametrize("text", ["soon", "", " ", "-5", "1.5h", "30m1h", "5 minutes", "1h 30m", "h", "9" * 400])
    def test_no_duration(self, text: str) -> None:
        with pytest.raises(ConfigError, match=r"--time-limit .*: write a time such as 45s, 25m, 1h30m or 2d"):
            parse_duration(text)


SIZES: Sizes = {"a": (100, 10.0), "b": (40, 5.0)}


def speeds_of(**speeds: float) -> dict[Sharing, Timed]:
    return {sharing: Timed(speed, float("inf"), 0.0) for sharing, speed in speeds.items()}  # type: ignore[misc]


class TestCost:
    """Of a plan: counted by hand."""

    @pytest.mark.parametrize(
        ("tasks", "training", "epochs", "expected"),
        [
            ("a", {}, 1, (4, 1000)),  # 100 sentences
            ("ab", {}, 1, (2, 32 * 10 + 32 * 5)),  # 40 // 16 updates of 16 each
            ("ab", {}, 30, (60, 30 * 480)),
            ("ab", {"max_epochs": 10}, 30, (20, 10 * 480)),
            ("a", {"epoch_updates": 5}, 2, (10, 2 * 160 * 10)),
            ("a", {"epoch_updates": 5, "max_updates": 20}, 2, (20, 4 * 160 * 10)),
            ("ab", {"max_updates": 9, "max_epochs": 1}, 2, (9, 9 * 16 * 15)),
            ("ab", {"epoch_updates": 5, "max_updates": 7}, 30, (7, 7 * 16 * 15)),
            ("ab", {"batch_per_task": True}, 3, (3, 3 * 32 * 15)),
            ("ab", {"epoch_updates": 5, "max_updates": 7, "batch_per_task": True}, 30, (7, 7 * 32 * 15)),
        ],
    )
    def test_a_training(self, tasks: str, training: dict[str, Any], epochs: float, expected: tuple[int, float]) -> None:
        config = RunConfig(tasks=tuple(tasks), training=TrainingSettings(**training))
        updates, tokens = training_size(config, SIZES, epochs)
        assert (updates, tokens) == (expected[0], pytest.approx(expected[1]))

    def test_the_tokens_of_a_drawn_epoch_are_those_of_a_mean_one(self) -> None:
        training = TrainingSettings(sampling="temperature", temperature=1e9)
        updates, tokens = epoch_size(RunConfig(tasks=("a", "b"), training=training), SIZES)
        assert updates == 5
        assert tokens == pytest.approx(5 * 32 * 7.5)

    def test_a_plan(self) -> None:
        plan = plan_of("ab", seeds=[1])
        cost = estimate(plan, SIZES, speeds_of(stl=100, multi_dec=50), FoundRuns(), "somewhere")
        epochs = EPOCHS_BY_PATIENCE[-1]  # the paper's patience is 10
        assert cost.seconds == pytest.approx(epochs * (1000 / 100 + 200 / 100 + 480 / 50))
        assert cost.updates == round(epochs * 4) + 2 * round(epochs * 2)
        assert (cost.epochs, cost.measured) == (pytest.approx(epochs), "somewhere")

    def test_the_assumed_epochs_are_those_of_the_runs_of_the_paper(self) -> None:
        with lzma.open(Path(__file__).parents[2] / "docs" / "runs" / "paper.jsonl.xz", "rt") as rows:
            records = [record for record in map(json.loads, rows) if "metrics" in record]
        runs = [[epoch["dev_mean"] for epoch in record["metrics"]] for record in records]
        for patience, assumed in enumerate(EPOCHS_BY_PATIENCE, 1):
            mean = fmean(self.epochs_until(scores, patience) for scores in runs)
            assert assumed == pytest.approx(mean, abs=1)

    def epochs_until(self, scores: list[float], patience: int) -> int:
        settings = TrainingSettings(stopping_patience=patience)
        schedule = Schedule(settings.learning_rate)
        for score in scores:
            schedule.step(score, settings)
            if schedule.why_stop(settings, updates=0) == "patience":
                break
        return len(schedule.scores)

    @pytest.mark.parametrize(("patience", "epochs"), [(1, 5.9), (4, 15.6), (10, 28.3), (15, 33.3)])
    def test_a_longer_patience_makes_longer_runs(self, patience: int, epochs: float) -> None:
        config = RunConfig(tasks=("a",), training=TrainingSettings(stopping_patience=patience))
        assert usual_epochs(config) == pytest.approx(epochs)

    @pytest.mark.parametrize(
        ("training", "epochs"), [({"max_epochs": 7}, 7), ({"max_updates": 40}, (40 / 4 + 40 / 2 + 40 / 2) / 3)]
    )
    def test_trainings_that_last_as_their_settings_say(self, training: dict[str, Any], epochs: float) -> None:
        plan = plan_of("ab", seeds=[1], training=TrainingSettings(**training))
        cost = estimate(plan, SIZES, speeds_of(stl=1, multi_dec=1), FoundRuns(), "")
        assert cost.epochs == pytest.approx(epochs)
        assert cost.updates == (7 * (4 + 2 + 2) if "max_epochs" in training else 3 * 40)

    def test_epochs_are_those_of_the_runs_that_ended(self) -> None:
        plan = plan_of("ab", seeds=[1])
        done = {p.name: make_record(p, {}, epochs=e) for p, e in zip(plan, (10, 20), strict=False)}
        cost = estimate(plan[2:], SIZES, speeds_of(multi_dec=50), FoundRuns(done), "")
        assert (cost.epochs, cost.updates, cost.seconds) == (15, 30, pytest.approx(15 * 480 / 50))

    def test_dev_after_every_epoch_test_at_the_end_and_preparation_count(self) -> None:
        plan = plan_of("ab", seeds=[1], training=TrainingSettings(max_epochs=10))
        speeds = {sharing: Timed(100.0, 200.0, 3.0) for sharing in ("stl", "multi_dec")}
        cost = estimate(plan, SIZES, speeds, FoundRuns(), "", {"a": (400, 800), "b": (0, 600)})  # type: ignore[arg-type]
        trained = 10 * (1000 + 200 + 480) / 100
        assert cost.seconds == pytest.approx(trained + 2 * (11 * 400 + 800 + 600) / 200 + 3 * 3)

    def test_workers_take_the_next_run_when_they_are_free(self) -> None:
        plan = plan_of("ab", seeds=[1], training=TrainingSettings(max_epochs=1))
        speeds = speeds_of(stl=100, multi_dec=48)  # 10, 2 and 10 seconds
        elapsed = [estimate(plan, SIZES, speeds, FoundRuns(), "", {}, n).elapsed for n in (1, 2, 3, 9)]
        assert elapsed == [pytest.approx(seconds) for seconds in (22, 12, 10, 10)]

    def test_the_range_is_wider_while_the_number_of_epochs_is_not_known(self) -> None:
        unknown, fixed = (
            estimate(plan_of("a", training=training), SIZES, speeds_of(stl=1), FoundRuns(), "")
            for training in (TrainingSettings(), TrainingSettings(max_updates=9))
        )
        assert unknown.low < fixed.low < 1 < fixed.high < unknown.high

    def test_runs_of_all_sizes_are_timed_in_as_many_processes_as_will_run(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given: list[Any] = []

        def timed(assigned: Any, data: str) -> list[list[Timed]]:
            given.extend(assigned)
            return [[Timed(100.0 / len(config.tasks), 50.0, 1.0) for config in own] for own in assigned]

        monkeypatch.setattr(timed_speeds, "time_together", timed)
        sizes: Sizes = {name: (100 * 2**i, 10.0) for i, name in enumerate(NAMES)}
        configs = {
            sharing: [p.config for p in plan_of(NAMES, seeds=[1]) if p.config.sharing == sharing]
            for sharing in ("stl", "multi_dec")
        }
        found = time_sharings(configs, sizes, "data", 3)  # type: ignore[arg-type]
        assert [[config.sharing for config in own] for own in given] == [["stl"] * 2 + ["multi_dec"] * 2] * 3
        alone = [config.tasks for own in given for config in own[:2]]
        assert alone.count(("f",)) == 3  # it has half of all tokens
        assert len(set(alone)) > 2
        assert found["stl"] == Timed(pytest.approx(100), 50, 1)

    def test_speeds_are_those_of_the_epochs_so_far(self, tmp_path: Path) -> None:
        plan, store = plan_of("ab", seeds=[1, 2]), Store(tmp_path)
        done = {plan[0].name: make_record(plan[0], {}, epochs=10, seconds=40.0)}
        for planned, seconds in ((plan[1], 7.0), (plan[4], 96.0)):  # stl b, multi_dec a+b
            store.folder(planned.name).mkdir(parents=True)
            lines = ({"epoch": epoch, "seconds": seconds * epoch / 3} for epoch in (1, 2, 3))
            (store.folder(planned.name) / "metrics.jsonl").write_text("".join(f"{json.dumps(e)}\n" for e in lines))
        assert recorded_speeds(plan, store, FoundRuns(done), SIZES) == {
            "stl": pytest.approx((10 * 1000 + 3 * 200) / (40 + 7)),
            "multi_dec": pytest.approx(3 * 480 / 96),
        }
        assert recorded_speeds(plan_of("c"), store, FoundRuns(), SIZES) == {}


class TestOpening:
    def test_the_file_and_its_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        path = study_file(tmp_path / "some", "data = 'starter'\n")
        study = open_study(path)
        assert (study.name, study.store.root, study.data) == ("mine", Path("runs/mine"), "starter")
        assert set(study.tasks) == set(PAPER_TASKS)
        assert study.settings.tasks == study.tasks
        assert open_study(path, output_dir=Path("there")).store.root == Path("there")
        study.store.start(study.settings, "starter", {}, "random")
        again = open_study(Path("runs/mine"))
        assert (again.settings, again.tasks, again.data) == (study.settings, study.tasks, study.data)
        assert open_study(None) == again
        monkeypatch.chdir("runs/mine")
        assert open_study(Path()).name == "mine"

    def test_the_last_begun_of_several(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ModelError, match="runs: holds no study; name its file or folder"):
            open_study(None)
        for time, name in enumerate(("one", "two", "three")):
            study = open_study(study_file(tmp_path, "data = 'starter'\n", f"{name}.toml"))
            study.store.start(study.settings, "starter", {}, "random")
            when = 10**9 + 100 * (time if name != "two" else 9)
            os.utime(tmp_path / "runs" / name / "study.json", (when, when))
        assert open_study(None).name == "two"

    def test_where_the_data_are(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        own, none = study_file(tmp_path, "data = 'starter'\n"), study_file(tmp_path, "tasks = ['upos']", "none.toml")
        assert open_study(none).data == ""
        assert open_study(none, fallback="starter").data == "starter"
        assert open_study(own, fallback="elsewhere").data == "starter"
        begun = open_study(none, data="starter")
        begun.store.start(begun.settings, "/known", {}, "random")
        assert open_study(none, fallback="elsewhere").data == "/known"
        begun.store.start(begun.settings, "", {}, "random")  # of a folder that was made public
        assert open_study(none, fallback="starter").data == open_study(begun.store.root, fallback="starter").data
        with pytest.raises(DataError, match="elsewhere: no such file or folder"):
            open_study(own, data="elsewhere")

    @pytest.mark.parametrize(
        ("text", "pattern"),
        [
            ("", "mine: names no tasks and no data; say --data, or tasks and data in the study's file"),
            ("data = 'starter'\ntasks = ['upos', 'chnk']", r"no task 'chnk' \(did you mean 'chunk'\?\); there are"),
            (
                "oracle_sets = 'published'\ntasks = ['upos', 'pos']",
                r"the paper has no task 'pos' \(did you mean 'xpos'",
            ),
        ],
    )
    def test_what_cannot_be(self, tmp_path: Path, text: str, pattern: str) -> None:
        with pytest.raises(ConfigError, match=pattern):
            open_study(study_file(tmp_path, text))

    def test_a_study_is_read_without_its_data(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its folder may have been sent by somebody else."""
        monkeypatch.chdir(tmp_path)
        shutil.copytree(STARTER.parent, "corpus")
        study = open_study(study_file(tmp_path, "data = 'corpus'\n"))
        study.store.start(study.settings, study.data, {}, "random")
        shutil.rmtree("corpus")
        again = open_study(Path("runs/mine"))
        assert (again.tasks, again.data) == (study.tasks, str(tmp_path / "corpus"))
        with pytest.raises(DataError, match="elsewhere: no such file or folder"):
            open_study(Path("runs/mine"), data="elsewhere")
        with pytest.raises(DataError, match="corpus: no such file or folder"):
            open_study(Path("mine.toml"))  # which names no tasks

    def test_sets_chosen_on_test_need_test_sentences(self, tmp_path: Path) -> None:
        (tmp_path / "tasks.toml").write_text(
            "train = 'x'\ndev = 'x'\n[tasks.one]\n[tasks.two]\ntest = 'x'\n", encoding="utf-8"
        )
        path = study_file(tmp_path, "data = '.'\n")
        assert open_study(path).tasks == ("one", "two")
        with pytest.raises(ConfigError, match=r"mine: oracle_sets: one has no test split in .*; choose dev"):
            open_study(path, overrides=["oracle_sets=test"])
        assert open_study(path, overrides=["oracle_sets=test", "tasks=['two']"]).tasks == ("two",)

    def test_a_folder_takes_no_settings(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="is a study's folder; --set and --output-dir go with its TOML file"):
            open_study(tmp_path, overrides=["seeds=[1]"])
        with pytest.raises(ModelError, match=r"holds no study; begin it with: tagmates study run FILE\.toml"):
            open_study(tmp_path)


def test_runs_that_failed_are_not_pending() -> None:
    plan = plan_of("ab", seeds=[1])
    first, *others = plan
    assert FoundRuns({}, {first.name: "no memory"}).pending(plan) == others
