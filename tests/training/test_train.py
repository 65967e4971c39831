"""tagmates.training.train: the content of run folders, and that interrupted runs end with the same numbers."""

import json
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import SMALL, make_corpora, make_run

import tagmates
from tagmates import ConfigError, ModelError, RunConfig, Tagger, TrainingError
from tagmates.config import ModelSettings, Sharing, TrainingSettings
from tagmates.data.indexing import IndexedTask
from tagmates.data.task import Task
from tagmates.errors import BusyError
from tagmates.files import read_tensors, write_atomically
from tagmates.training.evaluation import evaluate
from tagmates.training.folder import LOCK, check_folder, lock_folder
from tagmates.training.loop import Ended, EpochEnded, Event, Updated, train_side_by_side
from tagmates.training.start import Start
from tagmates.training.train import train_events, train_on

train = partial(tagmates.train, preset="paper")  # what a configuration does not say is as the protocol has it

SIZES = ModelSettings(hidden_size=12, character_hidden_size=5, character_size=5)


def small(sharing: str = "multi_dec", tasks: tuple[str, ...] = ("com", "upos"), **training: object) -> RunConfig:
    settings = TrainingSettings(**{"max_epochs": 3, **training})
    return RunConfig(tasks=tasks, sharing=sharing, vectors="random", model=SIZES, training=settings)


