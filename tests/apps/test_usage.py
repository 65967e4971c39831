"""The help of the command line, and the arguments that it refuses."""

import json
import re
from pathlib import Path

import pytest
from command_line import TINY, done, refused, training_of
from cyclopts.completion.detect import ShellDetectionError

pytestmark = pytest.mark.usefixtures("here")


def test_without_arguments_and_with_help_it_explains_itself() -> None:
    for args in ((), ("--help",), ("data",)):
        shown = done(*args)
        assert shown.out.startswith("Usage: tagmates")
        assert shown.err == ""
    for command in ("train", "evaluate", "tag", "data stats", "data check"):
        assert f"Usage: tagmates {command}" in done(*command.split(), "--help").out
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", done("--version").out)


@pytest.mark.parametrize(
    ("args", "pattern"),
    [
        (["trian"], 'Unknown command "trian"'),
        (["data", "chek"], 'Did you mean "check"'),
        (["train"], "--output-dir: is missing"),
        (["train", "--output-dir"], "--output-dir requires an argument"),
        (["train", "--output-dir", "new", "extra"], "extra"),
        (["train", "--output-dir", "new", "--epochs", "3"], "--epochs"),
        (["train", "--output-dir", "new", "--resme"], "--resume"),
        (["train", "--output-dir", "new", "--seed", "one"], '--seed: unable to convert "one" into int'),
        (["train", "--output-dir", "new", "--sharing", "te_dek"], 'Did you mean "te_dec"'),
        (["evaluate"], "MODEL requires an argument"),
        (["tag"], "MODEL requires an argument"),
        (["data", "check"], "requires an argument"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(args: list[str], pattern: str) -> None:
    assert refused(2, re.escape(pattern), *args).endswith(" --help)\n")


@pytest.mark.parametrize(
    ("args", "command"),
    [
        (["trian"], "tagmates"),
        (["data", "chek"], "tagmates data"),
        (["train"], "tagmates train"),
        (["train", "--output-dir"], "tagmates train"),
        (["data", "check"], "tagmates data check"),
    ],
)
def test_a_wrong_command_line_names_the_help_of_its_command(args: list[str], command: str) -> None:
    assert refused(2, "", *args).endswith(f"(see {command} --help)\n")


@pytest.mark.parametrize(
    ("args", "pattern"),
    [
        (["--set", "training.batch_size"], "--set training.batch_size: write key=value"),
        (["--set", "=16"], "--set =16: write key=value"),
        (["--set", ""], "write key=value"),
        (["--set", "model.hiden_size=8"], "unknown key 'model.hiden_size' (did you mean 'hidden_size'?)"),
        (["--set", "trainng.batch_size=8"], "unknown key 'trainng' (did you mean 'training'?)"),
        (["--set", "model.hidden_size=big"], "model.hidden_size: Input should be a valid integer"),
        (["--set", "model.hidden_size=0"], "model.hidden_size: Input should be greater than or equal to 1, not 0"),
        (["--set", "model.dropout=1"], "model.dropout: Input should be less than 1"),
        (["--set", "model=8"], "model: Input should be a valid dictionary"),
        (["--set", "training.learning_rate=nan"], "training.learning_rate: Input should be a finite number"),
        (["--set", "training.max_epochs=1e400"], "training.max_epochs: Input should be a finite number"),
        (["--set", "training.sampling=balancd"], "training.sampling: Input should be 'balanced'"),
        (["--set", "training.batch_size=1"], "training.batch_size 1 is smaller than the number of tasks, 2"),
        (["--set", "training.loss_weights.pso=2"], "names 'pso' (did you mean 'pos'?), no task of this run"),
        (["--set", "training.loss_weights.pos=-1"], "training.loss_weights.pos: Input should be greater"),
        (["--sharing", "stl"], "sharing 'stl' trains one task"),
        (["--preset", "papr"], "--preset papr: no such preset (did you mean 'paper'?); choose from paper, practical"),
        (["--seed", "-1"], "seed: Input should be greater than or equal to 0, not -1"),
        (["--device", "gpu"], "--device gpu: choose auto, cpu or cuda"),
        (["--resume", "--force"], "--resume and --force: choose one"),
        (["--config", "folder"], "folder: cannot be read (Is a directory)"),
        (["--config", "none.toml"], "none.toml: cannot be read (No such file or directory); check the path"),
        (["--config", "words.txt"], "words.txt: is not valid TOML"),
        (["--config", "latin.toml"], "latin.toml: is not UTF-8 at byte 7"),
        (["--config", "wrong.toml"], "unknown key 'model.hiden' (did you mean 'hidden_size'?)"),
    ],
)
def test_a_wrong_setting_of_train_is_exit_code_2(here: Path, corpus: Path, args: list[str], pattern: str) -> None:
    (here / "folder").mkdir()
    (here / "words.txt").write_text("neither a table nor a key\n")
    (here / "latin.toml").write_bytes(b"seed = \xe9")
    (here / "wrong.toml").write_text("[model]\nhiden = 3\n")
    settings = ("--data", corpus, "--tasks", "pos,ner", "--vectors", "random", "--output-dir", "new")
    refused(2, re.escape(pattern), "train", *settings, *args)


@pytest.mark.parametrize(
    ("tasks", "pattern"),
    [
        ("pos,nre", "--tasks: no task 'nre' (did you mean 'ner'?); there are pos, ner"),
        ("pos,pos", "task 'pos' is named twice"),
        ("all,pos", "--tasks: no task 'all'"),
        (",", "--tasks: is empty; name tasks, or 'all'"),
        ("", "--tasks: is empty; name tasks, or 'all'"),
    ],
)
def test_a_wrong_list_of_tasks_is_exit_code_2(corpus: Path, tasks: str, pattern: str) -> None:
    refused(2, re.escape(pattern), "train", "--data", corpus, "--tasks", tasks, *TINY, "--output-dir", "new")


@pytest.mark.parametrize("threads", ["0", "-2"])
def test_threads_below_one_are_refused_by_every_command(corpus: Path, trained: Path, threads: str) -> None:
    pattern = f"--threads {threads}: must be 1 or more"
    own = ("--data", corpus, "--tasks", "pos", "--output-dir", "new", "--vectors", "random")
    for args in (("train", *own), ("evaluate", trained), ("tag", trained)):
        refused(2, pattern, *args, "--threads", threads, stdin=b"Otters")


def test_a_gpu_that_is_not_there_is_refused(corpus: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for args in (("train", "--data", corpus, "--tasks", "pos", *TINY, "--output-dir", "new"), ("evaluate", trained)):
        refused(2, "--device cuda: torch finds no GPU here; use --device cpu", *args, "--device", "cuda")


def test_the_command_line_wins_over_set_over_the_file_over_the_preset(here: Path, corpus: Path) -> None:
    text = "seed = 2\nsharing = 'te_dec'\n[model]\nhidden_size = 9\nlayers = 1\n[training]\nunknown_rate = 0.25\n"
    (here / "mine.toml").write_text(text)
    args = ("--preset", "practical", "--config", "mine.toml", "--set", "model.hidden_size=10", "--set", "seed=3")
    common = ("train", "--data", corpus, "--tasks", "ner", "--print-config", "--output-dir", "new")
    shown = json.loads(done(*common, *args, "--seed", "4").out)
    assert (shown["seed"], shown["sharing"], shown["tasks"]) == (4, "te_dec", ["ner"])
    assert (shown["model"]["hidden_size"], shown["model"]["layers"]) == (10, 1)
    assert (shown["training"]["unknown_rate"], shown["training"]["weights"]) == (0.25, "best")
    assert json.loads(done(*common, *args).out)["seed"] == 3
    assert [path.name for path in here.iterdir()] == ["mine.toml"]


@pytest.mark.parametrize("tasks", ['["all"]', '["pos,ner"]', '[" pos "]', '["pos", ""]'])
def test_tasks_in_a_configuration_are_names_and_not_lists_of_names(here: Path, corpus: Path, tasks: str) -> None:
    (here / "mine.toml").write_text(f"tasks = {tasks}\n")
    common = ("train", "--data", corpus, *TINY, "--output-dir", "new")
    refused(2, "no task ", *common, "--config", "mine.toml")
    refused(2, "no task ", *common, "--set", f"tasks={tasks}")


def test_a_task_is_named_once_everywhere(corpus: Path, trained: Path) -> None:
    refused(2, "'pos'.* twice", "tag", trained, "--tasks", "pos,pos", stdin=b"Otters")
    refused(2, "'pos'.* twice", "data", "stats", "--data", corpus, "--tasks", "pos,pos")


def test_quiet_leaves_warnings_results_and_errors(corpus: Path) -> None:
    loud = done(*training_of(corpus, "a"))
    quiet = done(*training_of(corpus, "b", "--quiet"))
    assert quiet.out == loud.out
    assert "epoch " in loud.err
    assert (
        {*quiet.err.splitlines()} == {line for line in loud.err.splitlines() if line.startswith("tagmates: ")} != set()
    )
    refused(2, "is not empty", *training_of(corpus, "b", "--quiet"))


def test_a_completion_script_knows_the_commands(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert done("--install-completion", "--shell", shell, "--output", shell).err.startswith("wrote ")
        for word in ("train", "study", "export-metrics", "sharing"):
            assert word in Path(shell).read_text()
    assert {path.name for path in here.iterdir()} == {"bash", "zsh", "fish"}
    assert "--install-completion" in done("--help").out
    monkeypatch.setattr("cyclopts.completion.detect.detect_shell", unknown_shell)
    refused(2, "cannot tell which shell this is; give --shell", "--install-completion")


def unknown_shell() -> None:
    raise ShellDetectionError("none")
