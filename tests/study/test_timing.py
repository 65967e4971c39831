"""Timing of trainings for the plan's estimate."""

from typing import Any

import pytest

from tagmates.config import ModelSettings, RunConfig, TrainingSettings
from tagmates.errors import DataError
from tagmates.study import timing
from tagmates.study.timing import time_together, time_training

SMALL = ModelSettings(hidden_size=8)


def config(tasks: tuple[str, ...] = ("upos",), **training: Any) -> RunConfig:
    sharing = "stl" if len(tasks) == 1 else "multi_dec"
    return RunConfig(tasks=tasks, sharing=sharing, vectors="random", model=SMALL, training=TrainingSettings(**training))


@pytest.mark.parametrize("training", [{}, {"max_updates": 2}, {"max_epochs": 1}])
def test_a_training_of_any_length_is_timed(monkeypatch: pytest.MonkeyPatch, training: dict[str, Any]) -> None:
    """Also one that ends before the warm-up does, and one in the middle of which epochs end."""
    monkeypatch.setattr(timing, "WARM_UP", (3, 0.0))
    monkeypatch.setattr(timing, "MEASUREMENT", (12, 0.0))
    found = time_training(config(**training), "starter")
    assert found.training > 0
    assert 0 < found.tagging < float("inf")
    assert found.preparation > 0


def test_the_clock_counts_only_what_comes_after_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first updates are made slow; what they take must not be in the speed."""
    monkeypatch.setattr(timing, "WARM_UP", (3, 0.0))
    monkeypatch.setattr(timing, "MEASUREMENT", (2, 0.0))
    original, seen = timing.train_side_by_side, []

    def slow_at_first(runs: Any) -> Any:
        for event in original(runs):
            if isinstance(event, timing.Updated):
                seen.append(event.tokens)
                event.run.seconds = sum(100.0 if i < 3 else 1.0 for i in range(len(seen)))
            yield event

    monkeypatch.setattr(timing, "train_side_by_side", slow_at_first)
    found = time_training(config(), "starter")
    assert found.training == pytest.approx(sum(seen[3:5]) / 2)


def test_trainings_are_timed_in_a_process_of_their_own() -> None:
    both = [config(max_updates=2), config(("upos", "chunk"), max_updates=2)]
    ((first, second),) = time_together([both], "starter")
    assert min(first.training, second.training) > 0


@pytest.mark.slow
def test_two_processes_time_trainings_at_once() -> None:
    both = (config(max_updates=2), config(("upos", "chunk"), max_updates=2))
    (first,), (second,) = time_together([[each] for each in both], "starter")
    assert min(first.training, second.training) > 0


@pytest.mark.slow
def test_errors_of_timing_processes_come_back() -> None:
    with pytest.raises(DataError, match="nowhere"):
        time_together([[config()]], "/nowhere")
