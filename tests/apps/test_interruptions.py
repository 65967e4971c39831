"""``tagmates train``: Ctrl-C, a full disk or a second training in the folder costs no finished epoch."""

import json
import re
import resource
import signal
from pathlib import Path

import pytest
from command_line import LONGER, Outcome, after_epoch, done, interrupt, numbers, refused, tagmates, training_of

from tagmates.apps import evaluate
from tagmates.files import read_tensors
from tagmates.training import train as training
from tagmates.training.folder import lock_folder

pytestmark = pytest.mark.usefixtures("here")


@pytest.mark.slow
def test_ctrl_c_keeps_the_finished_epochs(here: Path, corpus: Path) -> None:
    done(*training_of(corpus, "whole", *LONGER))
    stopped = interrupt(corpus, "run", epoch=2)
    assert (stopped.code, stopped.out) == (130, "")
    assert stopped.err.splitlines()[-1].startswith("tagmates: interrupted; finished epochs are saved in run: ")
    assert len((here / "run" / "metrics.jsonl").read_text().splitlines()) == 2
    done(*training_of(corpus, "run", *LONGER, "--resume"))
    assert numbers(here / "run") == numbers(here / "whole")


@pytest.mark.parametrize(
    "place", ["load_indexed", *(pytest.param(at, marks=pytest.mark.slow) for at in ("prepare_run", "write_identity"))]
)
def test_ctrl_c_before_the_first_epoch(here: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(training, place, lambda *_, **__: signal.raise_signal(signal.SIGINT))
        stopped = tagmates(*training_of(corpus, "run"))
    assert (stopped.code, stopped.out, stopped.err.count("\n")) == (130, "", 1)
    assert "tagmates: interrupted" in stopped.err
    done(*training_of(corpus, "run", "--resume"))


def test_ctrl_c_elsewhere_does_not_speak_of_epochs(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "evaluate_model", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    assert tagmates("evaluate", trained) == Outcome(130, "", "tagmates: interrupted\n")


@pytest.mark.slow
def test_a_disk_that_fills_up_keeps_the_last_checkpoint(here: Path, corpus: Path) -> None:
    done(*training_of(corpus, "whole", *LONGER))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.MonkeyPatch.context() as patch:
        after_epoch(patch, 2, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limit[1])))
        try:
            stopped = tagmates(*training_of(corpus, "run", *LONGER))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert (stopped.code, stopped.out) == (1, "")
    last = stopped.err.splitlines()[-1]
    assert re.match(
        r"tagmates: run/checkpoint\.safetensors: cannot be written \(File too large\); files that were saved before",
        last,
    )
    assert "--resume" in last
    _, metadata = read_tensors(here / "run" / "checkpoint.safetensors")
    assert json.loads(metadata["state"])["epoch"] == 2
    assert not [path.name for path in (here / "run").iterdir() if path.name.endswith(".new")]
    done(*training_of(corpus, "run", *LONGER, "--resume"))
    assert numbers(here / "run") == numbers(here / "whole")


def test_a_folder_that_another_training_is_in_is_refused(here: Path, corpus: Path, run: Path) -> None:
    for how in ((), ("--resume",), ("--force",)):
        args = training_of(corpus, run, *how)
        pattern = "run: another process is training there; wait for it" if how else "run: is not empty; continue with"
        with lock_folder(run):
            refused(2, pattern, *args)
    (here / "fresh").mkdir()
    with lock_folder(here / "fresh"):
        refused(2, "fresh: another process is training there", *training_of(corpus, "fresh"))
    done(*training_of(corpus, "fresh"))  # .lock alone is an empty folder
