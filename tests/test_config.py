"""tagmates.config, settings_parsing and run_id: which settings are accepted, which take precedence, and messages."""

import re
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tagmates.config import PRESETS, ModelSettings, RunConfig, Settings, TrainingSettings
from tagmates.errors import ConfigError, TagmatesError
from tagmates.formatting import suggestion
from tagmates.run_id import former_run_id, run_id
from tagmates.settings_parsing import parse, read_toml, resolve

HASHES = {"pos": "1f", "ner": "2e", "vectors": "3d"}


def resolved(*overrides: str, preset: str = "paper", file: Path | None = None, **given: Any) -> RunConfig:
    return resolve(preset, file, overrides, {"tasks": ["pos", "ner"], **given})


def refused(*overrides: str, **more: Any) -> str:
    """The message of the ConfigError: one line, and nothing of what lies beneath it in the traceback."""
    with pytest.raises(ConfigError) as caught:
        resolved(*overrides, **more)
    assert isinstance(caught.value, TagmatesError)
    assert "\n" not in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value))
    assert "During handling" not in shown
    assert "direct cause" not in shown
    return str(caught.value)


def toml(folder: Path, text: str | bytes) -> Path:
    path = folder / "run.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


class TestPresets:
    def test_paper_is_the_protocol(self) -> None:
        config = resolved()
        assert config == RunConfig(tasks=("pos", "ner"))
        assert config.model == ModelSettings(
            word_size=50,
            character_size=25,
            character_hidden_size=25,
            character_layers=2,
            character_dropout=0.25,
            hidden_size=300,
            layers=2,
            dropout=0.5,
            task_size=25,
        )
        assert config.training == TrainingSettings(
            batch_size=32,
            sampling="balanced",
            bucketed=False,
            loss_weights={},
            learning_rate=1e-3,
            transition_l2=0.01,
            clip_norm=5,
            max_epochs=100,
            halving_patience=2,
            stopping_patience=10,
            weights="last",
            unknown_rate=0,
        )
        assert config.vectors == "glove"

    def test_practical_differs_where_a_user_wants_another_tagger(self) -> None:
        paper, practical = resolved().training.model_dump(), resolved(preset="practical").training.model_dump()
        assert {key: value for key, value in practical.items() if value != paper[key]} == {
            "weights": "best",
            "bucketed": True,
            "unknown_rate": 0.5,
            "patience": "strict",
            "min_epoch_updates": 30,
            "min_learning_rate": 1e-5,
        }

    def test_a_preset_stays_as_it_is(self) -> None:
        before = str(PRESETS)
        resolved("training.weights=last", preset="practical", training={"bucketed": False})
        assert str(PRESETS) == before

    def test_unknown(self) -> None:
        message = refused(preset="papers")
        assert message.startswith("--preset papers: no such preset (did you mean 'paper'?)")
        assert "practical" in message
        assert "did you mean" not in refused(preset="zzz")


class TestOverrides:
    def test_given_over_set_over_file_over_preset(self, tmp_path: Path) -> None:
        path = toml(
            tmp_path,
            'seed = 2\nvectors = "random"\nsharing = "te_dec"\n[training]\nbatch_size = 8\nweights = "last"\n',
        )
        config = resolved("seed=3", "training.batch_size=9", preset="practical", file=path, seed=4, sharing=None)
        assert (config.seed, config.training.batch_size, config.training.weights) == (4, 9, "last")
        assert (config.vectors, config.sharing) == ("random", "te_dec")
        assert config.training.bucketed  # of the preset: tables are merged, not replaced

    def test_a_later_set_wins(self) -> None:
        assert resolved("seed=3", "seed=5").seed == 5
        config = resolved("training.batch_size=9", "training.max_epochs=3")
        assert (config.training.batch_size, config.training.max_epochs) == (9, 3)

    @pytest.mark.parametrize(
        ("override", "path", "value"),
        [
            ("seed=7", "seed", 7),
            (" seed = 7 ", "seed", 7),
            ("training.learning_rate=2e-3", "training.learning_rate", 2e-3),
            ("training.learning_rate=1", "training.learning_rate", 1.0),
            ("training.bucketed=true", "training.bucketed", True),
            ("vectors=random", "vectors", "random"),
            ('vectors="random"', "vectors", "random"),
            ("vectors=/data/my vectors=50.txt", "vectors", "/data/my vectors=50.txt"),
            ("sharing=te_enc", "sharing", "te_enc"),
            ('tasks=["ner"]', "tasks", ("pos", "ner")),  # the tasks that are given win
            ("training.loss_weights.ner=0.5", "training.loss_weights", {"ner": 0.5}),
            ("training.loss_weights={ner = 2, pos = 1}", "training.loss_weights", {"ner": 2, "pos": 1}),
            ("model.dropout=0", "model.dropout", 0),
        ],
    )
    def test_values(self, override: str, path: str, value: Any) -> None:
        found: Any = resolved(override)
        for part in path.split("."):
            found = getattr(found, part)
        assert found == value

    def test_tasks_may_come_from_set(self) -> None:
        assert resolved('tasks=["ner"]', tasks=None).tasks == ("ner",)

    @pytest.mark.parametrize("override", ["seed", "=3", " =3", ""])
    def test_no_key_or_no_value(self, override: str) -> None:
        assert refused(override).startswith(f"--set {override}: write key=value")

    @given(override=st.text("seed.training=1\"'[]{}#\n \\", max_size=25))
    def test_any_text_is_a_setting_or_a_config_error(self, override: str) -> None:
        try:
            resolved(override)
        except ConfigError as error:
            assert str(error)


