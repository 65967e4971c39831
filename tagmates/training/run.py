"""The state of a run: its data, parameters, optimizer and schedule (protocol section 3)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tagmates.batching.batches import LaneSelection
from tagmates.batching.corpus import Corpus
from tagmates.batching.sampling import epoch_batches
from tagmates.batching.vocabulary import Vocabulary
from tagmates.config import RunConfig
from tagmates.data.sentence import Sentence
from tagmates.data.task import Task
from tagmates.data.task_data import TaskData
from tagmates.errors import ConfigError
from tagmates.formatting import suggestion
from tagmates.model.network import TaggerModule
from tagmates.model.tagger import Tagger
from tagmates.seeding import generator
from tagmates.training.predict import Gold, gold_of, mean_f1, predict, score_tasks
from tagmates.training.schedule import Schedule, index_of_best
from tagmates.training.scores import Numbers, TaskScores
from tagmates.training.start import Start


@dataclass(slots=True, eq=False)
class Run:
    """One run, which knows nothing about other lanes, its folder or how its progress is shown."""

    config: RunConfig
    tasks: Mapping[str, Task]
    vocabulary: Vocabulary
    gold: Mapping[str, Mapping[str, Sequence[Sentence]]]  # split -> task -> sentences
    corpora: Mapping[str, Corpus]  # split -> the same sentences, indexed
    rare: Tensor  # per form, whether its word occurs once in training, so that it may be read as unknown
    module: TaggerModule
    start: Start
    optimizer: torch.optim.Adam | torch.optim.AdamW
    schedule: Schedule
    task_data: Mapping[str, TaskData]
    id: str
    former_id: str  # its id in an earlier tagmates
    total_updates: int  # of a whole training, if nothing ends it earlier
    epoch: int = 0  # finished epochs
    updates: int = 0
    step: int = 0  # updates in this epoch
    loss: float = 0.0  # summed over this epoch's sentences
    seconds: float = 0.0  # of training and validation, in all epochs; where runs share updates, its share
    batches: list[Int[Tensor, " batch"]] = field(default_factory=list)  # of the current epoch; empty between two epochs
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)  # parameters of the best epoch
    best_of_tasks: dict[int, dict[str, Tensor]] = field(default_factory=dict)  # epoch -> its, with best_per_task
    gold_units: dict[str, dict[str, Gold]] = field(default_factory=dict)  # split -> task, for the splits scored so far

    @property
    def token(self) -> bool:
        """Whether every sentence begins with a task token."""
        return self.config.sharing == "te_enc"

    @property
    def tagger(self) -> Tagger:
        """The run's parameters as a tagger."""
        return Tagger(self.config, self.vocabulary, self.module, self.start.vectors)

    def pairs(self, split: str) -> list[tuple[str, Sentence]]:
        """The sentences of a split in the order of its corpus, each with its task."""
        return [(task, sentence) for task, sentences in self.gold[split].items() for sentence in sentences]

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next update."""
        return self.schedule.rate(self.config.training, self.updates, self.total_updates)

    @property
    def shares_updates(self) -> bool:
        """Whether other runs may take their updates in one program with this one."""
        training = self.config.training
        alone = training.optimizer != "adam" or training.accumulation > 1 or self.start.base is not None
        return self.module.shares_updates and not alone

    def loss_weights(self) -> Float[Tensor, " tasks"]:
        """The weight of each task's loss."""
        weights = [self.config.training.loss_weights.get(task, 1.0) for task in self.vocabulary.tasks]
        return torch.tensor(weights, device=self.module.device)

    def tag_weights(self) -> Float[Tensor, "tasks labels"]:
        """The weight of each task's tags in the loss. Raises ConfigError for a tag that a task does not have."""
        vocabulary = self.vocabulary
        found = torch.ones(len(vocabulary.tasks), max(map(len, vocabulary.labels.values())), device=self.module.device)
        for task, weights in self.config.training.tag_weights.items():
            labels = vocabulary.labels[vocabulary.decoder_of(task)]  # of all tasks that share the decoder
            numbers = {labels[number]: number for number in self._own_labels(task)}
            for tag, weight in weights.items():
                if tag not in numbers:
                    hint = suggestion(tag, numbers)
                    raise ConfigError(
                        f"training.tag_weights.{task}: {tag!r} is no tag of the task{hint}; name one of them"
                    )
                found[vocabulary.tasks.index(task), numbers[tag]] = weight
        return found

    def _own_labels(self, task: str) -> list[int]:
        """The numbers of the tags that occur in the training data of a task."""
        corpus = self.corpora["train"]
        own = corpus.tags[(corpus.task == self.vocabulary.tasks.index(task)).repeat_interleave(corpus.lengths)]
        return [number for number in own.unique().tolist() if number >= 0]

    def begin_epoch(self) -> None:
        """Draw the sentences of the next epoch's batches."""
        corpus = self.corpora["train"]
        tasks, settings, seed = self.config.tasks, self.config.training, self.config.seed
        members = [(corpus.task == self.vocabulary.tasks.index(task)).nonzero().squeeze(1) for task in tasks]
        batches = epoch_batches(tasks, members, corpus.lengths, settings, seed, self.epoch)
        left = None if settings.max_updates is None else settings.max_updates - self.updates
        self.batches = batches[:left]
        self.step, self.loss = 0, 0.0

    def select(self) -> tuple[LaneSelection, torch.Generator]:
        """The sentences of the next batch, and the generator of all its random draws."""
        corpus = self.corpora["train"]
        draw = generator(self.config.seed, "dropout", self.epoch, self.step)
        hidden = None
        if self.vocabulary.unknown:
            hidden = self.rare & (torch.rand(len(self.rare), generator=draw) < self.config.training.unknown_rate)
        return LaneSelection.own_tasks(corpus, self.batches[self.step], hidden), draw

    def step_alone(self) -> None:
        """Update the parameters from their gradients: clip, then Adam or AdamW."""
        settings = self.config.training
        trained = [parameter for parameter in self.module.parameters() if parameter.requires_grad]
        for parameter in trained:
            if parameter.grad is None:  # a decoder without a sentence in this batch, which Adam moves all the same
                parameter.grad = torch.zeros_like(parameter)
        torch.nn.utils.clip_grad_norm_(trained, settings.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate * group["factor"]
        self.optimizer.step()

    def count_update(self, loss: float) -> None:
        """Note that an update with this loss has been made."""
        self.loss += loss
        self.step += 1
        self.updates += 1

    def end_epoch(self, predicted: Numbers | None) -> dict[str, Any]:
        """Score the labels predicted for dev, take the schedule's next step, and return the epoch's line of metrics.

        Without a dev set (None) every epoch counts as better than the one before.
        """
        rate = self.schedule.rate(self.config.training, self.updates - 1, self.total_updates)
        scores = {} if predicted is None else self.score("dev", predicted)
        self.epoch += 1
        chosen = self.config.training.select
        mean = mean_f1(scores) if scores else float(self.epoch)
        self.schedule.step(scores[chosen].total.f1 if chosen else mean, self.config.training)
        if self.schedule.is_best:
            self.best = self._parameters()
        line = {
            "epoch": self.epoch,
            "updates": self.updates,
            "loss": self.loss / sum(map(len, self.batches)),
            "learning_rate": rate,  # of the epoch's last update
            "dev": {task: s.total.f1 for task, s in scores.items()},
            "dev_mean": mean if scores else None,
            "best_epoch": self.schedule.best_epoch,
            "seconds": round(self.seconds, 6),
        }
        self.history.append(line)
        if self.config.training.weights == "best_per_task":
            self._keep_best_of_tasks()
        self.batches = []
        return line

    def best_epochs(self) -> dict[str, int]:
        """The epoch in which each task's own dev F1 is best."""
        scores = {task: [line["dev"][task] for line in self.history] for task in self.history[-1]["dev"]}
        return {task: index_of_best(own, strict=self.schedule.strict) + 1 for task, own in scores.items()}

    def _keep_best_of_tasks(self) -> None:
        """Keep the parameters of every epoch that is the best one of some task, and those of no other epoch."""
        wanted = set(self.best_epochs().values())
        if self.epoch in wanted:
            self.best_of_tasks[self.epoch] = self.best if self.schedule.is_best else self._parameters()
        self.best_of_tasks = {epoch: self.best_of_tasks[epoch] for epoch in sorted(wanted)}

    def _parameters(self) -> dict[str, Tensor]:
        """A copy of all parameters."""
        return {name: p.detach().clone() for name, p in self.module.named_parameters()}

    def is_finite(self) -> bool:
        """Whether this epoch's loss and all parameters are finite."""
        finite = torch.stack([p.isfinite().all() for p in self.module.parameters()])
        return math.isfinite(self.loss) and bool(finite.all())

    def why_stop(self) -> str | None:
        """The reason to end training after this epoch, or None."""
        return self.schedule.why_stop(self.config.training, self.updates) if self.epoch else None

    def load(self, parameters: Mapping[str, Tensor]) -> None:
        """Set the parameters to these values."""
        with torch.no_grad():
            for name, parameter in self.module.named_parameters():
                parameter.copy_(parameters[name])

    def evaluate(self, split: str) -> dict[str, TaskScores]:
        """Tag a split and score every task that has it."""
        (predicted,) = predict_side_by_side([self], split)
        return self.score(split, predicted)

    def score(self, split: str, predicted: Numbers) -> dict[str, TaskScores]:
        """The scores of every task that has the split, from the labels predicted for the tokens of its corpus."""
        if split not in self.gold_units:
            self.gold_units[split] = gold_of(self.corpora[split], self.gold[split], self.tasks, token=self.token)
        return score_tasks(predicted, self.gold_units[split])


def predict_side_by_side(runs: Sequence[Run], split: str) -> list[Numbers]:
    """The best label of every token of a split's corpus, for every run."""
    tables = [run.module.open_tables(len(run.vocabulary.words)) for run in runs]
    return predict([run.module for run in runs], [run.corpora[split] for run in runs], tables)
