"""``--device cuda`` on a simulated GPU: no tensor is left on the other device, and there are few waits."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import make_corpora, make_run
from pretend_gpu import Gpu, on_gpu, pretended

from tagmates.config import Sharing
from tagmates.files import read_json, read_tensors, write_tensors
from tagmates.kernels import selftest
from tagmates.model.tagger import Tagger
from tagmates.training.lane_optimizer import LaneOptimizer
from tagmates.training.loop import Ended, EpochEnded, Updated, advance, train_side_by_side
from tagmates.training.run import Run
from tagmates.training.train import run_in_folder

TAGS = {"pos": ["A", "B", "C"], "ner": ["O", "B-X", "I-X", "B-Y"], "chunk": ["O", "B-P", "I-P", "B-Q", "I-Q"]}
KINDS: list[tuple[Sharing, list[str]]] = [
    ("stl", ["pos"]),
    ("multi_dec", ["pos", "ner"]),
    ("te_dec", ["ner", "chunk"]),
    ("te_enc", ["chunk", "pos"]),
]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gpu]:
    # Triton's interpreter takes two minutes for the sizes of the study
    monkeypatch.setattr(selftest, "HIDDEN_SIZE", 20)
    monkeypatch.setattr(selftest, "NUM_TAGS", 20)
    with pretended() as made:
        yield made


def make(device: str, model: Mapping[str, Any] | None = None, *, unlabelled: float = 0, **training: Any) -> list[Run]:
    """A run of every sharing method; their epochs have one to four updates, their trainings one epoch or two."""
    made = []
    for i, (sharing, tasks) in enumerate(KINDS):
        corpora = make_corpora(
            i, {task: TAGS[task] for task in tasks}, train=2 + 2 * i, longest=3, unlabelled=unlabelled
        )
        given = {"max_epochs": 1 + i % 2, "unknown_rate": 0.5 * (i % 2), **training}
        made.append(make_run(corpora, sharing, seed=i, model=model, training=given, device=device))
    return made


def train(runs: Sequence[Run], lanes: int, root: Path, *, epochs: int = 99) -> None:
    """Train them in their folders until every one has trained so many epochs."""
    with ExitStack() as held:
        record = {run.id: held.enter_context(run_in_folder(run, root / run.id, "starter")) for run in runs}
        for event in train_side_by_side(runs, lanes):
            record[event.run.id](event)
            assert not isinstance(event, Ended) or event.error is None
            if isinstance(event, EpochEnded) and all(run.epoch >= epochs for run in runs):
                return


@pytest.mark.parametrize(
    "mistake",
    [
        lambda here, there: here + there,
        lambda here, there: here.index_select(0, there.long()),
        lambda here, there: torch.cat([here, there]),
        lambda here, there: there[here.long()],
        lambda here, there: here.numpy(),
        lambda here, there: torch.rand(2, device="cuda", generator=torch.Generator()),
    ],
)
def test_the_pretended_gpu_refuses_what_a_gpu_would(gpu: Gpu, mistake: Callable[..., Any]) -> None:
    here, there = torch.zeros(2, device="cuda"), torch.zeros(2)
    assert here.device.type == here[:1].device.type == here.cpu().to("cuda").device.type == "cuda"
    assert on_gpu(here + torch.tensor(3.0)) and on_gpu(here[there.long()])
    with pytest.raises((RuntimeError, TypeError)):
        mistake(here, there)


@pytest.mark.parametrize("lanes", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_train_validate_and_tag(gpu: Gpu, tmp_path: Path, lanes: int) -> None:
    """One alone; and with three lanes one that ends leaves its place to the fourth."""
    runs = make("cuda")[1:2] if lanes == 1 else make("cuda")
    train(runs, lanes, tmp_path)
    for run in runs:
        assert all(on_gpu(parameter) for parameter in run.module.parameters())
        tagger = Tagger.from_pretrained(tmp_path / run.id, device="cuda")
        sentences = [("neither", "was", "there"), run.pairs("dev")[0][1].tokens]
        assert tagger.tag(sentences) == Tagger.from_pretrained(tmp_path / run.id).tag(sentences)


@pytest.mark.slow
def test_tokens_without_a_label(gpu: Gpu, tmp_path: Path) -> None:
    train(make("cuda", unlabelled=0.3)[1:3], 2, tmp_path, epochs=1)


@pytest.mark.parametrize(("first", "second"), [("cuda", "cpu"), pytest.param("cpu", "cuda", marks=pytest.mark.slow)])
def test_a_run_goes_on_wherever_it_began(gpu: Gpu, tmp_path: Path, first: str, second: str) -> None:
    train(make(first, max_epochs=2)[2:3], 1, tmp_path, epochs=1)
    (path,) = tmp_path.glob("*/checkpoint.safetensors")
    tensors, told = read_tensors(path)
    state = json.loads(told["state"]) | {"scores": [101.0]}  # nothing better comes after it
    write_tensors(path, tensors, {"state": json.dumps(state)})
    (run,) = make(second, max_epochs=2)[2:3]
    train([run], 1, tmp_path)
    assert read_json(tmp_path / run.id / "result.json")["best_epoch"] == 1
    assert len({parameter.device for parameter in (*run.module.parameters(), *run.best.values())}) == 1


def test_an_update_waits_for_the_gpu_only_where_it_must(gpu: Gpu) -> None:
    """Three times for the layout of the forms, once for the losses, and once for every CRF to see that none failed.

    Without dropout, whose masks only torch draws on the CPU: a GPU has a kernel for it.
    """
    runs = make("cuda", {"dropout": 0.0, "character_dropout": 0.0}, batch_size=2)[1:]
    optimizer = LaneOptimizer(runs)
    list(advance(optimizer))
    gpu.counts.clear()
    assert all(isinstance(event, Updated) for event in advance(optimizer))
    waits = {key: number for key, number in gpu.counts.items() if key[0] == "wait"}
    crfs = {len(labels) for run in runs for labels in run.vocabulary.labels.values()}
    assert sum(waits.values()) <= 4 + len(crfs), waits