class TestRefused:
    @pytest.mark.parametrize(
        ("override", "message"),
        [
            ("sed=3", "configuration: unknown key 'sed' (did you mean 'seed'?)"),
            ("batch_size=3", "configuration: unknown key 'batch_size' (did you mean 'training.batch_size'?)"),
            ("training.batchsize=3", "configuration: unknown key 'training.batchsize' (did you mean 'batch_size'?)"),
            ("trainin.batch_size=3", "configuration: unknown key 'trainin' (did you mean 'training'?)"),
            ("model.hidden=3", "configuration: unknown key 'model.hidden' (did you mean 'hidden_size'?)"),
            ("model.zzz=3", "configuration: unknown key 'model.zzz'"),
            ("training..x=3", "configuration: unknown key 'training.'"),
        ],
    )
    def test_unknown_keys(self, override: str, message: str) -> None:
        assert refused(override) == message

    def test_an_unknown_key_is_named_before_what_it_leaves_out(self) -> None:
        """``task`` for ``tasks``: not only that tasks are missing."""
        assert "unknown key 'task' (did you mean 'tasks'?)" in refused('task=["pos"]', tasks=None)

    @pytest.mark.parametrize(
        ("override", "key", "value"),
        [
            ("seed=x", "seed", "'x'"),
            ("seed=", "seed", "''"),
            ("seed=1.5", "seed", "1.5"),
            ("seed=-1", "seed", "-1"),
            ("training=5", "training", "5"),
            ("training.batch_size=0", "training.batch_size", "0"),
            ("training.learning_rate=0", "training.learning_rate", "0"),
            ("training.learning_rate=nan", "training.learning_rate", "nan"),
            ("training.sampling=balance", "training.sampling", "'balance'"),
            ("training.unknown_rate=1.1", "training.unknown_rate", "1.1"),
            ("training.weights=first", "training.weights", "'first'"),
            ("training.loss_weights.ner=x", "training.loss_weights.ner", "'x'"),
            ("training.loss_weights=3", "training.loss_weights", "3"),
            ("model.word_size=0", "model.word_size", "0"),
            ("model.dropout=1", "model.dropout", "1"),
            ("model.dropout.x=1", "model.dropout", "{'x': 1}"),
            ("sharing=tedec", "sharing", "'tedec'"),
            ("vectors=5", "vectors", "5"),
        ],
    )
    def test_wrong_types_and_ranges(self, override: str, key: str, value: str) -> None:
        message = refused(override)
        assert message.startswith(f"configuration: {key}: ")
        assert re.search(rf", not {re.escape(value)}( \(did you mean '\w+'\?\))?$", message)

    def test_a_literal_lists_its_choices(self) -> None:
        assert all(choice in refused("sharing=tedec") for choice in ("'stl'", "'multi_dec'", "'te_dec'", "'te_enc'"))

    @pytest.mark.parametrize(
        "override",
        [
            "training.learning_rate=inf",
            "training.temperature=inf",
            "training.transition_l2=inf",
            "training.clip_norm=inf",  # config.json cannot hold it: writing the run folder raises ValueError
            "training.loss_weights.ner=inf",
            "training.loss_weights.ner=nan",
            "training.loss_weights.ner=-1",
        ],
    )
    def test_numbers_that_no_training_can_use(self, override: str) -> None:
        refused(override)

    def test_tasks(self) -> None:
        assert refused(tasks=None).startswith("configuration: tasks: ")
        assert refused(tasks=[]).startswith("configuration: tasks: ")
        assert refused(tasks="pos").startswith("configuration: tasks: ")
        assert refused(tasks=["pos", 1]).startswith("configuration: tasks.1: ")
        assert refused(tasks=["a", "b", "a"]) == "configuration: task 'a' is named twice; name each task once"

    def test_combinations(self) -> None:
        assert "'stl' trains one task" in refused("sharing=stl")
        assert resolved("sharing=stl", tasks=["pos"]).sharing == "stl"
        message = refused("training.batch_size=2", tasks=["a", "b", "c"])
        assert "training.batch_size 2 is smaller than the number of tasks, 3" in message
        assert resolved("training.batch_size=3", tasks=["a", "b", "c"]).training.batch_size == 3
        each = resolved("training.batch_size=1", "training.batch_per_task=true", tasks=["a", "b", "c"])
        assert each.training.batch_size == 1

    @pytest.mark.parametrize("sampling", ["proportional", "temperature"])
    def test_a_batch_per_task_and_drawn_tasks_do_not_go_together(self, sampling: str) -> None:
        message = refused(f"training.sampling={sampling}", "training.batch_per_task=true")
        assert (
            f"training: batch_per_task fixes how many sentences of each task a batch has, but sampling {sampling!r}"
            in (message)
        )
        assert "choose sampling 'balanced', or leave batch_per_task out" in message
        assert resolved(f"training.sampling={sampling}").training.sampling == sampling

    def test_warm_up_belongs_to_the_linear_schedule(self) -> None:
        assert "training: warmup belongs to schedule 'linear'" in refused("training.warmup=0.1")
        assert resolved("training.schedule=linear", "training.warmup=0.1").training.warmup == 0.1
        assert "training.schedule: Input should be 'halving'" in refused("training.schedule=cosine")

    def test_weights_of_losses_belong_to_tasks_of_the_run(self) -> None:
        message = refused("training.loss_weights.nr=2")
        assert "training.loss_weights names 'nr' (did you mean 'ner'?)" in message

    def test_names_of_tasks_may_have_dots(self) -> None:
        config = resolved("training.loss_weights.ner.v2=2", "training.tag_weights.ner.B.x=3", tasks=["ner", "ner.v2"])
        assert config.training.loss_weights == {"ner.v2": 2}
        assert config.training.tag_weights == {"ner": {"B.x": 3}}

    def test_a_key_of_another_table_and_a_similar_choice_are_offered(self) -> None:
        assert "unknown key 'training.dropout' (did you mean 'model.dropout'?)" in refused("training.dropout=0.3")
        assert "not 'balance' (did you mean 'balanced'?)" in refused("training.sampling=balance")

    def test_the_preset_pretrained_needs_an_encoder_that_is_trained_along(self) -> None:
        with pytest.raises(ConfigError, match=r"--preset pretrained: .* give --encoder"):
            resolve("pretrained", None, [], {"tasks": ("pos",)})
        with pytest.raises(ConfigError, match=r"model.finetune is false: choose preset practical"):
            resolve("pretrained", None, ["model.encoder=x", "model.finetune=false"], {"tasks": ("pos",)})

    def test_the_path_of_an_encoder_is_absolute_and_other_names_stay(self, tmp_path: Path) -> None:
        given = {"tasks": ("pos",)}
        for name, expected in (("a/b", str(Path.cwd() / "a/b")), ("hf://user/name", "hf://user/name"), ("pkg", "pkg")):
            assert resolve("paper", None, [f"model.encoder={name}"], given).model.encoder == expected

    def test_files(self, tmp_path: Path) -> None:
        assert refused(file=tmp_path / "none").startswith(f"{tmp_path / 'none'}: cannot be read")
        assert refused(file=tmp_path).startswith(f"{tmp_path}: cannot be read")
        path = toml(tmp_path, b'vectors = "caf\xe9"\n')
        assert refused(file=path).startswith(f"{path}: is not UTF-8 at byte 14")
        assert "line 2" in refused(file=toml(tmp_path, "seed = 1\nseed = 2\n"))
        assert refused(file=toml(tmp_path, "seed = \n")).startswith(f"{path}: is not valid TOML: ")
        assert "unknown key 'training.epochs'" in refused(file=toml(tmp_path, "[training]\nepochs = 2\n"))
        assert read_toml(toml(tmp_path, "\ufeffseed = 2\r\n")) == {"seed": 2}
        assert read_toml(toml(tmp_path, "")) == {}

    def test_parse_says_where(self) -> None:
        with pytest.raises(ConfigError, match=r"^here: unknown key 'y'$") as caught:
            parse(Settings, {"y": 1}, "here")
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None

    def test_nearest(self) -> None:
        assert suggestion("sed", ["tasks", "seed"]) == " (did you mean 'seed'?)"
        assert suggestion("qqqq", ["tasks", "seed"]) == suggestion("a", []) == ""


