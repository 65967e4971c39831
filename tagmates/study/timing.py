"""The speed of trainings, timed in as many processes as a study will use, at the same time."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from tagmates.batching.batches import LaneSelection, collate
from tagmates.batching.lane_corpora import LaneCorpora
from tagmates.config import RunConfig
from tagmates.kernels.build import compiled
from tagmates.model.network import decode
from tagmates.processes import open_pool, without_interrupts
from tagmates.study.task_cache import load_start, prepare
from tagmates.training.loop import Ended, Updated, train_side_by_side
from tagmates.training.predict import batches_of
from tagmates.training.run import Run

WARM_UP = (3, 1.0)  # updates and seconds before the clock starts: the first ones are slower
MEASUREMENT = (5, 3.0)  # updates and seconds that are timed at least


@dataclass(frozen=True, slots=True)
class Timed:
    """What one training needs while other processes train too."""

    training: float  # tokens per second in updates
    tagging: float  # tokens per second of a dev or test set
    preparation: float  # seconds before the first update


def time_together(assigned: Sequence[Sequence[RunConfig]], data: str) -> list[list[Timed]]:
    """Time trainings on the CPU, each list in a process of its own with one thread, all processes at the same time."""
    compiled()  # once, for all processes
    with open_pool(len(assigned)) as pool:
        with without_interrupts():
            found = pool.map(_time_all, assigned, [data] * len(assigned))
        return list(found)


def _time_all(configs: Sequence[RunConfig], data: str) -> list[Timed]:
    return [time_training(config, data) for config in configs]


def time_training(config: RunConfig, data: str) -> Timed:
    """Time some updates of a training after a warm-up, and how fast it tags its dev set."""
    load_start(config, data)  # what a worker loads only once is not counted
    began = time.monotonic()
    run = prepare(config, data, "cpu")
    preparation = time.monotonic() - began
    tokens, seconds, known = 0, 0.0, (0, 0.0)
    updates, before = 0, 0.0
    for event in train_side_by_side([run]):
        if isinstance(event, Ended):
            break
        if isinstance(event, Updated):
            updates += 1
            tokens += event.tokens
            seconds += run.seconds - before
            if known == (0, 0.0) and updates >= WARM_UP[0] and seconds >= WARM_UP[1]:
                known, updates = (tokens, seconds), 0
            elif known != (0, 0.0) and updates >= MEASUREMENT[0] and seconds - known[1] >= MEASUREMENT[1]:
                break
        before = run.seconds  # without the validation at the end of an epoch
    spent = (tokens - known[0], seconds - known[1]) if tokens > known[0] else (tokens, seconds)
    return Timed(spent[0] / max(spent[1], 1e-9), _tagging_speed(run), preparation)


def _tagging_speed(run: Run) -> float:
    """Tokens per second in two batches of the dev set; infinite without one."""
    corpus = run.corpora.get("dev")
    if corpus is None:
        return float("inf")
    batches = list(batches_of(corpus))
    tables = run.module.open_tables(len(run.vocabulary.words))
    lanes = LaneCorpora.of([corpus], run.module.device)
    speeds = []
    for sentences in (batches[len(batches) // 3], batches[2 * len(batches) // 3]):
        began = time.monotonic()
        decode([run.module], collate([LaneSelection.own_tasks(corpus, sentences)], lanes), [tables])
        speeds.append(int(corpus.lengths[sentences].sum()) / max(time.monotonic() - began, 1e-9))
    return max(speeds)  # the first one also warms up
