"""tagmates.training.schedule: halving against torch's scheduler, stopping against protocol section 3."""

from typing import Any, Literal

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import ReduceLROnPlateau

from tagmates.config import TrainingSettings
from tagmates.training.ending import ending_warnings
from tagmates.training.schedule import Schedule

PAPER = TrainingSettings()

# coarse scores make ties, near ones differ by less than the threshold, all are F1 in percent
some_scores = st.lists(
    st.integers(0, 6).map(float)
    | st.floats(0, 100)
    | st.builds(lambda i: 90 * (1 + 1e-4) ** (i / 4), st.integers(0, 40)),
    max_size=60,
)


def rates(scores: list[float], training: TrainingSettings = PAPER) -> list[float]:
    schedule = Schedule(training.learning_rate)
    found = []
    for score in scores:
        schedule.step(score, training)
        found.append(schedule.learning_rate)
    return found


def rates_of_torch(scores: list[float], training: TrainingSettings = PAPER, **options: float) -> list[float]:
    optimizer = torch.optim.Adam([torch.zeros(1)], lr=training.learning_rate)
    scheduler = ReduceLROnPlateau(
        optimizer,
        mode="max",
        factor=0.5,
        patience=training.halving_patience,
        threshold=1e-4,
        threshold_mode="rel",
        **options,
    )
    found = []
    for score in scores:
        scheduler.step(score)
        found.append(optimizer.param_groups[0]["lr"])
    return found


def reason_at_each_epoch(scores: list[float], training: TrainingSettings = PAPER) -> list[str | None]:
    schedule = Schedule(training.learning_rate)
    found = []
    for score in scores:
        schedule.step(score, training)
        found.append(schedule.why_stop(training, updates=len(found) + 1))
    return found


def should_stop(scores: list[float], patience: int) -> bool:
    """The best of the last epochs is strictly below the best of all: below one of the epochs before them."""
    earlier, recent = scores[:-patience], scores[-patience:]
    return any(all(score > later for later in recent) for score in earlier)


class TestHalving:
    @given(scores=some_scores, patience=st.integers(0, 4))
    @example(scores=[0.0] * 60, patience=2)
    @example(scores=[90.0, 90.009, 90.0, 90.0090001, 90.0, 90.0], patience=2)
    def test_torch_halves_at_the_same_epochs(self, scores: list[float], patience: int) -> None:
        training = TrainingSettings(halving_patience=patience)
        assert rates(scores, training) == rates_of_torch(scores, training, eps=0)

    @given(scores=some_scores)
    def test_torch_as_it_comes(self, scores: list[float]) -> None:
        # by default torch leaves a rate alone that a halving would change by less than 1e-8
        assert rates(scores) == pytest.approx(rates_of_torch(scores), rel=1e-12, abs=2e-8)

    def test_the_third_flat_epoch_halves(self) -> None:
        assert rates([50, 50, 50, 50, 50, 50, 50]) == [1e-3, 1e-3, 1e-3, 5e-4, 5e-4, 5e-4, 2.5e-4]

    def test_a_better_epoch_resets_the_counter(self) -> None:
        assert rates([50, 49, 49, 51, 50, 50, 50]) == [1e-3] * 6 + [5e-4]

    def test_better_means_better_by_the_threshold(self) -> None:
        assert rates([50, 50.005, 50.005, 50.005])[-1] == 5e-4
        assert rates([50, 50.0051, 50, 50])[-1] == 1e-3

    def test_creeping_scores_are_compared_with_the_last_real_best(self) -> None:
        assert rates([50, 50.004, 50.008, 50.012])[-1] == 1e-3  # 50.008 beats 50 by the threshold
        assert rates([50, 50.001, 50.002, 50.003])[-1] == 5e-4

    def test_zero_scores_are_flat(self) -> None:
        assert rates([0, 0, 0, 0])[-1] == 5e-4