class TestFrozen:
    def test_settings_cannot_be_changed(self) -> None:
        config = resolved()
        for target, name in [(config, "seed"), (config.training, "batch_size"), (config.model, "layers")]:
            with pytest.raises(ValidationError, match="frozen"):
                setattr(target, name, 3)
        with pytest.raises(ValidationError):
            config.unheard_of = 3

    def test_configurations_share_nothing_that_can_change(self) -> None:
        one, other = RunConfig(tasks=("a",)), RunConfig(tasks=("a",))
        one.training.loss_weights["a"] = 2  # a dict within a frozen model; nobody should
        assert other.training.loss_weights == {}

    def test_what_is_given_stays_as_it_is(self) -> None:
        given = {"tasks": ["pos"], "training": {"loss_weights": {"pos": 1.0}}}
        before = str(given)
        config = resolve("practical", None, ["training.loss_weights.pos=3"], given)
        assert config.training.loss_weights == {"pos": 1}
        assert str(given) == before

    @pytest.mark.parametrize("preset", list(PRESETS))
    def test_round_trip(self, preset: str) -> None:
        config = resolved("training.loss_weights.ner=0.5", "model.encoder=hf://user/name", preset=preset)
        assert RunConfig.model_validate_json(config.model_dump_json()) == config
        assert parse(RunConfig, config.model_dump(mode="json"), "again") == config


