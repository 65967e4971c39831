"""The tagger: its parameters for the four ways of sharing, and its tensor functions over lanes (protocol section 1).

``encode`` gives the encoder's states of a batch, ``losses`` the training loss, and ``decode`` the best labels.
``reference_loss`` in ``tests/model/test_network.py`` is the plainest statement of the model: it computes the same loss
sentence by sentence, token by token.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from tagmates.batching.batches import Batch, Group
from tagmates.batching.packed_sequence import on_device
from tagmates.batching.vectors import Vectors
from tagmates.batching.vocabulary import Vocabulary
from tagmates.config import ModelSettings, Sharing
from tagmates.model.crf import LinearChainCRF
from tagmates.model.decoder import Decoder, group_distribution
from tagmates.model.dropout import Dropout
from tagmates.model.embedding import CharacterEncoder, Tables, encode_forms, look_up, uniform_table, word_table
from tagmates.model.gru import GRULayer, stack_layers
from tagmates.model.parameter_stacking import stacked, with_gradient
from tagmates.seeding import generator

BATCH_TOKENS = 4000  # the approximate number of tokens of a lane in a batch that is decoded


class TaggerModule(nn.Module):
    """All parameters of one run.

    ``stl`` and ``multi_dec`` have one decoder per task; ``te_dec`` and ``te_enc`` have one for all tasks. In ``te_dec``
    the decoder also reads task embeddings (``tasks``). In ``te_enc`` the first token of a sentence is its task.
    """

    def __init__(
        self, vocabulary: Vocabulary, sharing: Sharing, settings: ModelSettings, seed: int, vectors: Vectors
    ) -> None:
        """Initialise as in protocol section 1; all random draws are functions of ``seed``."""
        super().__init__()
        self.settings, self.sharing = settings, sharing
        self.words = nn.Parameter(word_table(vocabulary, settings.word_size, seed, vectors))
        self.characters = CharacterEncoder(
            num_characters=len(vocabulary.characters),
            size=settings.character_size,
            hidden_size=settings.character_hidden_size,
            layers=settings.character_layers,
            draw=generator(seed, "characters"),
        )
        draw = generator(seed, "encoder")
        width = 2 * settings.hidden_size
        embedded = settings.word_size + 2 * settings.character_hidden_size
        self.encoder = nn.ModuleList(
            GRULayer(embedded if layer == 0 else width, settings.hidden_size, draw) for layer in range(settings.layers)
        )
        self.tasks: nn.Parameter | None = None
        if sharing == "te_dec":
            self.tasks = nn.Parameter(
                uniform_table(len(vocabulary.tasks), settings.task_size, generator(seed, "tasks"))
            )
            width += settings.task_size
        self.decoders = nn.ModuleList(
            Decoder(width, len(labels), generator(seed, f"decoder {name}"))
            for name, labels in vocabulary.labels.items()
        )

    def decoder(self, number: int) -> Decoder:
        """The decoder with this number in the vocabulary's order."""
        decoder = self.decoders[number]
        assert isinstance(decoder, Decoder)
        return decoder

    def all_decoders(self) -> list[Decoder]:
        """The decoders in the vocabulary's order."""
        return [self.decoder(number) for number in range(len(self.decoders))]

    def tables(self) -> Tables:
        """The trained look-up tables."""
        return Tables(self.words, self.characters.table)

    def open_tables(self, num_words: int) -> Tables:
        """The look-up tables with one more row each, for words and characters outside the vocabulary.

        Row ``num_words``, the number of its words, is the trained unknown word or, if there is none, the mean of all
        words. The last character is the mean of all characters.
        """
        words = self.words.detach()
        if len(words) == num_words:
            words = torch.cat([words, words.mean(0, keepdim=True)])
        return Tables(words, self._open_characters())

    def tables_of(
        self, words: Int[Tensor, " forms"], num_words: int, vectors: Float[Tensor, "new word_size"]
    ) -> Tables:
        """The tables of ``open_tables``, but with a word table of only these words, in their order.

        Numbers above ``num_words``, which is the unknown word, stand for the rows of ``vectors``.
        """
        table = self.words.detach()
        words = words.to(table.device)
        rows = table.index_select(0, words.clamp(max=len(table) - 1))
        if len(table) == num_words and bool((unknown := words == num_words).any()):
            rows[unknown] = table.mean(0)
        new = words > num_words
        rows[new] = vectors.to(rows)[words[new] - num_words - 1]
        return Tables(rows, self._open_characters())

    def _open_characters(self) -> Float[Tensor, "characters character_size"]:
        characters = self.characters.table.detach()
        return torch.cat([characters, characters.mean(0, keepdim=True)])


