"""A tagger whose encoder is a pretrained transformer, fine-tuned: sub-words in windows → states of tokens.

The decoders are those of the paper, and so is the meaning of the four ways of sharing: in ``te_enc`` the first token of
a sentence is its task, here a new sub-word of the encoder with an embedding of its own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tagmates.batching.batches import Batch
from tagmates.batching.vocabulary import Vocabulary
from tagmates.config import ModelSettings, Sharing
from tagmates.data.sentence import task_token
from tagmates.model.embedding import Tables
from tagmates.model.network import TaggerModule
from tagmates.model.pretrained_encoder import add_rows
from tagmates.model.subwords import Subwords
from tagmates.model.window_reader import WindowReader
from tagmates.model.windows import subword_sequence
from tagmates.seeding import generator


class TransformerTagger(TaggerModule):
    """A tagger whose encoder is ``transformer``, a module of Hugging Face ``transformers``."""

    shares_updates = False
    transformer: Any

    def __init__(
        self,
        vocabulary: Vocabulary,
        sharing: Sharing,
        settings: ModelSettings,
        seed: int,
        transformer: nn.Module,
        subwords: Subwords,
    ) -> None:
        """Take over the encoder's parameters, and initialise the others as functions of ``seed``.

        In ``te_enc`` the encoder must already have an embedding for every task (``add_task_subwords``).
        """
        super().__init__(sharing, settings)
        self.transformer = transformer
        self.subwords = subwords
        table = self.transformer.get_input_embeddings()
        first = table.num_embeddings - len(vocabulary.tasks)
        tasks = vocabulary.tasks if sharing == "te_enc" else ()
        self.task_subwords = {task_token(task): [first + i] for i, task in enumerate(tasks)}
        self.add_decoders(vocabulary, int(self.transformer.config.hidden_size), seed)

    def spell(self, form: str) -> Sequence[int]:
        """The numbers of the sub-words of a word; the token of a task is a sub-word of its own."""
        return self.task_subwords.get(form) or self.subwords.spell(form)

    @property
    def reader(self) -> WindowReader:
        """The encoder as it reads sentences."""
        return WindowReader(self.transformer, self.subwords, task_first=self.sharing == "te_enc")

    @staticmethod
    def encode(
        modules: Sequence[TaggerModule],
        batch: Batch,
        draws: Sequence[torch.Generator] | None,
        tables: Sequence[Tables | None] | None,
    ) -> Float[Tensor, "lanes positions states"]:
        """The state of every token: that of its first sub-word, or the mean of its sub-words' states."""
        (module,) = modules
        assert isinstance(module, TransformerTagger)
        with _dropout(module.transformer, draws):
            return module.reader.tokens(subword_sequence(batch), module.settings.pooling).unsqueeze(0)

    def open_tables(self, num_words: int) -> None:
        """None: the encoder has no look-up tables, because it spells every word in sub-words of its own."""

    def tables_of(self, words: Tensor, num_words: int, vectors: Tensor) -> None:
        """None: the encoder has no look-up tables."""

    def pretrained_parameters(self) -> Iterable[nn.Parameter]:
        """The encoder's parameters."""
        found: Iterable[nn.Parameter] = self.transformer.parameters()
        return found

    def task_token_rows(self, parameters: Mapping[str, Tensor], vocabulary: Vocabulary) -> Float[Tensor, "tasks size"]:
        """The embeddings of the tasks' sub-words, among these values of the parameters."""
        table = self.transformer.get_input_embeddings().weight
        name = next(name for name, parameter in self.named_parameters() if parameter is table)
        return parameters[name][-len(vocabulary.tasks) :]


def add_task_subwords(transformer: nn.Module, vocabulary: Vocabulary, seed: int) -> None:
    """Give the encoder a sub-word for every task, whose embeddings are drawn like those of other sub-words."""
    module: Any = transformer
    table = module.get_input_embeddings().weight.detach()
    rows = torch.empty(len(vocabulary.tasks), table.shape[1]).normal_(generator=generator(seed, "tasks"))
    add_rows(transformer, table.mean(0) + table.std(0) * rows)


def arrange_task_subwords(transformer: nn.Module, vocabulary: Vocabulary, known: Vocabulary, seed: int) -> None:
    """Bring the task sub-words of an encoder that has those of ``known`` into the order of ``vocabulary``.

    Those of new tasks are drawn like those of ``add_task_subwords``.
    """
    module: Any = transformer
    table = module.get_input_embeddings().weight.detach()
    pieces, learned = table.split([len(table) - len(known.tasks), len(known.tasks)])
    drawn = torch.empty(len(vocabulary.tasks), table.shape[1]).normal_(generator=generator(seed, "tasks"))
    rows = pieces.mean(0) + pieces.std(0) * drawn
    for row, task in enumerate(vocabulary.tasks):
        if task in known.tasks:
            rows[row] = learned[known.tasks.index(task)]
    if len(rows) > len(learned):
        add_rows(transformer, rows[len(learned) :])
    with torch.no_grad():
        module.get_input_embeddings().weight[-len(rows) :] = rows


@contextmanager
def _dropout(transformer: nn.Module, draws: Sequence[torch.Generator] | None) -> Iterator[None]:
    """Turn dropout on if there are draws, as a function of them alone: torch's global generator is then set back."""
    transformer.train(draws is not None)
    if draws is None:
        yield
        return
    device = next(transformer.parameters()).device
    seed = int(torch.randint(2**62, (), generator=draws[0]))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