FORMER_PRACTICAL = ("training.weights=best", "training.bucketed=true", "training.unknown_rate=0.5")


class TestRunId:
    def test_form(self) -> None:
        assert len(run_id(resolved(), HASHES)) == 12
        assert set(run_id(resolved(), HASHES)) <= set("0123456789abcdef")

    def test_how_a_configuration_was_written_does_not_matter(self, tmp_path: Path) -> None:
        first = run_id(resolved("seed=2", "training.learning_rate=1e-3"), HASHES)
        path = toml(tmp_path, 'tasks = ["pos", "ner"]\nseed = 2\n[training]\nlearning_rate = 0.001\nclip_norm = 5\n')
        assert run_id(resolve("paper", path, [], {}), dict(reversed(HASHES.items()))) == first
        assert run_id(resolved(seed=2, training={"learning_rate": 0.001}), HASHES) == first

    def test_loss_weights_in_any_order(self) -> None:
        one = resolved("training.loss_weights={pos = 2, ner = 3}")
        other = resolved("training.loss_weights={ner = 3, pos = 2}")
        assert run_id(one, HASHES) == run_id(other, HASHES)

    def test_where_the_vectors_lie_does_not_matter(self) -> None:
        """Design: never where or how it ran (paths); what the vectors are is in the hash of the vectors."""
        ids = {run_id(resolved(vectors=path), HASHES) for path in ("/here/glove.txt", "/there/glove.txt")}
        assert len(ids) == 1

    @pytest.mark.parametrize(
        "override",
        [
            "seed=2",
            "sharing=te_dec",
            "model.hidden_size=301",
            "model.dropout=0.4",
            "training.batch_size=31",
            "training.weights=best",
            "training.max_epochs=99",
            "training.stopping_patience=9",
            "training.bucketed=true",
            "training.loss_weights.ner=2",
            "training.schedule=constant",
            "training.batch_per_task=true",
            "training.patience=strict",
            "training.min_epoch_updates=2",
            "training.min_learning_rate=0.1",
        ],
    )
    def test_every_setting_matters(self, override: str) -> None:
        assert run_id(resolved(override), HASHES) != run_id(resolved(), HASHES)

    def test_the_runs_of_before_are_known_by_their_ids(self) -> None:
        """Pinned as the version without ``schedule`` and ``batch_per_task`` gave them."""
        assert former_run_id(resolved(), HASHES) == "c99a22f96b6d"
        assert former_run_id(resolved("training.max_updates=5", *FORMER_PRACTICAL), HASHES) == "2a931572c0fb"

    def test_tasks_and_data_matter(self) -> None:
        first = run_id(resolved(), HASHES)
        assert run_id(resolved(tasks=["pos"]), HASHES) != first
        for name in HASHES:
            assert run_id(resolved(), HASHES | {name: "00"}) != first

    def test_what_is_left_out_is_the_default(self) -> None:
        assert run_id(resolved("seed=1", "training.batch_size=32", vectors="glove"), HASHES) == run_id(
            resolved(), HASHES
        )
        assert run_id(resolved(training={}), HASHES) == run_id(resolved(), HASHES)