def numbers(folder: Path) -> tuple[object, ...]:
    """Everything a run came to, but for the seconds it took."""
    result = json.loads((folder / "result.json").read_text())
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for record in [result, *lines]:
        del record["seconds"]
    counts = np.load(folder / "counts.npz")
    arrays = {name: counts[name].tolist() for name in counts.files}
    return result, lines, arrays, (folder / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "finished"
    train(small(), folder)
    return folder


def test_the_folder_of_a_finished_run_is_complete(finished: Path) -> None:
    held = {path.name for path in finished.iterdir()}
    assert {"config.json", "metrics.jsonl", "model.safetensors", "vocabulary.json", "result.json"} <= held
    assert {"counts.npz", "environment.json", "train.log", "README.md"} <= held
    result = json.loads((finished / "result.json").read_text())
    assert result["epochs"] == 3
    assert result["stopped"] == "cap"
    assert result["updates"] == 3 * (160 // 16)
    assert RunConfig.model_validate_json((finished / "config.json").read_text()) == small()
    # per-sentence counts sum to the totals
    counts = np.load(finished / "counts.npz")
    for task in ("com", "upos"):
        total = result["test"][task]
        assert counts[f"test/{task}"].sum(0).tolist() == [total["tp"], total["fp"], total["fn"]]
        assert len(counts[f"test/{task}"]) == 40


@pytest.mark.parametrize("split", [pytest.param("dev", marks=pytest.mark.slow), "test"])
@pytest.mark.parametrize("sharing", ["stl", "multi_dec", "te_dec", "te_enc"])
def test_evaluating_the_folder_gives_the_scores_of_the_result(tmp_path: Path, sharing: str, split: str) -> None:
    tasks = ("ner",) if sharing == "stl" else ("ner", "upos", "com")
    train(small(sharing, tasks, max_epochs=2, learning_rate=0.01, unknown_rate=0.5), tmp_path / "run")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    evaluation = evaluate(tmp_path / "run", split=split)
    for task in tasks:
        total = evaluation.scores[task].total
        assert {k: result[split][task][k] for k in ("tp", "fp", "fn")} == {
            "tp": total.tp,
            "fp": total.fp,
            "fn": total.fn,
        }
        assert evaluation.signatures[task] == result["signature"][split][task]


@pytest.mark.parametrize("weights", ["last", "best"])
def test_the_weights_asked_for_are_tested(tmp_path: Path, weights: str) -> None:
    # a learning rate that ruins the model after the first epoch makes the best epoch an early one
    train(small(weights=weights, max_epochs=3, learning_rate=0.3), tmp_path / "run")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    dev = {task: result["dev"][task]["f1"] for task in ("com", "upos")}
    assert result["best_epoch"] < 3
    assert dev == lines[-1 if weights == "last" else result["best_epoch"] - 1]["dev"]
    assert (tmp_path / "run" / "best.safetensors").exists() == (weights == "last")


def stop_after(events: Iterator[object], epochs: int, updates: int) -> None:
    """Abandon a training some updates after an epoch, as a kill would."""
    for event in events:
        epochs -= isinstance(event, EpochEnded)
        updates -= epochs <= 0 and isinstance(event, Updated)
        if epochs <= 0 and updates <= 0:
            return


@pytest.mark.parametrize(
    ("epochs", "updates"), [(0, 3), (1, 4), *(pytest.param(*at, marks=pytest.mark.slow) for at in ((1, 0), (2, 1)))]
)
def test_a_resumed_run_ends_in_the_same_numbers_bit_for_bit(
    tmp_path: Path, finished: Path, epochs: int, updates: int
) -> None:
    stop_after(train_events(small(), tmp_path / "run", "starter"), epochs, updates)
    assert not (tmp_path / "run" / "result.json").exists()
    train(small(), tmp_path / "run", resume=True)
    assert numbers(tmp_path / "run") == numbers(finished)


@pytest.mark.parametrize("sharing", ["te_dec", pytest.param("te_enc", marks=pytest.mark.slow)])
def test_resuming_is_exact_for_every_sharing_and_the_practical_settings(tmp_path: Path, sharing: str) -> None:
    config = small(sharing, weights="best", bucketed=True, unknown_rate=0.5, sampling="temperature", temperature=2.0)
    train(config, tmp_path / "whole")
    stop_after(train_events(config, tmp_path / "run", "starter"), 1, 2)
    train(config, tmp_path / "run", resume=True)
    assert numbers(tmp_path / "run") == numbers(tmp_path / "whole")


def test_kill_minus_nine_then_resume(tmp_path: Path, finished: Path) -> None:
    code = (
        "import sys, torch; torch.set_num_threads(1); from pathlib import Path\n"
        "from tagmates import RunConfig; from tagmates.training.train import train_events\n"
        "from tagmates.training.loop import EpochEnded, Updated\n"
        "config = RunConfig.model_validate_json(sys.argv[1]); seen = 0\n"
        "for event in train_events(config, Path(sys.argv[2]), 'starter'):\n"
        "    seen += isinstance(event, EpochEnded)\n"
        "    if seen == 2 and isinstance(event, Updated):\n"
        "        print('in the third epoch', flush=True); input()\n"
    )
    command = [sys.executable, "-c", code, small().model_dump_json(), str(tmp_path / "run")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"in the third epoch\n"
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    train(small(), tmp_path / "run", resume=True)
    assert numbers(tmp_path / "run") == numbers(finished)


def test_a_checkpoint_that_a_kill_left_behind_a_result_is_removed(finished: Path) -> None:
    left = finished / "checkpoint.safetensors"
    left.write_bytes(b"cut off")
    assert list(train_events(small(), finished, "starter", resume=True)) == []
    assert not left.exists()


def test_resuming_a_run_that_is_done_changes_nothing(finished: Path) -> None:
    def times() -> dict[str, int]:  # older filelocks touch the lock
        others = {"train.log", LOCK}
        return {path.name: path.stat().st_mtime_ns for path in finished.iterdir() if path.name not in others}

    before = times()
    assert list(train_events(small(), finished, "starter", resume=True)) == []
    assert times() == before


def test_resuming_with_another_configuration_names_the_difference(finished: Path) -> None:
    with pytest.raises(ConfigError, match=r"training\.learning_rate = 0\.001, not 0\.5"):
        train(small(learning_rate=0.5), finished, resume=True)


def test_a_folder_in_use_is_refused_and_force_removes_only_what_a_run_writes(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is not empty"):
        train(small(), tmp_path)
    with pytest.raises(ConfigError, match="holds no tagmates run"):
        train(small(), tmp_path, resume=True)
    train(small(max_epochs=1), tmp_path, force=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_state(tmp_path: Path) -> None:
    broken = small(learning_rate=1e20, max_epochs=5)
    with pytest.raises(TrainingError, match=r"com, upos: epoch \d+, update \d+ of 10: the loss is (nan|inf)"):
        train(broken, tmp_path / "run")
    assert not (tmp_path / "run" / "result.json").exists()


@pytest.mark.parametrize("kept", [0, pytest.param(1, marks=pytest.mark.slow), 3])
def test_a_follow_that_leaves_events_out_changes_nothing(tmp_path: Path, finished: Path, kept: int) -> None:
    tagger = train(small(), tmp_path / "run", follow=lambda events: islice(events, kept))
    assert tagger.tasks == ("com", "upos")
    assert numbers(tmp_path / "run") == numbers(finished)


def test_nan_after_a_good_epoch_keeps_its_checkpoint(tmp_path: Path) -> None:
    events = train_events(small(), tmp_path / "run", "starter")
    for event in events:
        if isinstance(event, EpochEnded):
            kept = (tmp_path / "run" / "checkpoint.safetensors").read_bytes()
            break
    with torch.no_grad():
        event.run.module.words.fill_(float("nan"))
    last = list(events)[-1]
    assert isinstance(last, Ended)
    assert "the state after epoch 1 is kept" in str(last.error)
    assert (tmp_path / "run" / "checkpoint.safetensors").read_bytes() == kept


def test_a_full_disk_leaves_the_previous_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    write_atomically(path, b"good")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))  # the kernel refuses to write more
    try:
        with pytest.raises(TrainingError, match=r"cannot be written .* raise the limit on the size of files"):
            write_atomically(path, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert path.read_bytes() == b"good"
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.safetensors"]


@pytest.mark.parametrize("name", ["config.json", "vocabulary.json", "model.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "foreign"])
def test_a_broken_folder_is_refused_in_one_line(tmp_path: Path, finished: Path, name: str, damage: str) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    path = folder / name
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.write_bytes(b'{"a": 1}')
    with pytest.raises(ModelError, match=name) as caught:
        Tagger.from_pretrained(folder)
    assert "\n" not in str(caught.value)


def test_a_truncated_checkpoint_is_named(tmp_path: Path) -> None:
    stop_after(train_events(small(), tmp_path / "run", "starter"), 1, 0)
    path = tmp_path / "run" / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"checkpoint\.safetensors"):
        train(small(), tmp_path / "run", resume=True)


def test_what_was_shared_is_one_set_of_parameters_after_loading(finished: Path) -> None:
    tensors, _ = read_tensors(finished / "model.safetensors")
    tagger = Tagger.from_pretrained(finished)
    loaded = dict(tagger.module.named_parameters())
    assert set(loaded) == set(tensors)
    assert len({p.data_ptr() for p in loaded.values()}) == len(tensors)
    # one encoder, one word table, one character table for both tasks; a decoder each
    assert sum(name.startswith("encoder.0.input_weight") for name in loaded) == 1
    assert sum(name == "words" for name in loaded) == 1
    before = tagger.tag([["Anna", "sleeps", "."]])
    with torch.no_grad():
        for parameter in tagger.module.encoder.parameters():
            parameter.mul_(-3)
    after = tagger.tag([["Anna", "sleeps", "."]])
    assert before != after


@pytest.mark.parametrize(("sharing", "size"), [("te_dec", 25), ("te_enc", 50)])
def test_task_embeddings_are_in_the_result(tmp_path: Path, sharing: str, size: int) -> None:
    tagger = train(small(sharing, max_epochs=2), tmp_path / "run")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert np.array(result["task_embeddings"]["best"]).shape == (2, size)
    own = tagger.module.tasks
    if sharing == "te_enc":
        own = tagger.module.words[[tagger.vocabulary.words.index(f"<<{task}>>") for task in tagger.tasks]]
    assert own is not None and np.allclose(result["task_embeddings"]["last"], own.detach())


# --- equal updates ---------------------------------------------------------------------------------------------------

TAGS = {"few": ("A", "B"), "more": ("B-X", "I-X", "O"), "most": ("O", "C")}
# a learning rate that moves nothing: no epoch is better than the first, and patience and cap would end it at once
FLAT = {"learning_rate": 1e-12, "stopping_patience": 1, "max_epochs": 1}


@pytest.mark.parametrize(
    ("settings", "ends"),
    [
        ({"max_updates": 6, "epoch_updates": 3}, [3, 6]),
        ({"max_updates": 7, "epoch_updates": 3}, [3, 6, 7]),
        ({"max_updates": 2, "epoch_updates": 3}, [2]),
        ({"max_updates": 14, "epoch_updates": 13}, [13, 14]),  # more than there are sentences
        ({"max_updates": 5, "epoch_updates": 2, "sampling": "proportional"}, [2, 4, 5]),
        ({"max_updates": 5, "epoch_updates": 2, "sampling": "temperature", "bucketed": True}, [2, 4, 5]),
    ],
)
@pytest.mark.parametrize(("sharing", "tasks"), [("stl", 1), ("multi_dec", 2), ("te_dec", 3), ("te_enc", 2)])
def test_every_training_makes_as_many_updates(
    sharing: Sharing, tasks: int, settings: dict[str, Any], ends: list[int]
) -> None:
    corpora = make_corpora(1, {name: TAGS[name] for name in list(TAGS)[:tasks]}, train=9, longest=4)
    run = make_run(corpora, sharing, training={**FLAT, **settings})
    events = list(train_side_by_side([run]))
    assert sum(isinstance(event, Updated) for event in events) == run.updates == settings["max_updates"]
    assert [line["updates"] for line in run.history] == ends
    assert isinstance(events[-1], Ended)
    assert (events[-1].reason, events[-1].error) == ("updates", None)
    # a short last epoch counts as what it is
    parts = [ends[0], *(b - a for a, b in pairwise(ends))]
    losses = [event.loss for event in events if isinstance(event, Updated)]
    for part, line in zip(parts, run.history, strict=True):
        assert line["loss"] == pytest.approx(sum(losses[:part]) / (4 * part))
        del losses[:part]


@pytest.mark.parametrize(("sharing", "natural"), [("stl", 3), ("multi_dec", 4)])
def test_as_many_updates_in_epochs_as_they_come(sharing: Sharing, natural: int) -> None:
    names = ["few"] if sharing == "stl" else ["few", "more"]
    corpora = make_corpora(1, {name: TAGS[name] for name in names}, train=9, longest=4)
    run = make_run(corpora, sharing, training={**FLAT, "max_updates": 10})
    last = list(train_side_by_side([run]))[-1]
    assert isinstance(last, Ended)
    assert last.reason == "updates"
    assert [line["updates"] for line in run.history] == [*range(natural, 10, natural), 10]


def test_the_first_updates_do_not_depend_on_how_many_follow() -> None:
    """A cut epoch takes the first batches of the whole one."""
    corpora = make_corpora(1, {name: TAGS[name] for name in ("few", "more")}, train=9, longest=4)

    def losses(max_updates: int) -> list[float]:
        training = {"max_updates": max_updates, "epoch_updates": 5}
        events = train_side_by_side([make_run(corpora, "multi_dec", training=training)])
        return [event.loss for event in events if isinstance(event, Updated)]

    assert losses(8) == losses(13)[:8]


def equal_updates(sharing: Sharing, **training: Any) -> RunConfig:
    return RunConfig(
        tasks=("few",) if sharing == "stl" else ("few", "more"),
        sharing=sharing,
        vectors="random",
        model=ModelSettings(**SMALL),
        training=TrainingSettings(batch_size=4, max_updates=8, epoch_updates=3, **training),
    )


def train_made_up(config: RunConfig, folder: Path) -> Iterator[Event]:
    """Train on made-up sentences, from where the folder was left."""
    corpora = make_corpora(1, {name: TAGS[name] for name in config.tasks}, train=9, longest=4)
    tasks = {name: Task(name=name) for name in config.tasks}
    indexed = {name: IndexedTask.of(splits) for name, splits in corpora.items()}
    return train_on(config, folder, "starter", tasks, indexed, Start(), device="cpu")


@pytest.mark.parametrize(
    ("sharing", "training"),
    [
        pytest.param("stl", {}, marks=pytest.mark.slow),
        ("multi_dec", {}),
        ("te_dec", {"sampling": "temperature", "temperature": 3.0, "weights": "best"}),
        ("te_enc", {"sampling": "proportional", "bucketed": True, "unknown_rate": 0.5}),
        ("multi_dec", {"schedule": "linear", "weights": "best", "batch_per_task": True}),
        pytest.param(
            "stl", {"schedule": "constant", "halving_patience": 0, "learning_rate": 1e-9}, marks=pytest.mark.slow
        ),
    ],
)
def test_resuming_is_exact_from_the_end_of_any_epoch(
    tmp_path: Path, sharing: Sharing, training: dict[str, Any]
) -> None:
    config = equal_updates(sharing, **training)
    assert len([e for e in train_made_up(config, tmp_path / "whole") if isinstance(e, EpochEnded)]) == 3
    result = json.loads((tmp_path / "whole" / "result.json").read_text())
    assert (result["stopped"], result["updates"], result["epochs"]) == ("updates", 8, 3)
    for epochs in (1, 2, 3):
        folder = tmp_path / str(epochs)
        stop_after(train_made_up(config, folder), epochs, 0)
        assert not (folder / "result.json").exists()
        list(train_made_up(config, folder))
        assert numbers(folder) == numbers(tmp_path / "whole")


@pytest.mark.parametrize("schedule", ["constant", "linear"])
@pytest.mark.parametrize("epoch_updates", [2, 5])
def test_updates_are_made_with_the_rate_of_the_schedule(
    monkeypatch: pytest.MonkeyPatch, schedule: str, epoch_updates: int
) -> None:
    """However long the epochs are; the dev scores are flat, so that halving would have set in."""
    corpora = make_corpora(1, {name: TAGS[name] for name in ("few", "more")}, train=9, longest=4)
    settings = {"max_updates": 8, "schedule": schedule, "halving_patience": 0, "learning_rate": 1e-9}
    run = make_run(corpora, "multi_dec", training={**settings, "epoch_updates": epoch_updates})
    used, step = [], run.optimizer.step
    monkeypatch.setattr(run.optimizer, "step", lambda: (used.append(run.optimizer.param_groups[0]["lr"]), step()))
    list(train_side_by_side([run]))
    expected = [1e-9] * 8 if schedule == "constant" else [1e-9 * (1 - i / 8) for i in range(8)]
    assert used == pytest.approx(expected, rel=1e-12)
    lasts = [expected[line["updates"] - 1] for line in run.history]
    assert [line["learning_rate"] for line in run.history] == pytest.approx(lasts, rel=1e-12)


def test_a_run_that_began_before_there_was_a_setting_goes_on(tmp_path: Path) -> None:
    config = equal_updates("multi_dec")
    list(train_made_up(config, tmp_path / "whole"))
    stop_after(train_made_up(config, tmp_path / "run"), 1, 0)
    path = tmp_path / "run" / "config.json"
    began = json.loads(path.read_text())
    del began["training"]["schedule"], began["training"]["batch_per_task"]
    path.write_text(json.dumps(began))
    list(train_made_up(config, tmp_path / "run"))
    assert numbers(tmp_path / "run") == numbers(tmp_path / "whole")
    for changed in ({"schedule": "linear"}, {"batch_per_task": True}):
        key, value = next(iter(changed.items()))
        with pytest.raises(ConfigError, match=rf"training\.{key} = .*, not {value}; repeat its settings"):
            list(train_made_up(equal_updates("multi_dec", **changed), tmp_path / "run"))


def test_resuming_again_and_again_is_exact(tmp_path: Path) -> None:
    config = equal_updates("multi_dec")
    list(train_made_up(config, tmp_path / "whole"))
    for _ in range(3):
        stop_after(train_made_up(config, tmp_path / "run"), 1, 0)
    list(train_made_up(config, tmp_path / "run"))
    assert numbers(tmp_path / "run") == numbers(tmp_path / "whole")


# --- one process a folder --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{"resume": True}, {"force": True}])
def test_a_folder_that_another_process_trains_in_is_refused(
    tmp_path: Path, finished: Path, how: dict[str, bool]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with lock_folder(folder), pytest.raises(BusyError, match="run: another process is training there") as caught:
        train(small(), folder, **how)
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert list(train_events(small(), folder, "starter", resume=True)) == []  # free again


def test_a_training_holds_its_folder_until_it_is_left(tmp_path: Path) -> None:
    config = equal_updates("multi_dec")
    list(train_made_up(config, tmp_path / "whole"))
    first = train_made_up(config, tmp_path / "run")
    next(first)
    with pytest.raises(BusyError):
        next(train_made_up(config, tmp_path / "run"))
    list(first)
    assert numbers(tmp_path / "run") == numbers(tmp_path / "whole")
    for path in (tmp_path / "run", tmp_path / "whole"):
        with lock_folder(path):
            pass


def test_a_lock_that_was_left_behind_is_no_obstacle(tmp_path: Path) -> None:
    config = equal_updates("multi_dec")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").touch()
    check_folder(tmp_path / "run", resume=False, force=False)  # counts as empty
    check_folder(tmp_path / "run", resume=True, force=False)
    list(train_made_up(config, tmp_path / "run"))
    assert (tmp_path / "run" / "result.json").exists()
    (tmp_path / "run" / ".lock").write_text("of another time")
    assert list(train_made_up(config, tmp_path / "run")) == []
