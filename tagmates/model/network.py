"""The tagger: its parameters for the four ways of sharing, and its tensor functions over lanes (protocol section 1).

``encode`` gives the encoder's states of a batch, ``losses`` the training loss, and ``decode`` the best labels.
``reference_loss`` in ``tests/model/test_network.py`` is the plainest statement of the model: it computes the same loss
sentence by sentence, token by token.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from tagmates.batching.batches import Batch, Group
from tagmates.batching.packed_sequence import on_device
from tagmates.batching.token_states import TokenStates
from tagmates.batching.vocabulary import Vocabulary
from tagmates.config import ModelSettings, Sharing
from tagmates.data.indexing import IndexedSplit
from tagmates.model.crf import LinearChainCRF
from tagmates.model.decoder import Decoder, group_distribution
from tagmates.model.embedding import Tables, uniform_table
from tagmates.model.parameter_stacking import stacked, with_gradient
from tagmates.model.window_reader import WindowReader
from tagmates.seeding import generator

BATCH_TOKENS = 4000  # the approximate number of tokens of a lane in a batch that is decoded


class TaggerModule(nn.Module, ABC):
    """All parameters of one run: those of an encoder, which a subclass has, and those of the decoders.

    ``stl`` and ``multi_dec`` have one decoder per task; ``te_dec`` and ``te_enc`` have one for all tasks. In ``te_dec``
    the decoder also reads task embeddings (``tasks``). In ``te_enc`` the first token of a sentence is its task.
    """

    shares_updates: ClassVar[bool] = True  # whether several lanes can be computed in one program

    def __init__(self, sharing: Sharing, settings: ModelSettings) -> None:
        """A module without parameters; a subclass adds its encoder's, then calls ``add_decoders``."""
        super().__init__()
        self.settings, self.sharing = settings, sharing
        self.tasks: nn.Parameter | None

    def add_decoders(self, vocabulary: Vocabulary, width: int, seed: int) -> None:
        """Add the decoders, and the task embeddings of ``te_dec``, for states of this width (protocol section 1).

        All random draws are functions of ``seed``.
        """
        self.tasks = None
        if self.sharing == "te_dec":
            self.tasks = nn.Parameter(
                uniform_table(len(vocabulary.tasks), self.settings.task_size, generator(seed, "tasks"))
            )
            width += self.settings.task_size
        self.decoders = nn.ModuleList(
            Decoder(width, len(labels), generator(seed, f"decoder {name}"))
            for name, labels in vocabulary.labels.items()
        )

    @staticmethod
    @abstractmethod
    def encode(
        modules: "Sequence[TaggerModule]",
        batch: Batch,
        draws: Sequence[torch.Generator] | None,
        tables: "Sequence[Tables | None] | None",
    ) -> Float[Tensor, "lanes positions states"]:
        """The encoder's states at every position; see ``encode`` of this file."""

    @abstractmethod
    def open_tables(self, num_words: int) -> Tables | None:
        """The look-up tables for tagging sentences that were indexed for training; None if the encoder has none."""

    @abstractmethod
    def tables_of(
        self, words: Int[Tensor, " forms"], num_words: int, vectors: Float[Tensor, "new word_size"]
    ) -> Tables | None:
        """The look-up tables of ``open_tables``, but with a word table of only these words, in their order.

        Numbers above ``num_words``, which is the unknown word, stand for the rows of ``vectors``.
        """

    @abstractmethod
    def task_token_rows(self, parameters: Mapping[str, Tensor], vocabulary: Vocabulary) -> Float[Tensor, "tasks size"]:
        """The vectors of the task tokens of ``te_enc`` among these values of the parameters."""

    def task_rows(self, parameters: Mapping[str, Tensor], vocabulary: Vocabulary) -> Float[Tensor, "tasks size"]:
        """The embeddings of the tasks (``te_dec``), or the vectors of their tokens (``te_enc``), in these values."""
        return parameters["tasks"] if self.tasks is not None else self.task_token_rows(parameters, vocabulary)

    @property
    def reader(self) -> WindowReader | None:
        """The pretrained encoder with its sub-words, fine-tuned or frozen; None if there is none."""
        return None

    def tensors(self) -> dict[str, Tensor]:
        """All numbers of a trained tagger by name: its parameters, and those of an encoder that is not trained."""
        return dict(self.named_parameters())

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over these numbers, named as in ``tensors``, without copying them."""
        self.load_state_dict(dict(tensors), strict=False, assign=True)

    def corpus_states(self, parts: Sequence[IndexedSplit], *, cached: bool) -> TokenStates | None:
        """The states of the tokens of these splits in an encoder that is not trained; None if there is none.

        If ``cached``, those of a large split are kept on disk.
        """

    def pretrained_parameters(self) -> Iterable[nn.Parameter]:
        """The parameters of a pretrained encoder that is fine-tuned; by default there are none."""
        return ()

    def spell(self, form: str) -> Sequence[int] | None:
        """The numbers of the parts of a word that the encoder reads; None if these are the vocabulary's characters."""

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        return self.decoder(0).bias.device

    def decoder(self, number: int) -> Decoder:
        """The decoder with this number in the vocabulary's order."""
        decoder = self.decoders[number]
        assert isinstance(decoder, Decoder)
        return decoder

    def all_decoders(self) -> list[Decoder]:
        """The decoders in the vocabulary's order."""
        return [self.decoder(number) for number in range(len(self.decoders))]