class TestFixed:
    """The controls of training length must not depend on the dev score."""

    @given(scores=some_scores)
    def test_no_score_changes_a_constant_rate(self, scores: list[float]) -> None:
        training = TrainingSettings(schedule="constant", halving_patience=0)
        assert rates(scores, training) == [training.learning_rate] * len(scores)

    @given(scores=some_scores.filter(len), total=st.integers(1, 500), others=some_scores)
    def test_a_linear_rate_is_that_of_torch_whatever_the_scores(
        self, scores: list[float], total: int, others: list[float]
    ) -> None:
        training = TrainingSettings(schedule="linear", max_updates=total, halving_patience=0)
        optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=training.learning_rate)
        scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, total)
        schedule, after = Schedule(training.learning_rate), Schedule(training.learning_rate)
        for score in others:
            after.step(score, training)
        for updates in range(total):
            if updates < len(scores):
                schedule.step(scores[updates], training)
            assert schedule.rate(training, updates, total) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
            assert schedule.rate(training, updates, total) == after.rate(training, updates, total)
            optimizer.step()
            scheduler.step()
        assert schedule.rate(training, 0, total) == training.learning_rate
        assert schedule.rate(training, total, total) == 0

    @given(total=st.integers(1, 60), warmup=st.floats(0, 0.99))
    def test_with_warm_up_the_rate_rises_in_equal_steps_to_the_highest_and_then_falls(
        self, total: int, warmup: float
    ) -> None:
        training = TrainingSettings(schedule="linear", warmup=warmup)
        rates = [Schedule(1.0).rate(training, updates, total) for updates in range(total)]
        rising = int(warmup * total)
        assert rates[:rising] == pytest.approx([(n + 1) / rising for n in range(rising)])
        assert rates[rising] == 1
        falling = total - rising
        assert rates[rising:] == pytest.approx([1 - n / falling for n in range(falling)])

    @pytest.mark.parametrize("schedule", ["halving", "constant"])
    def test_the_other_two_do_not_look_at_updates(self, schedule: Literal["halving", "constant"]) -> None:
        training = TrainingSettings(schedule=schedule, max_updates=10)
        assert {Schedule(1e-3).rate(training, updates, 10) for updates in range(10)} == {1e-3}

    @given(scores=some_scores.filter(len), fixed=st.sampled_from(["constant", "linear"]))
    def test_best_epoch_and_stopping_are_the_same(self, scores: list[float], fixed: Any) -> None:
        training = TrainingSettings(schedule=fixed, max_updates=len(scores))
        halving, other = Schedule(1e-3), Schedule(1e-3)
        for updates, score in enumerate(scores, 1):
            halving.step(score, TrainingSettings(max_updates=len(scores)))
            other.step(score, training)
            assert (halving.best_epoch, halving.is_best) == (other.best_epoch, other.is_best)
            assert other.why_stop(training, updates) == ("updates" if updates == len(scores) else None)


class TestStopping:
    def test_ten_epochs_below_the_best(self) -> None:
        assert reason_at_each_epoch([60, *[59] * 10]) == [None] * 10 + ["patience"]

    def test_a_tie_starts_the_ten_anew(self) -> None:
        assert reason_at_each_epoch([60, *[59] * 9, 60, *[59] * 10]) == [None] * 20 + ["patience"]

    def test_rising_scores_go_on_to_the_cap(self) -> None:
        assert reason_at_each_epoch([float(i) for i in range(100)]) == [None] * 99 + ["cap"]

    def test_equal_scores_go_on_to_the_cap(self) -> None:
        assert reason_at_each_epoch([71.19] * 100) == [None] * 99 + ["cap"]

    def test_an_early_best_is_not_forgotten(self) -> None:
        assert reason_at_each_epoch([60, *[float(i) for i in range(30, 50)]])[9:12] == [None, "patience", "patience"]

    def test_other_settings(self) -> None:
        training = TrainingSettings(stopping_patience=1, max_epochs=3)
        assert reason_at_each_epoch([5, 4], training) == [None, "patience"]
        assert reason_at_each_epoch([4, 5, 6], training) == [None, None, "cap"]
        assert reason_at_each_epoch([4], TrainingSettings(max_epochs=1)) == ["cap"]

    @given(scores=some_scores, patience=st.integers(1, 12), cap=st.integers(1, 60))
    def test_the_rule_of_the_protocol(self, scores: list[float], patience: int, cap: int) -> None:
        training = TrainingSettings(stopping_patience=patience, max_epochs=cap)
        for epoch, reason in enumerate(reason_at_each_epoch(scores, training), 1):
            if should_stop(scores[:epoch], patience):
                assert reason == "patience"
            else:
                assert reason == ("cap" if epoch >= cap else None)


class TestUpdates:
    @given(
        scores=some_scores.filter(len),
        epoch_updates=st.integers(1, 9),
        total=st.integers(1, 300),
        patience=st.integers(1, 3),
        cap=st.integers(1, 5),
    )
    def test_a_number_of_updates_ends_training_and_nothing_else(
        self, scores: list[float], epoch_updates: int, total: int, patience: int, cap: int
    ) -> None:
        training = TrainingSettings(max_updates=total, stopping_patience=patience, max_epochs=cap)
        schedule = Schedule(training.learning_rate)
        for epoch, score in enumerate(scores, 1):
            updates = min(epoch * epoch_updates, total)
            schedule.step(score, training)
            assert schedule.why_stop(training, updates) == ("updates" if updates == total else None)

    def test_without_a_number_updates_do_not_count(self) -> None:
        schedule = Schedule(1e-3)
        schedule.step(50, PAPER)
        assert schedule.why_stop(PAPER, updates=10**9) is None
        assert schedule.why_stop(TrainingSettings(epoch_updates=5), updates=10**9) is None

    def test_halving_goes_on(self) -> None:
        training = TrainingSettings(max_updates=100, epoch_updates=10)
        assert rates([50.0] * 7, training) == rates([50.0] * 7)