def encode(
    models: Sequence[TaggerModule],
    batch: Batch,
    draws: Sequence[torch.Generator] | None = None,
    tables: Sequence[Tables] | None = None,
) -> Float[Tensor, "lanes positions states"]:
    """The states of the word encoder at every position.

    ``draws`` (one generator per lane) turn dropout on; ``tables`` replace the models' own look-up tables.
    """
    tables = tables or [model.tables() for model in models]
    settings = [model.settings for model in models]
    forms = encode_forms(
        [model.characters for model in models],
        [table.characters for table in tables],
        batch.spelling,
        batch.characters,
        Dropout([s.character_dropout for s in settings], draws),
    )
    # a token's input: the states of its form's characters ++ its word's vector
    spelled = look_up(list(forms), batch.form)
    words = look_up([table.words for table in tables], batch.word)
    values = torch.cat([spelled, words], -1)
    dropout = Dropout([s.dropout for s in settings], draws)
    return stack_layers(values, batch.packed, [list(model.encoder) for model in models], dropout)


def distribution(
    models: Sequence[TaggerModule], group: Group, states: Float[Tensor, "lanes positions size"]
) -> LinearChainCRF:
    """The CRF of one group of decoders over the encoder's states."""
    decoders = [models[lane].decoder(number) for lane, number in group.decoders]
    task_tables = [models[lane].tasks for lane, _ in group.decoders]
    return group_distribution(decoders, task_tables, group, states)


def losses(
    models: Sequence[TaggerModule],
    batch: Batch,
    draws: Sequence[torch.Generator] | None,
    weights: Float[Tensor, "lanes tasks"],
    transition_l2: Float[Tensor, " lanes"],
) -> Float[Tensor, " lanes"]:
    """Each lane's loss (protocol section 3): - sum over sentences of weight * log p(y) + the L2 term.

    ``weights`` holds each task's weight in the loss, ``transition_l2`` the factor of the L2 term.
    """
    states = encode(models, batch, draws)
    total = transition_l2 * transition_norms(models)
    for group in batch.groups:
        log_prob = distribution(models, group, states).log_prob(group.tags, partial=group.partial)
        lane = on_device([lane for lane, _ in group.decoders], log_prob.device)
        total = total.index_add(0, lane, -(weights[lane].gather(1, group.task) * log_prob).sum(1))
    return total


def transition_norms(models: Sequence[TaggerModule]) -> Float[Tensor, " lanes"]:
    """The sum of the squared transition, start and end scores of each lane's CRFs, for the L2 term."""
    if len(models) == 1:
        scores = [score for d in models[0].all_decoders() for score in (d.transitions, d.start, d.end)]
        return torch.cat([with_gradient(score).flatten() for score in scores]).square().sum().unsqueeze(0)
    by_size: dict[int, list[tuple[int, Decoder]]] = {}
    for lane, model in enumerate(models):
        for decoder in model.all_decoders():
            by_size.setdefault(len(decoder.start), []).append((lane, decoder))
    total = models[0].words.new_zeros(len(models))
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


@torch.no_grad()
def decode(
    models: Sequence[TaggerModule],
    batch: Batch,
    tables: Sequence[Tables] | None = None,
    *,
    probabilities: bool = False,
) -> Decoded:
    """Tag all requests of a batch; ``tables`` replace the models' own look-up tables."""
    states = encode(models, batch, tables=tables)
    output, labels, marginals = [], [], []
    for group in batch.groups:
        packed = group.packed
        filled = packed.mask.nonzero(as_tuple=True)
        crf = distribution(models, group, states)
        best = crf.argmax()
        output.append((group.output.index_select(1, packed.row) + packed.step)[filled])
        labels.append(best[filled])
        if probabilities:
            marginals.append(crf.marginals().gather(2, best.unsqueeze(-1)).squeeze(-1)[filled].clamp(0, 1))
    index = torch.cat(output)
    return Decoded(_scattered(labels, index), _scattered(marginals, index) if probabilities else None)


def _scattered(parts: Sequence[Shaped[Tensor, " _"]], index: Int[Tensor, " tokens"]) -> Shaped[Tensor, " tokens"]:
    """The values of all parts, moved to these indices."""
    values = torch.cat(list(parts))
    return torch.empty_like(values).scatter_(0, index, values)