def encode(
    modules: Sequence[TaggerModule],
    batch: Batch,
    draws: Sequence[torch.Generator] | None = None,
    tables: Sequence[Tables | None] | None = None,
) -> Float[Tensor, "lanes positions states"]:
    """The states of the encoder at every position; all lanes have the same kind of encoder.

    ``draws`` (one generator per lane) turn dropout on; ``tables`` replace the modules' own look-up tables.
    """
    return modules[0].encode(modules, batch, draws, tables)


def distribution(
    modules: Sequence[TaggerModule], group: Group, states: Float[Tensor, "lanes positions size"]
) -> LinearChainCRF:
    """The CRF of one group of decoders over the encoder's states."""
    decoders = [modules[lane].decoder(number) for lane, number in group.decoders]
    task_tables = [modules[lane].tasks for lane, _ in group.decoders]
    return group_distribution(decoders, task_tables, group, states)


def losses(
    modules: Sequence[TaggerModule],
    batch: Batch,
    draws: Sequence[torch.Generator] | None,
    weights: Float[Tensor, "lanes tasks"],
    transition_l2: Float[Tensor, " lanes"],
    tag_weights: Float[Tensor, "lanes tasks labels"] | None = None,
) -> Float[Tensor, " lanes"]:
    """Each lane's loss (protocol section 3): - sum over sentences of weight * log p(y) + the L2 term.

    ``weights`` holds each task's weight in the loss, ``transition_l2`` the factor of the L2 term. With ``tag_weights``,
    the weight of a sentence is also multiplied by the mean weight of its gold tags.
    """
    states = encode(modules, batch, draws)
    total = transition_l2 * transition_norms(modules)
    for group in batch.groups:
        log_prob = distribution(modules, group, states).log_prob(group.tags, partial=group.partial)
        lane = on_device([lane for lane, _ in group.decoders], log_prob.device)
        weight = weights[lane].gather(1, group.task)
        if tag_weights is not None:
            weight = weight * _mean_weights(group, tag_weights[lane], token=modules[0].sharing == "te_enc")
        total = total.index_add(0, lane, -(weight * log_prob).sum(1))
    return total