class TestBest:
    @given(scores=some_scores.filter(len))
    def test_the_best_epoch_is_the_later_of_equals(self, scores: list[float]) -> None:
        schedule = Schedule(1e-3)
        marked = 0
        for epoch, score in enumerate(scores, 1):
            schedule.step(score, PAPER)
            marked = epoch if schedule.is_best else marked
            assert schedule.best_epoch == marked  # the weights that a run keeps are those of this epoch
        best = schedule.best_epoch
        assert scores[best - 1] == max(scores)
        assert all(score < max(scores) for score in scores[best:])

    def test_a_tie(self) -> None:
        schedule = Schedule(1e-3)
        for score in (3, 5, 5, 4):
            schedule.step(score, PAPER)
        assert (schedule.best_epoch, schedule.is_best) == (3, False)

    def test_schedules_share_nothing(self) -> None:
        one, other = Schedule(1e-3), Schedule(1e-3)
        one.step(5, PAPER)
        assert other.scores == []


# --- patience = "strict", of every preset but the paper's ------------------------------------------------------------


def test_a_low_learning_rate_is_no_dead_one() -> None:
    training = TrainingSettings(patience="strict", min_learning_rate=1e-5, learning_rate=1e-6)
    assert strictly([1.0], training).why_stop(training, 1) is None
    assert strictly([1.0] * 4, training).why_stop(training, 4) == "rate"


STRICT = TrainingSettings(patience="strict", min_learning_rate=1e-5)


def strictly(scores: list[float], training: TrainingSettings = STRICT) -> Schedule:
    schedule = Schedule(training.learning_rate, strict=True)
    for score in scores:
        schedule.step(score, training)
    return schedule


@given(some_scores.filter(bool))
def test_the_first_of_equals_is_the_best_epoch(scores: list[float]) -> None:
    schedule = strictly(scores)
    assert schedule.best_epoch == scores.index(max(scores)) + 1
    assert schedule.is_best == (scores.index(max(scores)) == len(scores) - 1)


@given(st.integers(1, 99))
def test_a_standstill_at_zero_is_none(epochs: int) -> None:
    schedule = strictly([0.0] * epochs)
    assert schedule.learning_rate == STRICT.learning_rate
    assert schedule.why_stop(STRICT, epochs) is None
    assert strictly([0.0] * 100).why_stop(STRICT, 100) == "cap"


@given(st.integers(0, 50), st.floats(0.01, 100))
def test_equal_scores_count_as_a_standstill(zeros: int, score: float) -> None:
    """Ten epochs that equal the best end training; by the paper's rule they never do."""
    scores = [0.0] * zeros + [score] * 10
    assert strictly(scores).why_stop(STRICT, 0) is None
    assert strictly([*scores, score]).why_stop(STRICT, 0) == "patience"
    paper = Schedule(PAPER.learning_rate)
    for each in [*scores, score]:
        paper.step(each, PAPER)
    assert paper.why_stop(PAPER, 0) is None


@given(some_scores)
def test_no_epoch_is_trained_at_a_dead_rate(scores: list[float]) -> None:
    patient = STRICT.model_copy(update={"stopping_patience": 1000, "max_epochs": 1000})
    schedule = Schedule(patient.learning_rate, strict=True)
    for number, score in enumerate(scores, start=1):
        schedule.step(score, patient)
        stopped = schedule.why_stop(patient, number)
        assert (stopped == "rate") == (schedule.learning_rate < 1e-5)
        if stopped:
            break


@given(st.lists(st.floats(0.01, 100), unique=True, min_size=1, max_size=60))
def test_without_zeros_and_ties_strict_is_the_papers_way(scores: list[float]) -> None:
    ours, papers = strictly(scores), Schedule(PAPER.learning_rate)
    for score in scores:
        papers.step(score, PAPER)
    assert (ours.best_epoch, ours.learning_rate) == (papers.best_epoch, papers.learning_rate)
    assert ours.why_stop(PAPER, 0) == papers.why_stop(PAPER, 0)


@pytest.mark.parametrize(
    ("reason", "scores", "rate", "said"),
    [
        ("patience", [1.0, 50.0], 1e-3, []),
        ("cap", [1.0, 50.0], 1e-3, ["by the cap of 100 epochs"]),
        ("cap", [0.0, 0.0], 1e-3, ["dev F1 was 0 in all 2 epochs"]),
        ("cap", [50.0, 100.0], 1e-3, []),
        ("rate", [1.0, 50.0], 7.8e-6, ["halved down to 7.8e-06"]),
        ("cap", [1.0, 50.0], 2.3e-13, ["by the cap of 100 epochs", "halved down to 2.3e-13"]),
    ],
)
def test_a_run_that_ends_without_having_learned_says_so(
    reason: str, scores: list[float], rate: float, said: list[str]
) -> None:
    warnings = ending_warnings(STRICT, reason, scores, rate)
    assert len(warnings) == len(said)
    assert all(part in text for part, text in zip(said, warnings, strict=True))


def test_a_dev_set_without_spans_is_told_instead() -> None:
    warnings = ending_warnings(STRICT, "patience", [0.0, 0.0], 1e-3, ["ner"])
    assert warnings == ["dev of ner has nothing to find, so its F1 is 0 whatever was learned; choose another dev set"]
