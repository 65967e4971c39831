"""One training: its data, its parameters, its place in the schedule (protocol sections 2 and 3)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from tagmates.batching.batches import Selection
from tagmates.batching.corpus import Corpus, Forms, encode
from tagmates.batching.sampling import epoch_batches
from tagmates.batching.vectors import Vectors
from tagmates.batching.vocabulary import Vocabulary, build_vocabulary, singletons
from tagmates.config import RunConfig, former_run_id, run_id
from tagmates.data.indexing import IndexedTask
from tagmates.data.sentence import Sentence, task_token
from tagmates.data.task import SPLITS, Task
from tagmates.data.task_data import TaskData, task_data
from tagmates.model.network import TaggerModule
from tagmates.model.tagger import Tagger
from tagmates.seeding import generator
from tagmates.training.predict import Gold, evaluate, gold_of, mean_f1, predict
from tagmates.training.schedule import Schedule
from tagmates.training.scores import Numbers, TaskScores


@dataclass(slots=True, eq=False)
class Run:
    """Knows nothing of lanes, folders or progress; ``epoch`` counts finished epochs."""

    config: RunConfig
    tasks: Mapping[str, Task]
    vocabulary: Vocabulary
    gold: Mapping[str, Mapping[str, Sequence[Sentence]]]  # split -> task -> sentences
    corpora: Mapping[str, Corpus]  # split -> the same, encoded
    once: Tensor  # per form, whether training may read it as unknown
    module: TaggerModule
    vectors: Vectors
    optimizer: torch.optim.Adam
    schedule: Schedule
    task_data: Mapping[str, TaskData]
    id: str
    former_id: str  # under which an earlier tagmates began it
    epoch: int = 0
    updates: int = 0
    step: int = 0  # updates in this epoch
    loss: float = 0.0  # summed over this epoch's sentences
    seconds: float = 0.0  # of training and validation, over all epochs; of those in company, its share
    batches: list[Int[Tensor, " batch"]] = field(default_factory=list)  # of the epoch at hand; none between two
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)  # parameters of the best epoch
    gold_units: dict[str, dict[str, Gold]] = field(default_factory=dict)  # split -> task, of the splits scored so far

    @property
    def token(self) -> bool:
        """Whether a task token stands before every sentence."""
        return self.config.sharing == "te_enc"

    @property
    def tagger(self) -> Tagger:
        """The run's parameters as a tagger."""
        return Tagger(self.config, self.vocabulary, self.module, self.vectors)

    def pairs(self, split: str) -> list[tuple[str, Sentence]]:
        """The sentences of a split, each with its task, as they stand in its corpus."""
        return [(task, sentence) for task, sentences in self.gold[split].items() for sentence in sentences]

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next update."""
        return self.schedule.rate(self.config.training, self.updates)

    def loss_weights(self) -> Float[Tensor, " tasks"]:
        """The weight of each task's loss."""
        weights = [self.config.training.loss_weights.get(task, 1.0) for task in self.vocabulary.tasks]
        return torch.tensor(weights, device=self.module.words.device)

    def begin_epoch(self) -> None:
        """Draw the sentences of the next epoch's batches."""
        corpus = self.corpora["train"]
        members = [(corpus.task == t).nonzero().squeeze(1) for t in range(len(self.vocabulary.tasks))]
        settings, seed = self.config.training, self.config.seed
        batches = epoch_batches(self.vocabulary.tasks, members, corpus.lengths, settings, seed, self.epoch)
        left = None if settings.max_updates is None else settings.max_updates - self.updates
        self.batches = batches[:left]
        self.step, self.loss = 0, 0.0

    def select(self) -> tuple[Selection, torch.Generator]:
        """The next batch's sentences, and the generator of everything that is drawn for it."""
        corpus = self.corpora["train"]
        draw = generator(self.config.seed, "dropout", self.epoch, self.step)
        hidden = None
        if self.vocabulary.unknown:
            hidden = self.once & (torch.rand(len(self.once), generator=draw) < self.config.training.unknown_rate)
        return Selection.own_tasks(corpus, self.batches[self.step], hidden), draw

    def step_alone(self) -> None:
        """Apply the gradients that the batch of this step left: clip, then Adam."""
        settings = self.config.training
        for parameter in self.module.parameters():
            if parameter.grad is None:  # a decoder without a sentence in this batch; Adam is dense all the same
                parameter.grad = torch.zeros_like(parameter)
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), settings.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate
        self.optimizer.step()

    def count(self, loss: float) -> None:
        """An update has been made."""
        self.loss += loss
        self.step += 1
        self.updates += 1

    def end_epoch(self, predicted: Numbers) -> dict[str, Any]:
        """Follow the schedule with what is predicted for dev, and return the epoch's line of metrics."""
        rate = self.schedule.rate(self.config.training, self.updates - 1)
        scores = self.score("dev", predicted)
        self.epoch += 1
        self.schedule.step(mean_f1(scores), self.config.training)
        if self.schedule.is_best:
            self.best = {name: p.detach().clone() for name, p in self.module.named_parameters()}
        line = {
            "epoch": self.epoch,
            "updates": self.updates,
            "loss": self.loss / sum(map(len, self.batches)),
            "learning_rate": rate,  # of the epoch's last update
            "dev": {task: s.total.f1 for task, s in scores.items()},
            "dev_mean": self.schedule.scores[-1],
            "best_epoch": self.schedule.best_epoch,
            "seconds": round(self.seconds, 3),
        }
        self.history.append(line)
        self.batches = []
        return line

    def is_finite(self) -> bool:
        """Whether this epoch's loss and the parameters are numbers still."""
        finite = torch.stack([p.isfinite().all() for p in self.module.parameters()])
        return math.isfinite(self.loss) and bool(finite.all())

    def why_stop(self) -> str | None:
        """Why training ends after this epoch, or None."""
        return self.schedule.why_stop(self.config.training, self.updates) if self.epoch else None

    def load(self, parameters: Mapping[str, Tensor]) -> None:
        """Put these tensors in the place of the parameters."""
        with torch.no_grad():
            for name, parameter in self.module.named_parameters():
                parameter.copy_(parameters[name])

    def scores(self, split: str) -> dict[str, TaskScores]:
        """Scores of every task that has the split."""
        (predicted,) = predict_side_by_side([self], split)
        return self.score(split, predicted)

    def score(self, split: str, predicted: Numbers) -> dict[str, TaskScores]:
        """Scores of every task that has the split, from the labels predicted for the tokens of its corpus."""
        if split not in self.gold_units:
            self.gold_units[split] = gold_of(self.corpora[split], self.gold[split], self.tasks, token=self.token)
        return evaluate(predicted, self.gold_units[split])


