"""From a configuration, tasks and vectors to a run before its first update (protocol sections 1 and 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import torch

from tagmates.batching.corpus import Corpus, Forms, build_corpus
from tagmates.batching.sampling import updates_of_epoch
from tagmates.batching.vectors import NO_VECTORS, Vectors, find_vectors
from tagmates.batching.vocabulary import Vocabulary, build_vocabulary, singletons
from tagmates.config import RunConfig, TrainingSettings, names_encoder
from tagmates.data.archive import archive_at, read_header
from tagmates.data.indexing import IndexedTask
from tagmates.data.sentence import task_token
from tagmates.data.task import SPLITS, Task
from tagmates.data.task_data import TaskData, task_data
from tagmates.errors import DataError
from tagmates.model.encoders import encoder_vocabulary, make_module
from tagmates.model.network import TaggerModule
from tagmates.model.pretrained_encoder import PretrainedEncoder, load_encoder
from tagmates.run_id import former_run_id, run_id
from tagmates.training.run import Run
from tagmates.training.schedule import Schedule


def prepare_run(
    config: RunConfig,
    tasks: Mapping[str, Task],
    indexed: Mapping[str, IndexedTask],
    vectors: Vectors,
    device: str = "cpu",
    encoder: PretrainedEncoder | None = None,
) -> Run:
    """A run before its first update, with its vocabulary, indexed sentences and initial parameters.

    ``indexed`` holds the sentences of at least the run's tasks; ``encoder`` is the one that the configuration names.
    Raises DataError if the vectors do not have the size that the configuration asks for, and ConfigError for weights of
    unknown tags.
    """
    if encoder is None:
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
    module = make_module(config, vocabulary, vectors, encoder).to(device)
    every = chain(map(task_token, config.tasks), tokens) if token else tokens
    forms = Forms.of(every, vocabulary, spell=module.spell).to(device)
    singles = singletons(part for _, part in splits["train"]) if vocabulary.unknown else set()
    data = {name: task_data(tasks[name], indexed[name]) for name in config.tasks}
    own_id, former_id = run_ids(config, data, vectors.digest(vocabulary.words) if encoder is None else encoder.digest)
    corpora: dict[str, Corpus] = {
        split: replace(
            build_corpus(by_task, vocabulary, forms, token=token),
            states=module.corpus_states([part for _, part in by_task]),
        ).to(device)
        for split, by_task in splits.items()
    }
    run = Run(
        config=config,
        tasks={name: tasks[name] for name in config.tasks},
        vocabulary=vocabulary,
        gold={split: {name: part.sentences for name, part in by_task} for split, by_task in splits.items()},
        corpora=corpora,
        rare=torch.from_numpy(np.fromiter((form.lower() in singles for form in forms.index), dtype=np.bool_)),
        module=module,
        vectors=vectors,
        encoder=encoder,
        optimizer=make_optimizer(module, config.training),
        schedule=Schedule(config.training.learning_rate, strict=config.training.patience == "strict"),
        task_data=data,
        id=own_id,
        former_id=former_id,
        total_updates=total_updates(config, [len(part) for _, part in splits["train"]]),
    )
    run.tag_weights()  # raises for a tag that no task has
    return run


def find_start(vectors: str, encoder: str, data: str) -> tuple[Vectors, PretrainedEncoder | None]:
    """What a run starts from: word vectors, or a pretrained encoder in their place, unless ``encoder`` is empty.

    Raises DataError or ModelError if they are not there, or are not those with which the archive ``data`` was packed.
    """
    if not encoder:
        return find_vectors(vectors, data), None
    found = load_encoder(encoder)
    archive = archive_at(data)
    held = "" if archive is None else read_header(archive).vectors
    if names_encoder(held) and held != found.name:
        raise DataError(f"{encoder}: is {found.name}, {archive} was packed for {held}; give that one with --encoder")
    return NO_VECTORS, found


def make_optimizer(module: TaggerModule, settings: TrainingSettings) -> torch.optim.Adam | torch.optim.AdamW:
    """Adam, or AdamW, whose weights do not decay where they are vectors, such as biases and scales.

    A pretrained encoder's own parameters have the ``factor`` that gives them ``encoder_learning_rate``.
    """
    encoder = {id(parameter) for parameter in module.pretrained_parameters()}
    factor = (settings.encoder_learning_rate or settings.learning_rate) / settings.learning_rate
    decay = settings.weight_decay if settings.optimizer == "adamw" else 0.0
    groups: dict[tuple[bool, bool], dict[str, Any]] = {
        (own, flat): {"params": [], "factor": factor if own else 1.0, "weight_decay": 0.0 if flat else decay}
        for own in (False, True)
        for flat in (False, True)
    }
    for parameter in module.parameters():
        groups[id(parameter) in encoder, bool(decay) and parameter.ndim < 2]["params"].append(parameter)
    filled = [group for group in groups.values() if group["params"]]
    kind = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.AdamW
    # fused, because it makes one pass over each table instead of a dozen
    return kind(filled, lr=settings.learning_rate, fused=True)


def total_updates(config: RunConfig, sizes: Sequence[int]) -> int:
    """The number of updates of a training that nothing ends early; ``sizes`` are the tasks' training sets."""
    training = config.training
    return training.max_updates or training.max_epochs * updates_of_epoch(config.tasks, sizes, training)


def vocabulary_of(
    config: RunConfig, tasks: Mapping[str, Task], indexed: Mapping[str, IndexedTask], vectors: Vectors
) -> Vocabulary:
    """The vocabulary of a run's tasks."""
    splits = {name: indexed[name].splits for name in config.tasks}
    unknown = config.training.unknown_rate > 0
    outside = {name: tasks[name].trained_outside for name in config.tasks}
    found = build_vocabulary(splits, config.sharing, unknown=unknown, has_vector=vectors.index, outside=outside)
    return encoder_vocabulary(config, found)


def run_ids(config: RunConfig, data: Mapping[str, TaskData], vectors: str) -> tuple[str, str]:
    """The id of a run, and its id in an earlier tagmates; ``vectors`` is the digest of its words' vectors."""
    former = {task: [hashes["digest"], hashes["score"]] for task, hashes in data.items()}
    return (
        run_id(config, {"data": data, "vectors": vectors}),
        former_run_id(config, {"data": former, "vectors": vectors}),
    )
