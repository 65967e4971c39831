"""From a configuration, tasks and vectors to a run before its first update (protocol sections 1 and 2)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import nn

from tagmates.batching.corpus import Corpus, Forms, build_corpus
from tagmates.batching.sampling import updates_of_epoch
from tagmates.batching.vocabulary import Vocabulary, build_vocabulary, singletons
from tagmates.config import RunConfig, TrainingSettings
from tagmates.data.indexing import IndexedSplit, IndexedTask
from tagmates.data.sentence import task_token
from tagmates.data.task import SPLITS, Task
from tagmates.data.task_data import TaskData, task_data
from tagmates.errors import DataError
from tagmates.model.encoders import encoder_vocabulary, extend_module, make_module
from tagmates.model.extension import merge_vocabularies
from tagmates.model.network import TaggerModule
from tagmates.run_id import former_run_id, run_id
from tagmates.training.run import Run
from tagmates.training.schedule import Schedule
from tagmates.training.start import Start


def prepare_run(
    config: RunConfig,
    tasks: Mapping[str, Task],
    indexed: Mapping[str, IndexedTask],
    start: Start,
    device: str = "cpu",
) -> Run:
    """A run before its first update, with its vocabulary, indexed sentences and initial parameters.

    ``indexed`` holds the sentences of at least the run's tasks; ``start`` is what the configuration names. Raises
    DataError if the vectors do not have the size that the configuration asks for, and ConfigError for weights of
    unknown tags.
    """
    if start.encoder is None:
        start.vectors.check_size(config.model.word_size)
    vocabulary = vocabulary_of(config, tasks, indexed, start)
    module = _module(config, vocabulary, start).to(device)
    # split -> its sentences by task, without tasks and splits that have none
    splits = {
        split: by_task
        for split in SPLITS
        if (by_task := [(name, part) for name in config.tasks if (part := indexed[name].splits.get(split))])
    }
    words = chain.from_iterable(part.forms for by_task in splits.values() for _, part in by_task)
    task_tokens = map(task_token, config.tasks) if config.sharing == "te_enc" else ()
    forms = Forms.of(chain(task_tokens, words), vocabulary, spell=module.spell).to(device)
    singles = singletons(part for _, part in splits["train"]) if vocabulary.unknown else set()
    data = {name: task_data(tasks[name], indexed[name]) for name in config.tasks}
    own_id, former_id = run_ids(config, data, start.digest(vocabulary.words))
    run = Run(
        config=config,
        tasks={name: tasks[name] for name in config.tasks},
        vocabulary=vocabulary,
        gold={split: {name: part.sentences for name, part in by_task} for split, by_task in splits.items()},
        corpora={split: _corpus(by_task, config, vocabulary, forms, module) for split, by_task in splits.items()},
        rare=torch.from_numpy(np.fromiter((form.lower() in singles for form in forms.index), dtype=np.bool_)),
        module=module,
        start=start,
        optimizer=make_optimizer(module, config.training),
        schedule=Schedule(config.training.learning_rate, strict=config.training.patience == "strict"),
        task_data=data,
        id=own_id,
        former_id=former_id,
        total_updates=total_updates(config, [len(part) for _, part in splits["train"]]),
    )
    run.tag_weights()  # raises for a tag that no task has
    return run


def _module(config: RunConfig, vocabulary: Vocabulary, start: Start) -> TaggerModule:
    """The module before the first update, with the parameters fixed that no update changes."""
    if start.base is None:
        module = make_module(config, vocabulary, start.vectors, start.encoder)
    else:
        module = extend_module(config, vocabulary, start.vectors, start.base.module, start.base.vocabulary)
    for parameter in fixed_parameters(module, config, vocabulary):
        parameter.requires_grad_(False)
    return module


def _corpus(
    by_task: Sequence[tuple[str, IndexedSplit]],
    config: RunConfig,
    vocabulary: Vocabulary,
    forms: Forms,
    module: TaggerModule,
) -> Corpus:
    """The sentences of a split of all tasks, with their states of a frozen encoder, if the module has one."""
    corpus = build_corpus(by_task, vocabulary, forms, token=config.sharing == "te_enc")
    states = module.corpus_states([part for _, part in by_task], cached=True)
    return replace(corpus, states=states).to(module.device)


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
    for parameter in (each for each in module.parameters() if each.requires_grad):
        groups[id(parameter) in encoder, bool(decay) and parameter.ndim < 2]["params"].append(parameter)
    filled = [group for group in groups.values() if group["params"]]
    kind = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.AdamW
    # fused, because it makes one pass over each table instead of a dozen
    return kind(filled, lr=settings.learning_rate, fused=True)


def fixed_parameters(module: TaggerModule, config: RunConfig, vocabulary: Vocabulary) -> Iterator[nn.Parameter]:
    """The parameters that no update changes: decoders of kept tasks, and with ``freeze`` those of the encoder."""
    for number, name in enumerate(vocabulary.decoders):
        if name in config.kept:
            yield from module.decoder(number).parameters()
    if config.training.freeze == "encoder":
        yield from (p for name, p in module.named_parameters() if name != "tasks" and not name.startswith("decoders."))


def total_updates(config: RunConfig, sizes: Sequence[int]) -> int:
    """The number of updates of a training that nothing ends early; ``sizes`` are the tasks' training sets."""
    training = config.training
    return training.max_updates or training.max_epochs * updates_of_epoch(config.tasks, sizes, training)


def vocabulary_of(
    config: RunConfig, tasks: Mapping[str, Task], indexed: Mapping[str, IndexedTask], start: Start
) -> Vocabulary:
    """The vocabulary of a run's tasks, and of the tagger from which it goes on."""
    splits = {name: indexed[name].splits for name in config.tasks}
    unknown = config.training.unknown_rate > 0
    outside = {name: tasks[name].trained_outside for name in config.tasks}
    has_vector = start.vectors.index
    found = build_vocabulary(splits, config.sharing, unknown=unknown, has_vector=has_vector, outside=outside)
    found = encoder_vocabulary(config, found)
    if start.base is None:
        return found
    for name in config.tasks:
        old, new = start.base.schemes.get(name, "plain"), tasks[name].trained_scheme
        if "plain" not in (old, new) and old != new:
            raise DataError(
                f"task {name}: has tags in the scheme {new}, and in {config.base} those of {old}; "
                f'set convert_to = "{old}" for it, or give it another name'
            )
    return merge_vocabularies(start.base.vocabulary, found, config.kept)


def run_ids(config: RunConfig, data: Mapping[str, TaskData], vectors: str) -> tuple[str, str]:
    """The id of a run, and its id in an earlier tagmates; ``vectors`` is the digest of its words' vectors."""
    former = {task: [hashes["digest"], hashes["score"]] for task, hashes in data.items()}
    return (
        run_id(config, {"data": data, "vectors": vectors}),
        former_run_id(config, {"data": former, "vectors": vectors}),
    )
