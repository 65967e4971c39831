"""``training.tag_weights``: sentences with rare tags count more, alone and side by side with other runs."""

import pytest
import torch
from helpers import make_corpora, make_run

from tagmates.batching.batches import collate
from tagmates.config import Sharing
from tagmates.errors import ConfigError
from tagmates.model.network import losses
from tagmates.settings_parsing import resolve
from tagmates.training.lane_optimizer import LaneOptimizer
from tagmates.training.loop import train_side_by_side
from tagmates.training.run import Run

TAGS = {"colour": ("O", "RED", "BLUE"), "shape": ("O", "B", "I", "E", "S")}
WEIGHTS = {"colour": {"RED": 5.0, "O": 0.5}}
SHARINGS: tuple[Sharing, ...] = ("multi_dec", "te_dec", "te_enc")


def run_of(sharing: Sharing, weights: dict[str, dict[str, float]], unlabelled: float = 0) -> Run:
    given = {"tag_weights": weights, "transition_l2": 0.0, "batch_size": 8, "max_epochs": 2}
    corpora = make_corpora(1, TAGS, unlabelled=unlabelled)
    return make_run(corpora, sharing, model={"dropout": 0, "character_dropout": 0}, training=given)


@pytest.mark.parametrize("unlabelled", [0, 0.3])
@pytest.mark.parametrize("sharing", SHARINGS)
def test_a_sentence_counts_as_much_as_the_mean_of_its_tags(sharing: Sharing, unlabelled: float) -> None:
    run = run_of(sharing, WEIGHTS, unlabelled)
    run.begin_epoch()
    selection, draw = run.select()
    optimizer = LaneOptimizer([run])
    found = losses(
        [run.module], collate([selection]), [draw], optimizer.weights, optimizer.transition_l2, optimizer.tag_weights
    )
    expected = torch.zeros(1)
    pairs = run.pairs("train")
    for number in run.batches[0].tolist():
        task, sentence = pairs[number]
        tags = [tag for tag in sentence.labels if tag is not None]
        own = [WEIGHTS.get(task, {}).get(tag, 1.0) for tag in tags]
        weight = sum(own) / len(own) if own else 1.0
        alone = type(selection).own_tasks(selection.corpus, torch.tensor([number]))
        expected = expected + weight * losses(
            [run.module], collate([alone]), None, optimizer.weights, optimizer.transition_l2
        )
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_runs_side_by_side_have_their_own_weights() -> None:
    chosen = (WEIGHTS, {}, {"shape": {"S": 3.0}})
    alone = [run_of("multi_dec", weights) for weights in chosen]
    for run in alone:
        list(train_side_by_side([run]))
    together = [run_of("multi_dec", weights) for weights in chosen]
    list(train_side_by_side(together, lanes=3))
    for one, other in zip(alone, together, strict=True):
        assert one.history[0]["loss"] == pytest.approx(other.history[0]["loss"], rel=1e-4)
    assert len({run.history[0]["loss"] for run in alone}) == 3


@pytest.mark.parametrize("sharing", SHARINGS)
def test_a_tag_of_another_task_is_refused(sharing: Sharing) -> None:
    """Also where both tasks have one decoder."""
    with pytest.raises(ConfigError, match=r"training\.tag_weights\.colour: 'S' is no tag of the task"):
        run_of(sharing, {"colour": {"S": 2.0}}).tag_weights()


def test_a_tag_may_have_dots() -> None:
    config = resolve("paper", None, ["training.tag_weights.colour.n.RED=5"], {"tasks": ("colour",)})
    assert config.training.tag_weights == {"colour": {"n.RED": 5}}


def test_weights_of_one_change_nothing() -> None:
    plain, ones = run_of("te_dec", {}), run_of("te_dec", {"colour": {"RED": 1.0}})
    for run in (plain, ones):
        list(train_side_by_side([run]))
    assert [line["loss"] for line in plain.history] == [line["loss"] for line in ones.history]


def test_unknown_tags_and_tasks_are_named() -> None:
    with pytest.raises(ConfigError, match=r"training.tag_weights.colour: 'RAD' is no tag of the task .*'RED'"):
        run_of("multi_dec", {"colour": {"RAD": 2.0}})
    with pytest.raises(ValueError, match="names 'color'"):
        run_of("multi_dec", {"color": {"RED": 2.0}})


def test_padding_covers_tasks_and_labels_of_all_lanes() -> None:
    runs = [run_of("multi_dec", {"colour": {"RED": 2.0}}), run_of("te_dec", {})]
    weights = LaneOptimizer(runs).tag_weights
    assert weights is not None
    sizes = [max(map(len, run.vocabulary.labels.values())) for run in runs]
    assert weights.shape == (2, 2, max(sizes))