def predict_side_by_side(runs: Sequence[Run], split: str) -> list[Numbers]:
    """For every run, the best label of every token of a split's corpus."""
    tables = [run.module.open_tables(len(run.vocabulary.words)) for run in runs]
    return predict([run.module for run in runs], [run.corpora[split] for run in runs], tables)


def prepare_run(
    config: RunConfig,
    tasks: Mapping[str, Task],
    coded: Mapping[str, IndexedTask],
    vectors: Vectors,
    device: str = "cpu",
) -> Run:
    """A run before its first update: vocabulary, encoded sentences, initial parameters.

    What depends on a task alone was made when it was ``coded``.

    Raises DataError where vectors have another size than the model asks for.
    """
    vectors.check_size(config.model.word_size)
    own = {name: coded[name].splits for name in config.tasks}
    vocabulary = vocabulary_of(config, tasks, coded, vectors)
    token = config.sharing == "te_enc"
    parts = {
        split: some
        for split in SPLITS
        if (some := [(name, own[name][split]) for name in config.tasks if own[name].get(split)])
    }
    tokens = chain.from_iterable(part.forms for some in parts.values() for _, part in some)
    forms = Forms.of(chain(map(task_token, config.tasks), tokens) if token else tokens, vocabulary).to(device)
    module = TaggerModule(vocabulary, config.sharing, config.model, config.seed, vectors).to(device)
    rare = singletons(part for _, part in parts["train"]) if vocabulary.unknown else set()
    data = {name: task_data(tasks[name], coded[name]) for name in config.tasks}
    new, former = run_ids(config, data, vectors.digest(vocabulary.words))
    return Run(
        config=config,
        tasks={name: tasks[name] for name in config.tasks},
        vocabulary=vocabulary,
        gold={split: {name: part.sentences for name, part in some} for split, some in parts.items()},
        corpora={s: encode(some, vocabulary, forms, token=token).to(device) for s, some in parts.items()},
        once=torch.from_numpy(np.fromiter((form.lower() in rare for form in forms.index), dtype=np.bool_)),
        module=module,
        vectors=vectors,
        # fused: one pass over each table instead of a dozen
        optimizer=torch.optim.Adam(module.parameters(), lr=config.training.learning_rate, fused=True),
        schedule=Schedule(config.training.learning_rate, strict=config.training.patience == "strict"),
        task_data=data,
        id=new,
        former_id=former,
    )


def vocabulary_of(
    config: RunConfig, tasks: Mapping[str, Task], coded: Mapping[str, IndexedTask], vectors: Vectors
) -> Vocabulary:
    """The vocabulary of a run's tasks."""
    own = {name: coded[name].splits for name in config.tasks}
    unknown = config.training.unknown_rate > 0
    outside = {name: tasks[name].trained_outside for name in config.tasks}
    return build_vocabulary(own, config.sharing, unknown=unknown, has_vector=vectors.index, outside=outside)


def run_ids(config: RunConfig, data: Mapping[str, TaskData], vectors: str) -> tuple[str, str]:
    """The id of a run, and the one it had in an earlier tagmates; ``vectors`` is the digest of its words' vectors."""
    former = {task: [some["digest"], some["score"]] for task, some in data.items()}
    return (
        run_id(config, {"data": data, "vectors": vectors}),
        former_run_id(config, {"data": former, "vectors": vectors}),
    )