def _mean_weights(
    group: Group, weights: Float[Tensor, "decoders tasks labels"], *, token: bool
) -> Float[Tensor, "decoders rows"]:
    """The mean weight of the gold tags of every sentence; 1 for a sentence without any.

    With ``token``, the first item of every sentence is its task token, which is no word and does not count.
    """
    packed = group.packed
    task = group.task.index_select(1, packed.row)
    number = torch.arange(len(weights), device=weights.device).unsqueeze(1)
    labelled = (group.tags >= 0) & packed.mask & (packed.step >= token)
    values = weights[number, task, group.tags.clamp_min(0)] * labelled
    zeros = weights.new_zeros(group.task.shape)
    total, count = (zeros.index_add(1, packed.row, each.to(weights.dtype)) for each in (values, labelled))
    return torch.where(count > 0, total / count.clamp_min(1), 1)


def transition_norms(modules: Sequence[TaggerModule]) -> Float[Tensor, " lanes"]:
    """The sum of the squared transition, start and end scores of each lane's CRFs, for the L2 term."""
    if len(modules) == 1:
        scores = [score for d in modules[0].all_decoders() for score in (d.transitions, d.start, d.end)]
        return torch.cat([with_gradient(score).flatten() for score in scores]).square().sum().unsqueeze(0)
    by_size: dict[int, list[tuple[int, Decoder]]] = {}
    for lane, module in enumerate(modules):
        for decoder in module.all_decoders():
            by_size.setdefault(len(decoder.start), []).append((lane, decoder))
    total = modules[0].decoder(0).bias.new_zeros(len(modules))
    for members in by_size.values():
        lanes = on_device([lane for lane, _ in members], total.device)
        for part in ("transitions", "start", "end"):
            squares = stacked([getattr(decoder, part) for _, decoder in members]).square()
            total = total.index_add(0, lanes, squares.flatten(1).sum(1))
    return total


@dataclass(frozen=True, slots=True)
class Decoded:
    """The best label of every token of all requests, in the order of the requests and lane after lane."""

    labels: Int[Tensor, " tokens"]
    probabilities: Float[Tensor, " tokens"] | None  # the labels' marginals, if they were asked for
    margins: Float[Tensor, " tokens"] | None = (
        None  # what the second most probable label's marginal is below the first's
    )
    distributions: tuple[tuple[Group, LinearChainCRF], ...] = ()  # if probabilities were asked for


@torch.no_grad()
def decode(
    modules: Sequence[TaggerModule],
    batch: Batch,
    tables: Sequence[Tables | None] | None = None,
    *,
    probabilities: bool = False,
) -> Decoded:
    """Tag all requests of a batch; ``tables`` replace the modules' own look-up tables."""
    states = encode(modules, batch, tables=tables)
    output, labels, marginals, margins, distributions = [], [], [], [], []
    for group in batch.groups:
        packed = group.packed
        filled = packed.mask.nonzero(as_tuple=True)
        crf = distribution(modules, group, states)
        best = crf.argmax()
        output.append((group.output.index_select(1, packed.row) + packed.step)[filled])
        labels.append(best[filled])
        if probabilities:
            every = crf.marginals()
            marginals.append(every.gather(2, best.unsqueeze(-1)).squeeze(-1)[filled].clamp(0, 1))
            margins.append(_margins(every[filled]))
            distributions.append((group, crf))
    index = torch.cat(output)
    if not probabilities:
        return Decoded(_scattered(labels, index), None)
    return Decoded(
        _scattered(labels, index), _scattered(marginals, index), _scattered(margins, index), tuple(distributions)
    )


def _margins(marginals: Float[Tensor, "tokens labels"]) -> Float[Tensor, " tokens"]:
    """The difference of the two highest probabilities; 1 where there is only one label."""
    if marginals.shape[-1] == 1:
        return torch.ones_like(marginals[:, 0])
    highest = marginals.topk(2).values
    return (highest[:, 0] - highest[:, 1]).clamp(0, 1)


def _scattered(parts: Sequence[Shaped[Tensor, " _"]], index: Int[Tensor, " tokens"]) -> Shaped[Tensor, " tokens"]:
    """The values of all parts, moved to these indices."""
    values = torch.cat(list(parts))
    return torch.empty_like(values).scatter_(0, index, values)
