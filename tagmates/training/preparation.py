"""From a configuration, tasks and vectors to a run before its first update (protocol sections 1 and 2)."""

from collections.abc import Mapping
from itertools import chain

import numpy as np
import torch

from tagmates.batching.corpus import Forms, build_corpus
from tagmates.batching.vectors import Vectors
from tagmates.batching.vocabulary import Vocabulary, build_vocabulary, singletons
from tagmates.config import RunConfig
from tagmates.data.indexing import IndexedTask
from tagmates.data.sentence import task_token
from tagmates.data.task import SPLITS, Task
from tagmates.data.task_data import TaskData, task_data
from tagmates.model.recurrent import RecurrentTagger
from tagmates.run_id import former_run_id, run_id
from tagmates.training.run import Run
from tagmates.training.schedule import Schedule


def prepare_run(
    config: RunConfig,
    tasks: Mapping[str, Task],
    indexed: Mapping[str, IndexedTask],
    vectors: Vectors,
    device: str = "cpu",
) -> Run:
    """A run before its first update, with its vocabulary, indexed sentences and initial parameters.

    ``indexed`` holds the sentences of at least the run's tasks. Raises DataError if the vectors do not have the size
    that the configuration asks for.
    """
    vectors.check_size(config.model.word_size)
    vocabulary = vocabulary_of(config, tasks, indexed, vectors)
    token = config.sharing == "te_enc"
    # split -> its sentences by task, without tasks and splits that have none
    splits = {
        split: by_task
        for split in SPLITS
        if (by_task := [(name, part) for name in config.tasks if (part := indexed[name].splits.get(split))])
    }
    tokens = chain.from_iterable(part.forms for by_task in splits.values() for _, part in by_task)
    forms = Forms.of(chain(map(task_token, config.tasks), tokens) if token else tokens, vocabulary).to(device)
    module = RecurrentTagger(vocabulary, config.sharing, config.model, config.seed, vectors).to(device)
    singles = singletons(part for _, part in splits["train"]) if vocabulary.unknown else set()
    data = {name: task_data(tasks[name], indexed[name]) for name in config.tasks}
    own_id, former_id = run_ids(config, data, vectors.digest(vocabulary.words))
    return Run(
        config=config,
        tasks={name: tasks[name] for name in config.tasks},
        vocabulary=vocabulary,
        gold={split: {name: part.sentences for name, part in by_task} for split, by_task in splits.items()},
        corpora={s: build_corpus(by_task, vocabulary, forms, token=token).to(device) for s, by_task in splits.items()},
        rare=torch.from_numpy(np.fromiter((form.lower() in singles for form in forms.index), dtype=np.bool_)),
        module=module,
        vectors=vectors,
        # fused, because it makes one pass over each table instead of a dozen
        optimizer=torch.optim.Adam(module.parameters(), lr=config.training.learning_rate, fused=True),
        schedule=Schedule(config.training.learning_rate, strict=config.training.patience == "strict"),
        task_data=data,
        id=own_id,
        former_id=former_id,
    )


def vocabulary_of(
    config: RunConfig, tasks: Mapping[str, Task], indexed: Mapping[str, IndexedTask], vectors: Vectors
) -> Vocabulary:
    """The vocabulary of a run's tasks."""
    splits = {name: indexed[name].splits for name in config.tasks}
    unknown = config.training.unknown_rate > 0
    outside = {name: tasks[name].trained_outside for name in config.tasks}
    return build_vocabulary(splits, config.sharing, unknown=unknown, has_vector=vectors.index, outside=outside)


def run_ids(config: RunConfig, data: Mapping[str, TaskData], vectors: str) -> tuple[str, str]:
    """The id of a run, and its id in an earlier tagmates; ``vectors`` is the digest of its words' vectors."""
    former = {task: [hashes["digest"], hashes["score"]] for task, hashes in data.items()}
    return (
        run_id(config, {"data": data, "vectors": vectors}),
        former_run_id(config, {"data": former, "vectors": vectors}),
    )
